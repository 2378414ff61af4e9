"""The dirt the sandbox plants: as much as it says, of the kinds it says, and where it says."""

import json
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mootech.sandbox.calendar import BAD_DAY
from mootech.sandbox.dirt import RATES, Dirt
from mootech.sandbox.openapi import COLUMNS
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS, USERS, TableSpec

TODAY = date(2101, 1, 1)
SHOP = Shop()
BIG = Shop(scale=20)
EVENTS = (CLICKSTREAM, TRANSACTIONS)


def flaw_of(table: TableSpec, row: dict[str, Any]) -> str | None:
    """Say what is wrong with a row, from the row alone."""
    columns = COLUMNS[table]
    if not set(columns) <= set(row):
        return "missing"
    for name, schema in columns.items():
        kinds = schema.get("type", "string")
        allowed: dict[str, Any] = {
            "string": str,
            "integer": int,
            "number": (int, float),
            "array": list,
            "null": type(None),
        }
        if not any(isinstance(row[name], allowed[kind]) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
            return "wrong_type"
    if row.get("currency") == "ZZZ":
        return "unknown_currency"
    impossible = (
        row.get("hit_time_gmt", 0) < 0
        or not row.get("hitid_high", "0").isdigit()
        or row.get("total_purchase_usd", 0) < 0
        or len(row.get("items", [])) != row.get("total_item_quantity", 0)
        or "@" not in row.get("email", "@")
    )
    return "impossible" if impossible else None


def recount(shop: Shop, table: TableSpec, day: date, today: date) -> Dirt:
    """Count the dirt in the rows themselves."""
    rows = shop.rows(table, day, today=today)
    different = set(rows)
    found = Counter(flaw_of(table, json.loads(row)) for row in different)
    return Dirt(
        exact_duplicates=len(rows) - len(different),
        malformed={flaw.value: found[flaw.value] for flaw in RATES[table].flaws},
        late_missing=len(set(shop.rows(table, day, today=TODAY)) - different),
    )


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("day", [date(2023, 3, 1), date(2024, 2, 29), BAD_DAY])
@pytest.mark.parametrize("after", [1, 2])
def test_planted_dirt_is_what_the_rows_show(table: TableSpec, day: date, after: int) -> None:
    """What dirt() says was planted equals an independent count in the rows, before and after the late rows."""
    today = day + timedelta(days=after)
    assert SHOP.dirt(table, day, today=today) == recount(SHOP, table, day, today)


def test_every_kind_occurs() -> None:
    """On a busy day every documented kind of dirt is there."""
    day = date(2023, 3, 1)
    for table in (*EVENTS, USERS):
        planted = BIG.dirt(table, day, today=day + timedelta(days=1))
        assert planted == recount(BIG, table, day, day + timedelta(days=1))
        assert all(planted.malformed.values())
        assert planted.malformed
        assert (planted.exact_duplicates > 0) == (table in EVENTS)
        assert (planted.late_missing > 0) == (table in EVENTS)


@settings(max_examples=40, deadline=None)
@given(
    table=st.sampled_from(tuple(TABLES)),
    day=st.dates(date(1990, 1, 1), date(2100, 12, 31)).filter(lambda day: day != BAD_DAY),
    shop=st.sampled_from([SHOP, BIG, Shop(scale=0.02), Shop(seed=1, scale=0.3)]),
)
def test_dirt_stays_below_the_gate(table: TableSpec, day: date, shop: Shop) -> None:
    """On every day but the documented one, malformed rows are at most 1 % or at most ten of what is handed out."""
    for today in (day + timedelta(days=1), TODAY):
        bad = sum(shop.dirt(table, day, today=today).malformed.values())
        assert bad <= 10 or bad <= shop.count(table, day, today=today) / 100


def test_bad_day_is_bad() -> None:
    """On the documented day 5 % of the hits are malformed, of every kind; the other tables are as ever."""
    planted = SHOP.dirt(CLICKSTREAM, BAD_DAY, today=TODAY)
    share = sum(planted.malformed.values()) / SHOP.hits(BAD_DAY, today=TODAY)
    assert 0.049 < share < 0.051
    assert sum(SHOP.dirt(TRANSACTIONS, BAD_DAY, today=TODAY).malformed.values()) <= 10


@pytest.mark.parametrize("table", EVENTS)
def test_late_rows_arrive_on_the_second_day(table: TableSpec) -> None:
    """A late row is missing on the day after its own and there from the day after that on, at the end."""
    day = date(2023, 3, 2)
    early, settled, later = (BIG.rows(table, day, today=day + timedelta(days=n)) for n in (1, 2, 300))
    late = settled[len(early) :]
    assert settled == later
    assert settled[: len(early)] == early
    assert late
    assert not set(late) & set(early)
    assert len(late) == BIG.dirt(table, day, today=day + timedelta(days=1)).late_missing
    assert BIG.dirt(table, day, today=day + timedelta(days=2)).late_missing == 0
    assert all(flaw_of(table, json.loads(row)) is None for row in late)


def test_snapshots_are_never_late() -> None:
    """Users and products are whole on the day after theirs."""
    day = date(2023, 3, 2)
    for table in (USERS, PRODUCTS):
        assert SHOP.rows(table, day, today=day + timedelta(days=1)) == SHOP.rows(table, day, today=TODAY)


def test_duplicates_repeat_good_rows_byte_for_byte() -> None:
    """What repeats is a good row: no malformed row comes twice."""
    rows = Counter(BIG.rows(CLICKSTREAM, date(2023, 3, 1), today=TODAY))
    repeated = [row for row, count in rows.items() if count > 1]
    assert repeated
    assert all(flaw_of(CLICKSTREAM, json.loads(row)) is None for row in repeated)


def test_tiny_shop_has_days_without_rows_of_events() -> None:
    """A shop with next to no traffic hands out empty days of events, which carry no dirt, and full snapshots."""
    shop, day = Shop(scale=1e-6), date(2023, 3, 1)
    assert shop.rows(CLICKSTREAM, day, today=TODAY) == []
    assert shop.dirt(CLICKSTREAM, day, today=TODAY).exact_duplicates == 0
    assert shop.visitors(day, today=TODAY) == 0
    assert len(shop.rows(USERS, day, today=TODAY)) >= 50
