"""Retention, products and revenue against brute-force oracles."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.tables import PRODUCTS, TRANSACTIONS
from tests.property import orders_oracle
from tests.property.effort import COSTLY
from tests.property.orders import SOLD, orders, ranges
from tests.property.sales_oracle import Order, Range
from tests.property.views import Views, in_order

HELD = st.sets(st.integers(0, 460), max_size=3).map(
    lambda gaps: [date(2022, 11, 1) + timedelta(days=n) for n in range(461) if n not in gaps]
)


def _give(views: Views, found: Sequence[Order], known: Sequence[Range] = ()) -> None:
    views.give(TRANSACTIONS, [asdict(order) for order in found])
    views.give(PRODUCTS, [asdict(item) for item in known])


@COSTLY
@given(found=orders(), held=HELD)
def test_retention_is_the_oracle_s(views: Views, found: list[Order], held: list[date]) -> None:
    """Every cohort has every month up to the last purchase, with those of it who bought in the month."""
    _give(views, found)
    frame = views.run("retention", held)
    assert frame.rows() == orders_oracle.retention(found, held)
    assert in_order("retention", frame)


@COSTLY
@given(found=orders(), known=ranges(), held=HELD)
def test_products_are_the_oracle_s(views: Views, found: list[Order], known: list[Range], held: list[date]) -> None:
    """Every product's months have its units, its sale, its returns, and its place among all of that month."""
    _give(views, found, known)
    frame = views.run("products", held)
    assert frame.rows() == orders_oracle.products(found, known, held)
    assert in_order("products", frame)


@COSTLY
@given(found=orders(), known=ranges())
def test_products_and_sales_say_the_same(views: Views, found: list[Order], known: list[Range]) -> None:
    """Product by product and month by month, units and sale are those of the sales report."""
    _give(views, found, known)
    products = views.run("products").sort("product_id", "month")
    sales = views.run("sales", product_ids=SOLD)
    columns = ["product_id", "product_name", "month", "units_purchased", "units_returned", "is_partial"]
    assert products.select(*columns, "units_sold", "sale").rows() == (
        sales.select(*columns, "total_items_sold", "total_sale").rows()
    )


@COSTLY
@given(found=orders(), known=ranges(), held=HELD)
def test_revenue_is_the_oracle_s(views: Views, found: list[Order], known: list[Range], held: list[date]) -> None:
    """Every month has its sale, and its change in three parts that add up to it to the cent."""
    _give(views, found, known)
    frame = views.run("revenue", held)
    assert frame.rows() == orders_oracle.revenue(found, known, held)
    assert in_order("revenue", frame)
    for row in frame.iter_rows(named=True):
        effects = [row["volume_effect"], row["price_effect"], row["mix_effect"]]
        assert None not in effects or effects == [None] * 3
        assert None in effects or sum(effects) == row["change"]


JANUARY, FEBRUARY, APRIL = date(2023, 1, 1), date(2023, 2, 1), date(2023, 4, 1)


def _order(name: str, kind: str, day: date, *items: str, email: str = "ann@shop.example") -> Order:
    return Order(name, email, kind, items, datetime.combine(day, datetime.min.time()))


def _priced(product: str, *prices: str) -> list[Range]:
    """Return the ranges of a product whose price changes with each month of 2023."""
    return [Range(product, product, Decimal(price), date(2023, n, 1), None) for n, price in enumerate(prices, start=1)]


def test_a_returned_purchase_retains_a_customer_and_a_return_does_not(views: Views) -> None:
    """Who bought is active though all came back; who only returned has no cohort, and is not active in that month."""
    found = [
        _order("1", "purchase", JANUARY, "P1"),
        _order("2", "return", FEBRUARY, "P1"),
        _order("3", "return", JANUARY, "P1", email="bob@shop.example"),
        _order("4", "purchase", APRIL, "P1", email=" ANN@shop.example"),
        _order("5", "purchase", APRIL, "P1", email="Bob@shop.example"),
    ]
    _give(views, found)
    assert views.run("retention").select("cohort_month", "months_since", "customers", "active").rows() == [
        (JANUARY, 0, 1, 1),
        (JANUARY, 1, 1, 0),
        (JANUARY, 2, 1, 0),
        (JANUARY, 3, 1, 1),
        (APRIL, 0, 1, 1),
    ]


