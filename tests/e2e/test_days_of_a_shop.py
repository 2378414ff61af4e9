"""Shops whose days are not UTC's: no order is missing from the lake while the command exits 0."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.conftest import Mootech
from tests.environment import environment
from tests.rows import order
from tests.wire import answer, routed, serving

FIRST, LAST = date(2023, 3, 10), date(2023, 3, 14)
"""New York's clocks go forward on the 12th: that day has 23 hours."""
Orders = Callable[[date], list[dict[str, Any]]]


def placed(at: datetime) -> dict[str, Any]:
    """Return a good order of that moment."""
    seconds = int(at.timestamp())
    day = datetime.fromtimestamp(seconds, UTC).date()
    return order(f"o{seconds}", transaction_timestamp=seconds, utc_date=day.isoformat())


def every_hour(zone: str) -> Orders:
    """Return a shop whose days are those of a zone: an order every hour, the first a minute after midnight."""

    def of(day: date) -> list[dict[str, Any]]:
        begin, end = (
            datetime(each.year, each.month, each.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
            for each in (day, day + timedelta(days=1))
        )
        hours = range(round((end - begin).total_seconds() / 3600))
        return [placed(begin + timedelta(hours=hour, minutes=1)) for hour in hours]

    return of


@contextmanager
def shop(tmp_path: Path, orders: Orders) -> Iterator[Mootech]:
    """The command, an empty lake, and a real HTTP server that hands out these orders of a day."""

    def page(head: str) -> bytes:
        query = parse_qs(urlsplit(head.split()[1]).query)
        rows = orders(date.fromisoformat(query["start_date"][0]))
        return json.dumps({"data": rows, "next_cursor": None, "total": len(rows)}).encode()

    with serving([routed(lambda head: answer(page(head)))]) as wire:
        yield Mootech(environment(tmp_path / "lake", tmp_path / "state", wire.url, "key"), tmp_path)


def fetch(mootech: Mootech, *, expect: int = 0, first: date = FIRST, last: date = LAST) -> dict[str, Any]:
    """Return what an ingest of transactions says."""
    return mootech.json("ingest", "-t", "transactions", "--start", first, "--end", last, expect=expect)


@pytest.mark.parametrize(
    ("zone", "told", "missing"),
    [
        ("America/New_York", "up to 5 hours late: is the shop's day one of UTC−5, or further west?", 5 + 5 + 4 + 4),  # noqa: RUF001  # minus
        ("Europe/Berlin", "up to 1 hour early: is the shop's day one of UTC+1, or further east?", 4),
    ],
)
def test_a_shop_of_local_days_is_told_with_its_offset(tmp_path: Path, zone: str, told: str, missing: int) -> None:
    """Orders that no day holds end every run with 3, with their number and the offset that explains them."""
    with shop(tmp_path, every_hour(zone)) as mootech:
        for _ in range(2):
            [error] = fetch(mootech, expect=3)["errors"]
            assert f": {missing} of 4 days from " in error["message"]
            assert told in error["hint"]


def test_a_row_that_its_own_day_holds_is_no_loss(tmp_path: Path) -> None:
    """A shop that answers with an hour more on either side quarantines rows of other days, loses none, and exits 0.

    The first hour belongs to a day before the lake's first, and the last to one that is still to be fetched.
    """

    def orders(day: date) -> list[dict[str, Any]]:
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return [placed(begin + timedelta(minutes=minute)) for minute in (-30, 30, 720, 1410, 1470)]

    with shop(tmp_path, orders) as mootech:
        [table] = fetch(mootech)["tables"]
        assert [(day["published"], day["quarantined"]) for day in table["days"]] == [(3, 2)] * 5


def test_a_day_that_lacks_a_row_is_asked_again(tmp_path: Path) -> None:
    """An order that moved to a day published before is fetched with that day, once, and then nothing is missing."""
    moved = placed(datetime(2023, 3, 10, 23, 59, 59, tzinfo=UTC))
    late = False

    def orders(day: date) -> list[dict[str, Any]]:
        of_day = [placed(datetime(day.year, day.month, day.day, hour, tzinfo=UTC)) for hour in (1, 12)]
        return [*of_day, *([moved] if late and day <= date(2023, 3, 11) else [])]

    with shop(tmp_path, orders) as mootech:
        fetch(mootech, last=FIRST)
        late = True
        [table] = fetch(mootech, first=date(2023, 3, 11), last=date(2023, 3, 11))["tables"]
        assert [(day["utc_date"], day["published"], day["quarantined"]) for day in table["days"]] == [
            ("2023-03-11", 2, 1),
            ("2023-03-10", 3, 0),
        ]
