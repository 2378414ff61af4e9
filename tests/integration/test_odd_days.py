"""Days that look unlike their past: found in a year of the sandbox's data when planted there, and only then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec
import polars as pl
import pytest

from mootech.config import QaSettings
from mootech.model import DayRange
from mootech.qa.anomalies import compared_with, unmatched, unusual
from mootech.qa.days import HeldDays, freshness, missing_days
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, blocks, judge
from mootech.qa.profile import Profile, links, profile
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS, USERS, TableSpec

YEAR = DayRange(date(2023, 6, 1), date(2024, 5, 30))
"""With Black Friday, a December, a new year, a leap day and a new column; the four weeks before it are there too."""

PLANTED = date(2024, 3, 13)
LATER = date(2026, 1, 1)
LIMITS = QaSettings()
AT_ONCE = 28
"""Days that are judged together: one by one, the year would be validated fifteen hundred times."""


@dataclass(frozen=True)
class Past:
    """A shop's year."""

    shop: Shop
    profiles: Mapping[TableSpec, Mapping[date, Profile]]
    unmatched: int
    """Days on which the tables do not fit together."""

    def planted(self, rows: pl.DataFrame, table: TableSpec = CLICKSTREAM) -> set[tuple[str, str | None]]:
        """Return the checks and columns in which these rows, as those of the planted day, are odd."""
        known = {**self.profiles[table], PLANTED: profile(table, rows)}
        return {(each.check, each.column) for each in unusual(table, PLANTED, known, LIMITS)}


def passed(shop: Shop, table: TableSpec, days: Sequence[date]) -> dict[date, pl.DataFrame]:
    """Return what the gate lets into bronze of each day that it does not stop; it judges the days together."""
    decoder = RowDecoder(table)
    rows = [[msgspec.Raw(row) for row in shop.rows(table, day, today=LATER)] for day in days]
    decoded = [decoder.decode(some) for some in rows]
    judged = judge(table, [Fetched(day, each.frame, each.reasons) for day, each in zip(days, decoded, strict=True)])
    return {
        day: each.good
        for day, some, each in zip(days, rows, judged, strict=True)
        if not blocks(LIMITS, fetched=len(some), bad=each.rejected.height)
    }


def good(shop: Shop, table: TableSpec, day: date) -> pl.DataFrame | None:
    """Return what the gate lets into bronze, None for a day that it stops."""
    return passed(shop, table, [day]).get(day)


@pytest.fixture(scope="module")
def past() -> Past:
    """A year of a small shop, as profiles of what the gate lets through."""
    shop = Shop(scale=0.25)
    profiles: dict[TableSpec, dict[date, Profile]] = {table: {} for table in TABLES}
    misfits = 0
    days = list(DayRange(YEAR.first - timedelta(weeks=4), YEAR.last))
    for some in (days[first : first + AT_ONCE] for first in range(0, len(days), AT_ONCE)):
        frames = {table: passed(shop, table, some) for table in TABLES}
        for table, of_days in frames.items():
            profiles[table] |= {day: profile(table, frame) for day, frame in of_days.items()}
        for day in some:
            bought = links(frames[TRANSACTIONS][day], frames[USERS][day], frames[PRODUCTS][day])
            misfits += bool(unmatched(bought, LIMITS))
    return Past(shop, profiles, misfits)


@pytest.fixture(scope="module")
def hits(past: Past) -> pl.DataFrame:
    """The rows of the day on which the anomalies are planted."""
    frame = good(past.shop, CLICKSTREAM, PLANTED)
    assert frame is not None
    return frame


def test_a_clean_year_raises_fewer_than_one_alarm_in_200_table_days(past: Past) -> None:
    """Growth, weekdays, seasons, campaigns and a new column are no anomalies."""
    judged = alarms = 0
    for table, known in past.profiles.items():
        for day in YEAR:
            if day in known:
                judged += 1
                alarms += bool(unusual(table, day, known, LIMITS))
    assert judged == 4 * len(YEAR) - 1  # all but the sandbox's bad day, which the gate stops
    assert 200 * (alarms + past.unmatched) < judged


def test_the_day_itself_is_clean(past: Past, hits: pl.DataFrame) -> None:
    """What is found in the planted day is what was planted."""
    assert past.planted(hits) == set()


def test_a_drop_and_a_surge_are_found(past: Past, hits: pl.DataFrame) -> None:
    """A day with three quarters of its hits gone, one with none, and one with all of them three times."""
    assert ("row_volume", None) in past.planted(hits.gather_every(4))
    assert ("row_volume", None) in past.planted(hits.head(0))
    assert ("row_volume", None) in past.planted(pl.concat([hits] * 3))


