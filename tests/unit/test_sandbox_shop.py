"""The sandbox's truth: what its tables say agrees, and is the same every time."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mootech.errors import UsageError
from mootech.sandbox.calendar import EXTRA_COLUMN_FROM, day_start
from mootech.sandbox.openapi import COLUMNS
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS, USERS, TableSpec

TODAY = date(2101, 1, 1)
DAY = date(2023, 3, 1)
FUNNEL = ("home", "product", "cart", "checkout", "purchase")
SHOP = Shop()
SMALL = Shop(scale=0.1)

Row = dict[str, Any]


def decoded(table: TableSpec, day: date, *, shop: Shop = SHOP) -> list[Row]:
    """Return the table's rows of the day once each, dirty ones included."""
    return [json.loads(row) for row in dict.fromkeys(shop.rows(table, day, today=TODAY))]


def good(table: TableSpec, day: date, *, shop: Shop = SHOP) -> list[Row]:
    """Return the rows of the day that break no rule, once each."""
    return [row for row in decoded(table, day, shop=shop) if follows_contract(table, row)]


def follows_contract(table: TableSpec, row: Row) -> bool:
    """Check a row against the contract, without any code of the sandbox but the list of columns."""
    if not set(COLUMNS[table]) <= set(row):
        return False
    if table == CLICKSTREAM:
        times = [value for name, value in row.items() if name.endswith("_gmt")]
        return (
            all(type(value) is int and value > 0 for value in times)
            and row["hitid_high"].isdigit()
            and row["currency"] != "ZZZ"
            and isinstance(row["pagename"], str)
        )
    if table == TRANSACTIONS:
        return (
            type(row["transaction_timestamp"]) is int
            and isinstance(row["total_purchase_usd"], (int, float))
            and row["total_purchase_usd"] >= 0
            and row["total_item_quantity"] == len(row["items"])
        )
    return table == PRODUCTS or (type(row["first_time_time_stamp"]) is int and "@" in row["email"])


def cart(product_list: str) -> tuple[Counter[str], int]:
    """Return the units per product and the total in cents of an Adobe product_list."""
    units: Counter[str] = Counter()
    cents = 0
    for line in product_list.split(","):
        _category, product, quantity, price = line.split(";")
        units[product] += int(quantity)
        cents += round(float(price) * 100)
    return units, cents


def test_order_of_asking_does_not_matter() -> None:
    """A day's bytes depend on seed, scale, table and day alone, not on what was asked before."""
    asked = [(table, DAY + timedelta(days=n)) for table in TABLES for n in (0, 1, 40)]
    forwards, backwards = Shop(scale=0.2), Shop(scale=0.2)
    first = {each: forwards.rows(*each, today=TODAY) for each in asked}
    second = {each: backwards.rows(*each, today=TODAY) for each in reversed(asked)}
    assert first == second


