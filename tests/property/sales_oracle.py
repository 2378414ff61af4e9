"""The sales report once more, as slowly and plainly as its definition reads: stacks of units, exact fractions."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Order:
    """One silver transaction; `timestamp` is UTC."""

    order_id: str
    email: str
    transaction_type: str
    items: tuple[str, ...]
    timestamp: datetime


@dataclass(frozen=True)
class Range:
    """One silver validity range of a product; `valid_to` is exclusive, None while open."""

    product_id: str
    product_name: str
    price: Decimal
    valid_from: date
    valid_to: date | None


def sales_report(
    orders: Sequence[Order], ranges: Sequence[Range], product_id: str, held_days: Collection[date]
) -> list[tuple[Any, ...]]:
    """Return the report's rows for one product, in its column order."""
    mine = sorted((item for item in ranges if item.product_id == product_id), key=lambda item: item.valid_from)
    bought: dict[date, int] = defaultdict(int)
    returned: dict[date, int] = defaultdict(int)
    sale: dict[date, Fraction] = defaultdict(Fraction)
    stacks: dict[str, list[date]] = defaultdict(list)
    for order in sorted(
        orders, key=lambda order: (order.timestamp, order.transaction_type != "purchase", order.order_id)
    ):
        day = order.timestamp.date()
        stack = stacks[order.email.strip(" ").lower()]
        for _ in range(order.items.count(product_id)):
            if order.transaction_type == "purchase":
                stack.append(day)
                bought[_month(day)] += 1
                sale[_month(day)] += _price(mine, day)
            else:
                reduced = stack.pop() if stack else day
                returned[_month(reduced)] += 1
                sale[_month(reduced)] -= _price(mine, reduced)
    rows: list[tuple[Any, ...]] = []
    previous: Fraction | None = None
    for month in _months(bought.keys() | returned.keys()):
        current = Fraction(_rounded(sale[month] * 100), 100)
        rows.append(
            (
                month.year,
                month.month,
                bought[month] - returned[month],
                _money(current),
                None
                if previous is None or current + previous <= 0
                else _rounded(100 * (current - previous) / ((current + previous) / 2)),
                month,
                product_id,
                mine[-1].product_name,
                bought[month],
                returned[month],
                None if previous is None else _money(previous),
                None if previous is None else _money(current - previous),
                None
                if previous is None or previous <= 0
                else _money(Fraction(_rounded((current - previous) / previous * 100 * 100), 100)),
                any(day not in held_days for day in _days(month)),
            )
        )
        previous = current
    return rows


def _price(ranges: Sequence[Range], day: date) -> Fraction:
    before = [item for item in ranges if item.valid_from <= day]
    return Fraction((before or ranges[:1])[-1].price)


def _month(day: date) -> date:
    return day.replace(day=1)


def _next(month: date) -> date:
    return _month(month + timedelta(days=31))


def _months(counted: Collection[date]) -> list[date]:
    months = [min(counted)] if counted else []
    while months and months[-1] < max(counted):
        months.append(_next(months[-1]))
    return months


def _days(month: date) -> list[date]:
    return [month + timedelta(days=n) for n in range((_next(month) - month).days)]


def _rounded(value: Fraction) -> int:
    """Round to a whole number, half away from zero."""
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def _money(value: Fraction) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal("0.01"))