def test_a_snapshot_that_lost_a_fifth_is_found(past: Past) -> None:
    """Snapshots hardly change from day to day, so less of a change is odd."""
    users = good(past.shop, USERS, PLANTED)
    assert users is not None
    assert past.planted(users, USERS) == set()
    assert past.planted(users.head(users.height * 4 // 5), USERS) == {("row_volume", None)}


def test_a_column_that_went_empty_is_found(past: Past, hits: pl.DataFrame) -> None:
    """A column that lost its values, and one that always has them and lost a quarter."""
    assert ("null_share", "campaign") in past.planted(hits.with_columns(pl.lit(None, pl.String()).alias("campaign")))
    fewer = pl.when(pl.int_range(pl.len()) % 4 > 0).then("evar5").alias("evar5")
    assert past.planted(hits.with_columns(fewer)) == {("null_share", "evar5")}


def test_a_category_that_changed_is_found(past: Past, hits: pl.DataFrame) -> None:
    """One value takes over; one nobody has seen appears; there are too many to count."""
    most = pl.int_range(pl.len()) % 5 > 0
    currency = pl.when(most).then(pl.lit("JPY")).otherwise("currency").alias("currency")
    assert past.planted(hits.with_columns(currency)) == {("category_share", "currency")}
    new = pl.when(most).then(pl.lit("Plan 9")).otherwise("os").alias("os")
    assert past.planted(hits.with_columns(new)) == {("category_share", "os")}
    many = pl.format("{} {}", "os", "hitid_low").alias("os")
    assert past.planted(hits.with_columns(many)) == {("category_share", "os")}


def test_a_new_level_is_told_once(past: Past, hits: pl.DataFrame) -> None:
    """The second day of a change is not reproached with what the first one was."""
    tomorrow = PLANTED + timedelta(days=1)
    changed = profile(CLICKSTREAM, hits.head(hits.height // 3))
    known = {**past.profiles[CLICKSTREAM], PLANTED: changed, tomorrow: changed}
    assert unusual(CLICKSTREAM, PLANTED, known, LIMITS)
    assert not unusual(CLICKSTREAM, tomorrow, known, LIMITS)


def test_purchases_and_items_of_nobody_are_found(past: Past) -> None:
    """Users or products that are missing from the day's snapshot; a snapshot that is not there accuses nobody."""
    bought, users, products = (good(past.shop, table, PLANTED) for table in (TRANSACTIONS, USERS, PRODUCTS))
    assert bought is not None
    assert users is not None
    assert products is not None
    assert not unmatched(links(bought, users, products), LIMITS)
    assert not unmatched(links(bought, None, None), LIMITS)
    (stranger,) = unmatched(links(bought, users.head(users.height // 2), products), LIMITS)
    assert (stranger.check, stranger.column) == ("purchases_without_user", "email")
    assert 0 < stranger.data["count"] < stranger.data["of"]
    (unknown,) = unmatched(links(bought, users, products.head(2)), LIMITS)
    assert (unknown.check, unknown.column) == ("items_without_product", "items")


def test_days_that_are_not_there_are_found() -> None:
    """Gaps and a newest day that is old are warned of; blocked days are no gaps, and yesterday is not old."""
    held = [day for day in YEAR if day not in {PLANTED, PLANTED + timedelta(days=1)}]
    (gap,) = missing_days(HeldDays(USERS, held, held, [PLANTED]))
    assert gap.warning
    assert gap.data["days"] == [str(PLANTED + timedelta(days=1))]
    assert not list(missing_days(HeldDays(USERS, list(YEAR), list(YEAR))))
    (fresh,) = freshness(HeldDays(USERS, held, held, yesterday=YEAR.last))
    (old,) = freshness(HeldDays(USERS, held, held, yesterday=YEAR.last + timedelta(days=2)))
    assert (fresh.warning, old.warning) == (False, True)


def test_little_history_makes_no_alarm(past: Past, hits: pl.DataFrame) -> None:
    """With fewer than four weeks to compare with, no day is odd."""
    known = past.profiles[CLICKSTREAM]
    three = {day: known[day] for day in compared_with(PLANTED, QaSettings(history_weeks=4))[-5:] if day in known}
    assert not unusual(CLICKSTREAM, PLANTED, {**three, PLANTED: profile(CLICKSTREAM, hits.head(0))}, LIMITS)


@pytest.mark.parametrize(("rows", "odd"), [(1000, False), (1050, False), (1500, True), (600, True)])
def test_a_history_that_never_changed_bears_a_small_change(rows: int, *, odd: bool) -> None:
    """Where the deviation of the past is zero, the scale is not."""
    known = {PLANTED - timedelta(days=n): Profile(1000) for n in range(1, 100)}
    assert bool(unusual(TRANSACTIONS, PLANTED, {**known, PLANTED: Profile(rows)}, LIMITS)) is odd