def test_ranks_follow_the_sale_and_then_the_product_id(views: Views) -> None:
    """Who sells alike is told apart by its id; a product without a previous month has no change of rank."""
    known = [*_priced("P1", "2.00", "1.00"), *_priced("P2", "1.00", "1.00"), *_priced("P3", "9.00", "9.00")]
    found = [
        _order("1", "purchase", JANUARY, "P1", "P2"),
        _order("2", "purchase", FEBRUARY, "P2", "P1", "P3", "P2"),
        _order("3", "return", FEBRUARY, "P2", email="bob@shop.example"),
    ]
    _give(views, found, known)
    ranks = views.run("products").select(
        "month", "product_id", "returns_rate_pct", "rank", "previous_rank", "rank_change"
    )
    assert ranks.rows() == [
        (JANUARY, "P1", Decimal("0.00"), 1, None, None),
        (JANUARY, "P2", Decimal("0.00"), 2, None, None),
        (FEBRUARY, "P1", Decimal("0.00"), 2, 1, -1),
        (FEBRUARY, "P2", Decimal("50.00"), 3, 2, -1),
        (FEBRUARY, "P3", Decimal("0.00"), 1, None, None),
    ]


@pytest.mark.parametrize(
    ("january", "february", "effects"),
    [
        ({"P1": 2, "P2": 1}, {"P1": 4, "P2": 2}, ("36.00", "4.00", "0.00")),
        ({"P1": 2}, {"P1": 2}, ("0.00", "2.00", "0.00")),
        ({"P1": 2}, {"P2": 2}, ("0.00", "0.00", "12.00")),
        ({"P1": 2, "P2": 1}, {"P2": 3}, ("0.00", "0.00", "12.00")),
        ({"P1": 1, "P2": 1}, {"P1": 1}, ("-13.00", "1.00", "-3.00")),
    ],
)
def test_a_change_is_volume_price_and_mix(
    views: Views, january: dict[str, int], february: dict[str, int], effects: tuple[str, str, str]
) -> None:
    """More of all at their old shares is volume, the 1.00 that P1 gets dearer is price, other shares are mix."""
    _give(
        views,
        [
            _order(f"{month}", "purchase", month, *(product for product, n in units.items() for _ in range(n)))
            for month, units in ((JANUARY, january), (FEBRUARY, february))
        ],
        [*_priced("P1", "10.00", "11.00"), *_priced("P2", "16.00")],
    )
    row = views.run("revenue").row(1, named=True)
    assert (row["volume_effect"], row["price_effect"], row["mix_effect"]) == tuple(map(Decimal, effects))
    assert row["change"] == sum(map(Decimal, effects))


@pytest.mark.parametrize(("returned", "bought"), [(JANUARY, FEBRUARY), (FEBRUARY, JANUARY)])
def test_a_product_without_net_units_in_a_month_has_no_price_effect(views: Views, returned: date, bought: date) -> None:
    """More returned than bought is worth less than nothing, and that is no price: what it does to the change is mix."""
    found = [
        _order("1", "purchase", JANUARY, "P2", "P2", "P2"),
        _order("2", "purchase", FEBRUARY, "P2", "P2", "P2"),
        _order("3", "return", returned, "P1", email="bob@shop.example"),
        _order("4", "purchase", bought, "P1", "P1"),
    ]
    _give(views, found, [*_priced("P1", "10.00", "11.00"), *_priced("P2", "16.00")])
    row = views.run("revenue").row(1, named=True)
    assert row["price_effect"] == 0
    assert row["mix_effect"] == row["change"] - row["volume_effect"]


def test_effects_are_rounded_half_away_from_zero(views: Views) -> None:
    """A half cent more or less is a whole one, of volume as of price; mix takes what that leaves."""
    known = [*_priced("P1", "0.01", "0.01", "0.02", "0.01"), *_priced("P2", "0.02")]
    found = [
        _order("1", "purchase", JANUARY, "P1", "P2"),
        _order("2", "purchase", FEBRUARY, "P1", "P1", "P2"),
        _order("3", "purchase", date(2023, 3, 1), "P1", "P2"),
    ]
    _give(views, found, known)
    rows = views.run("revenue").select("change", "volume_effect", "price_effect", "mix_effect").rows()
    assert [tuple(None if value is None else int(value * 100) for value in row) for row in rows] == [
        (None, None, None, None),
        (1, 2, 0, -1),
        (0, -1, 1, 0),
    ]


def test_a_month_after_none_sold_has_a_change_without_parts(views: Views) -> None:
    """Nothing, or more returned than bought, has no average price to compare with."""
    found = [
        _order("1", "purchase", JANUARY, "P1"),
        _order("2", "purchase", date(2023, 3, 1), "P1"),
        _order("3", "return", APRIL, "P1", email="bob@shop.example"),
        _order("4", "purchase", date(2023, 5, 1), "P1"),
    ]
    _give(views, found, _priced("P1", "10.00"))
    frame = views.run("revenue")
    assert frame["change"].to_list()[1:] == [Decimal(change) for change in (-10, 10, -20, 20)]
    assert [value is None for value in frame["mix_effect"]] == [True, False, True, False, True]
