"""The share of quarantined rows of late, beside a slow and obvious count."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mootech.model import Receipt
from mootech.qa.quarantined import findings_of, share_of
from tests.rows import DAY

DAYS = st.dictionaries(
    st.integers(0, 70).map(lambda n: DAY + timedelta(days=n)), st.tuples(st.integers(0, 20), st.integers(0, 4))
)


def receipt(day: date, good: int, bad: int) -> Receipt:
    """Return the receipt of a day with so many rows."""
    name = f"{bad:016x}.parquet" if bad else None
    return Receipt("transactions", day.isoformat(), good + bad, good, bad, 0, None, name, "hash")


@given(DAYS, st.integers(0, 75).map(lambda n: DAY + timedelta(days=n)))
def test_the_share_is_that_of_the_28_days_to_the_last_one_held(days: dict[date, tuple[int, int]], until: date) -> None:
    """It counts rows of the last day held up to the limit and of the 27 days before, gaps or not, and no others."""
    share = share_of({day: receipt(day, *rows) for day, rows in days.items()}, {}, until)
    known = [day for day in days if day <= until]
    if not known:
        assert share is None
        return
    assert share is not None
    window = [day for day in known if (max(known) - day).days < 28]
    assert (share.first, share.last) == (max(known) - timedelta(days=27), max(known))
    assert share.fetched == sum(sum(days[day]) for day in window)
    assert share.quarantined == sum(days[day][1] for day in window)
    assert [day.utc_date for day in share.days] == sorted(day for day in window if days[day][1])


@given(DAYS, st.floats(0, 1))
def test_one_row_is_worth_a_look_and_more_than_the_limit_is_to_act_on(
    days: dict[date, tuple[int, int]], limit: float
) -> None:
    """Without a quarantined row there is no finding; above the limit it is wrong, up to it a warning."""
    share = share_of({day: receipt(day, *rows) for day, rows in days.items()}, {})
    found = list(findings_of("transactions", share, limit))
    if share is None or not share.quarantined:
        assert found == []
        return
    [finding] = found
    assert finding.ok is finding.warning is (share.quarantined <= limit * share.fetched or share.share <= limit)


@given(DAYS, st.data(), st.floats(0, 1))
def test_acknowledged_rows_are_shown_and_ring_no_alarm(
    days: dict[date, tuple[int, int]], data: st.DataObject, limit: float
) -> None:
    """The share shown stays; the alarm is that of the same days without the acknowledged rows, and of none with all."""
    receipts = {day: receipt(day, *rows) for day, rows in days.items()}
    names = {day: each.quarantine for day, each in receipts.items() if each.quarantine is not None}
    chosen = data.draw(st.sets(st.sampled_from(sorted(names)))) if names else set()
    plain = share_of(receipts, {})
    share = share_of(receipts, {day: names[day] for day in chosen})
    if plain is None or share is None:
        assert share is plain
        return
    assert (share.quarantined, share.fetched, share.share) == (plain.quarantined, plain.fetched, plain.share)
    assert share.acknowledged == sum(day.rows for day in plain.days if day.utc_date in chosen)
    for finding in findings_of("transactions", share, limit):
        assert finding.ok is (share.alarming <= limit)
        assert finding.warning is (finding.ok and share.acknowledged < share.quarantined)


@given(DAYS)
def test_a_note_of_other_rows_acknowledges_nothing(days: dict[date, tuple[int, int]]) -> None:
    """A day whose quarantine has changed since, and one whose receipt names no object, ring as if nobody had looked."""
    receipts = {day: receipt(day, *rows) for day, rows in days.items()}
    others = dict.fromkeys(receipts, "f" * 16 + ".parquet")
    assert share_of(receipts, others) == share_of(receipts, {})
    nameless = {day: replace(each, quarantine=None) for day, each in receipts.items()}
    share = share_of(nameless, {})
    assert share is None or share.acknowledged == 0