def test_another_process_makes_the_same_bytes() -> None:
    """Another process with another hash seed makes the same rows."""
    script = (
        "import hashlib; from datetime import date;"
        "from mootech.sandbox.shop import Shop; from mootech.tables import TABLES;"
        "s = Shop(scale=0.2); h = hashlib.sha256();"
        "[h.update(b'\\n'.join(s.rows(t, date(2023, 3, 1), today=date(2101, 1, 1)))) for t in TABLES];"
        "print(h.hexdigest())"
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    answer = subprocess.run(  # noqa: S603  # our own interpreter, our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    shop, digest = Shop(scale=0.2), hashlib.sha256()
    for table in TABLES:
        digest.update(b"\n".join(shop.rows(table, DAY, today=TODAY)))
    assert answer.stdout.strip() == digest.hexdigest()


def test_seed_changes_the_data() -> None:
    """Another seed is another shop, with the same catalogue."""
    other = Shop(seed=7)
    assert other.rows(CLICKSTREAM, DAY, today=TODAY) != SHOP.rows(CLICKSTREAM, DAY, today=TODAY)
    assert other.rows(PRODUCTS, DAY, today=TODAY) == SHOP.rows(PRODUCTS, DAY, today=TODAY)


@pytest.mark.parametrize("table", TABLES)
def test_rows_have_the_declared_columns_in_order(table: TableSpec) -> None:
    """A good row has exactly the declared columns, in the contract's order, and its day as utc_date."""
    rows = good(table, DAY)
    assert rows
    assert all(list(row) == list(COLUMNS[table]) and row["utc_date"] == DAY.isoformat() for row in rows)


@pytest.mark.parametrize("table", TABLES)
def test_keys_are_unique_within_a_day(table: TableSpec) -> None:
    """No two different rows of a day share a key, the malformed ones included."""
    keys = [tuple(str(row.get(column)) for column in table.key) for row in decoded(table, DAY)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("day", [DAY, date(2023, 12, 18)])
def test_purchases_agree_with_the_clickstream(day: date) -> None:
    """Purchases and purchase hits pair up by order_id, with the same second, items, total and customer."""
    hits = {row["evar1"]: row for row in good(CLICKSTREAM, day) if row["pagename"] == "purchase"}
    orders = {row["order_id"]: row for row in good(TRANSACTIONS, day) if row["transaction_type"] == "purchase"}
    emails = {row["account_id"]: row["email"] for row in good(USERS, day)}
    assert len(orders) > 50
    assert hits.keys() == orders.keys()
    for number, hit in hits.items():
        order = orders[number]
        units, cents = cart(hit["product_list"])
        assert hit["event_list"] == "1"
        assert hit["hit_time_gmt"] == order["transaction_timestamp"]
        assert units == Counter(order["items"])
        assert cents == round(order["total_purchase_usd"] * 100)
        assert emails[hit["cust_visid"]] == order["email"].lower()


@pytest.mark.parametrize("day", [DAY, date(1995, 7, 2), date(2099, 12, 31)])
def test_totals_are_the_prices_in_force(day: date) -> None:
    """A purchase's total is the sum of its units' prices in that day's snapshot of products."""
    prices = {row["product_id"]: round(row["price"] * 100) for row in good(PRODUCTS, day)}
    purchases = [row for row in good(TRANSACTIONS, day) if row["transaction_type"] == "purchase"]
    assert purchases
    for row in purchases:
        assert round(row["total_purchase_usd"] * 100) == sum(prices[item] for item in row["items"])


def test_returns_follow_their_purchases() -> None:
    """A return names a purchase of 1 to 45 days before, of the same customer, and brings back units of it."""
    back = [row for row in good(TRANSACTIONS, DAY) if row["transaction_type"] == "return"]
    bought: dict[str, tuple[int, Row]] = {}
    for ago in range(1, 46):
        for row in good(TRANSACTIONS, DAY - timedelta(days=ago)):
            if row["transaction_type"] == "purchase":
                bought[row["order_id"]] = (ago, row)
    assert back
    assert len({bought[row["order_id"].removeprefix("R")][0] for row in back}) > 1
    for row in back:
        _, purchase = bought[row["order_id"].removeprefix("R")]
        assert row["email"] == purchase["email"].lower()
        assert Counter(row["items"]) <= Counter(purchase["items"])
        assert 0 < row["total_purchase_usd"] <= purchase["total_purchase_usd"]


def test_visits_walk_down_the_funnel() -> None:
    """Fewer visits reach each page than the one before, in the funnel's order, from the visit's start on."""
    walks: dict[tuple[str, str, int], list[tuple[int, int]]] = defaultdict(list)
    for row in good(CLICKSTREAM, DAY):
        visit = (row["visid_high"], row["visid_low"], row["visit_start_time_gmt"])
        walks[visit].append((row["hit_time_gmt"], FUNNEL.index(row["pagename"])))
    reached: Counter[int] = Counter()
    for (_high, _low, start), hits in walks.items():
        hits.sort()
        pages = [page for _, page in hits]
        assert hits[0] == (start, 0)
        assert pages == sorted(pages)
        assert set(pages) == set(range(pages[-1] + 1))
        reached.update(set(pages))
    counts = [reached[page] for page in range(len(FUNNEL))]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == len(counts)


def test_users_only_grow() -> None:
    """Every customer of a day is in the next day's snapshot unchanged, and some have registered in between."""
    before = {row["account_id"]: row["email"] for row in good(USERS, DAY)}
    after = {row["account_id"]: row["email"] for row in good(USERS, DAY + timedelta(days=30))}
    assert before.items() < after.items()
    assert 20 < len(after) - len(before) < 120


@pytest.mark.parametrize(
    "day",
    [
        date(1990, 1, 1),
        date(1999, 12, 31),
        date(2000, 2, 29),
        date(2023, 12, 31),
        date(2024, 2, 29),
        date(2100, 12, 31),
    ],
)
def test_events_lie_in_their_own_day(day: date) -> None:
    """On leap days, year ends, the shop's first and last day: there are rows, and each event is of its own UTC day."""
    start = day_start(day)
    hits, orders = good(CLICKSTREAM, day), good(TRANSACTIONS, day)
    assert hits
    assert orders
    assert all(start <= row["hit_time_gmt"] < start + 86_400 for row in hits)
    assert all(start <= row["transaction_timestamp"] < start + 86_400 for row in orders)
    for row in hits:
        assert start <= row["cust_hit_time_gmt"] <= row["hit_time_gmt"]
        assert row["first_hit_time_gmt"] <= row["visit_start_time_gmt"] <= row["hit_time_gmt"]
    assert all(row["first_time_time_stamp"] < start + 86_400 for row in good(USERS, day))


def test_no_time_is_before_the_web_from_1995_on() -> None:
    """From 1995 on no time stamp of any table is before 1995, though the shop is older."""
    rows = [*good(CLICKSTREAM, date(1995, 1, 1)), *good(USERS, date(1995, 1, 1))]
    times = [value for row in rows for name, value in row.items() if name.endswith(("_gmt", "time_stamp"))]
    assert min(times) >= day_start(date(1995, 1, 1))


def test_extra_column_comes_and_stays() -> None:
    """Hits carry the undeclared evar7 from its documented day on and never before."""
    eve = EXTRA_COLUMN_FROM - timedelta(days=1)
    assert not any("evar7" in row for row in decoded(CLICKSTREAM, eve))
    assert all(isinstance(row["evar7"], str) for row in decoded(CLICKSTREAM, EXTRA_COLUMN_FROM))
    assert list(good(CLICKSTREAM, EXTRA_COLUMN_FROM)[0]) == [*COLUMNS[CLICKSTREAM], "evar7"]


def test_traffic_has_a_week_a_season_and_growth() -> None:
    """Sundays are busier than Wednesdays, December than October, and a year than the one before."""

    def hits(first: date, step: int = 1, days: int = 4) -> int:
        return sum(SHOP.hits(first + timedelta(days=n * step), today=TODAY) for n in range(days))

    assert hits(date(2023, 3, 5), step=7) > hits(date(2023, 3, 8), step=7) * 1.1
    assert hits(date(2023, 12, 4)) > hits(date(2023, 10, 2)) * 1.3
    assert hits(date(2026, 3, 2), days=7) > hits(date(2023, 3, 6), days=7) * 1.1


def test_scale_multiplies_the_traffic() -> None:
    """Ten times the scale is about ten times the hits and orders."""
    for table in (CLICKSTREAM, TRANSACTIONS):
        ratio = Shop(scale=10).count(table, DAY, today=TODAY) / SHOP.count(table, DAY, today=TODAY)
        assert 8 < ratio < 12


def test_counts_are_those_of_the_good_rows() -> None:
    """The shop's hits and visitors are the distinct ones among the good rows handed out, today and once settled."""
    for today in (DAY + timedelta(days=1), TODAY):
        rows = [json.loads(row) for row in dict.fromkeys(SHOP.rows(CLICKSTREAM, DAY, today=today))]
        rows = [row for row in rows if follows_contract(CLICKSTREAM, row)]
        assert SHOP.hits(DAY, today=today) == len({(row["hitid_high"], row["hitid_low"]) for row in rows})
        assert SHOP.visitors(DAY, today=today) == len({(row["visid_high"], row["visid_low"]) for row in rows})


@settings(max_examples=20, deadline=None)
@given(
    table=st.sampled_from(tuple(TABLES)),
    day=st.dates(date(1990, 1, 1), date(2100, 12, 31)),
    limit=st.integers(1, 300),
)
def test_pages_are_slices_of_the_rows(table: TableSpec, day: date, limit: int) -> None:
    """Pages of any size, put together, are the rows of any day."""
    whole = [row.decode() for row in SMALL.rows(table, day, today=TODAY)]
    pages = [SMALL.page(table, day, offset, limit, today=TODAY) for offset in range(0, len(whole) + limit, limit)]
    assert pages[-1] == []
    assert [row for page in pages for row in page] == whole


@pytest.mark.parametrize("day", [date(1989, 12, 31), date(2101, 1, 1)])
def test_day_outside_the_shops_life_is_refused(day: date) -> None:
    """A day before the opening or after the closing is an error that names the shop's life."""
    with pytest.raises(UsageError, match="open from 1990-01-01 to 2100-12-31"):
        SHOP.rows(PRODUCTS, day, today=date(2200, 1, 1))


def test_day_that_is_not_over_is_refused() -> None:
    """Today's rows are not there yet; the hint names the last whole day."""
    with pytest.raises(UsageError, match="not over") as caught:
        SHOP.hits(DAY, today=DAY)
    assert "2023-02-28" in caught.value.hint


@pytest.mark.parametrize(("seed", "scale"), [(-1, 1.0), (1, 0.0), (1, -1.0), (1, float("nan")), (1, float("inf"))])
def test_impossible_shop_is_refused(seed: int, scale: float) -> None:
    """A negative seed and a scale that is no positive number are errors with a hint."""
    with pytest.raises(UsageError) as caught:
        Shop(seed=seed, scale=scale)
    assert caught.value.hint
