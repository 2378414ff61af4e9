"""The sales report against a brute-force oracle."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.tables import PRODUCTS, TRANSACTIONS
from tests.property.effort import COSTLY
from tests.property.orders import orders, ranges
from tests.property.sales_oracle import Order, Range, sales_report
from tests.property.views import Views, in_order


class Report:
    """The sales report over orders and validity ranges."""

    def __init__(self, views: Views) -> None:
        """Report on what these views are given."""
        self._views = views

    def rows(
        self, found: list[Order], known: list[Range], products: list[str], held_days: list[date]
    ) -> list[tuple[Any, ...]]:
        """Run the report and return its rows."""
        return self.frame(found, known, products, held_days).rows()

    def frame(self, found: list[Order], known: list[Range], products: list[str], held_days: list[date]) -> pl.DataFrame:
        """Give the views these rows, and run the report."""
        self._views.give(TRANSACTIONS, [asdict(order) for order in found])
        self._views.give(PRODUCTS, [asdict(item) for item in known])
        frame = self._views.run("sales", held_days, product_ids=products)
        assert in_order("sales", frame)
        return frame


@pytest.fixture(scope="module")
def report(views: Views) -> Report:
    """The report of all examples."""
    return Report(views)


@COSTLY
@given(found=orders(), known=ranges(), gaps=st.sets(st.integers(0, 460), max_size=3))
def test_the_report_is_the_oracle_s(report: Report, found: list[Order], known: list[Range], gaps: set[int]) -> None:
    """Every row of the report is what a plain reading of the definition gives, for several products at once."""
    held = [date(2022, 11, 1) + timedelta(days=n) for n in range(461) if n not in gaps]
    expected = [row for product in ("P1", "P3'🥤") for row in sales_report(found, known, product, held)]
    assert report.rows(found, known, ["P3'🥤", "P1"], held) == expected


def _order(name: str, kind: str, day: date, *items: str, email: str = "ann@shop.example") -> Order:
    return Order(name, email, kind, items, datetime.combine(day, datetime.min.time()))


TUMBLER = [Range("P1", "Tumbler", Decimal("17.68"), date(2023, 1, 1), None)]


def test_a_return_reduces_the_month_of_the_latest_purchase(report: Report) -> None:
    """A unit returned in March cancels February's purchase, not January's; March is no month of the report."""
    found = [
        _order("1", "purchase", date(2023, 1, 5), "P1"),
        _order("2", "purchase", date(2023, 2, 5), "P1", "P1"),
        _order("3", "return", date(2023, 3, 5), "P1", email=" ANN@shop.example "),
    ]
    rows = report.rows(found, TUMBLER, ["P1"], [])
    assert [(row[1], row[2], row[3], row[8], row[9]) for row in rows] == [
        (1, 1, Decimal("17.68"), 1, 0),
        (2, 1, Decimal("17.68"), 2, 1),
    ]


def test_a_return_without_a_purchase_spares_later_purchases(report: Report) -> None:
    """It counts -1 in its own month at that day's price, and the purchase after it stays."""
    found = [_order("1", "return", date(2023, 1, 5), "P1"), _order("2", "purchase", date(2023, 2, 5), "P1")]
    rows = report.rows(found, TUMBLER, ["P1"], [])
    assert [(row[1], row[2], row[3], row[4], row[12]) for row in rows] == [
        (1, -1, Decimal("-17.68"), None, None),
        (2, 1, Decimal("17.68"), None, None),
    ]


@pytest.mark.parametrize(
    ("previous", "current", "percent"),
    [("2.00", "2.05", 2), ("99.50", "100.50", 1), ("199", "201", 1), ("3.98", "4.02", 1), ("201", "199", -1),
     ("397", "403", 2), ("403", "397", -2), ("398", "402", 1), ("399", "401", 1), ("401", "399", -1)],
)  # fmt: skip
def test_whole_percents_are_rounded_half_away_from_zero(
    report: Report, previous: str, current: str, percent: int
) -> None:
    """Also where the exact value lies on a half: 401 after 399 is 0.5 %, 403 after 397 is 1.5 %."""
    known = [
        Range("P1", "Tumbler", Decimal(previous), date(2023, 1, 1), date(2023, 2, 1)),
        Range("P1", "Tumbler", Decimal(current), date(2023, 2, 1), None),
    ]
    found = [_order("1", "purchase", date(2023, 1, 5), "P1"), _order("2", "purchase", date(2023, 2, 5), "P1")]
    assert report.rows(found, known, ["P1"], [])[1][4] == percent


def test_a_month_is_partial_unless_every_day_of_it_is_held(report: Report) -> None:
    """Days without a row count as held; one missing day makes the month partial, a doubled one does not hide it."""
    found = [_order("1", "purchase", date(2024, 1, 5), "P1"), _order("2", "purchase", date(2024, 2, 5), "P1")]
    held = [date(2024, 1, 1) + timedelta(days=n) for n in range(31 + 28)] + [date(2024, 2, 1)]
    assert [row[13] for row in report.rows(found, TUMBLER, ["P1"], held)] == [False, True]


def test_the_columns_are_typed_even_without_a_row(report: Report) -> None:
    """A product that was never sold has an empty report, of the same columns and types as any other."""
    frame = report.frame([], TUMBLER, ["P1"], [])
    assert frame.is_empty()
    assert frame.schema == pl.Schema(
        {
            "transaction_year": pl.Int32(),
            "transaction_month": pl.Int32(),
            "total_items_sold": pl.Int64(),
            "total_sale": pl.Decimal(18, 2),
            "percentage_difference": pl.Int64(),
            "month": pl.Date(),
            "product_id": pl.String(),
            "product_name": pl.String(),
            "units_purchased": pl.Int64(),
            "units_returned": pl.Int64(),
            "previous_month_sale": pl.Decimal(18, 2),
            "sale_change": pl.Decimal(18, 2),
            "growth_pct": pl.Decimal(18, 2),
            "is_partial": pl.Boolean(),
        }
    )
