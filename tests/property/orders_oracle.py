"""Retention, products and revenue once more, as they are defined; units and sales by the sales report's oracle."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.property.sales_oracle import Order, Range, sales_report


@dataclass(frozen=True)
class Sold:
    """A product in a month."""

    name: str
    purchased: int
    returned: int
    sale: Decimal


def retention(orders: Sequence[Order], held_days: Collection[date]) -> list[tuple[Any, ...]]:
    """Return the rows of the retention report."""
    bought: dict[str, set[date]] = defaultdict(set)
    for order in orders:
        if order.transaction_type == "purchase":
            bought[order.email.strip(" ").lower()].add(_month(order.timestamp.date()))
    rows: list[tuple[Any, ...]] = []
    for cohort in sorted({min(months) for months in bought.values()}):
        members = [months for months in bought.values() if min(months) == cohort]
        month, since = cohort, 0
        while month <= max(max(months) for months in bought.values()):
            active = sum(month in months for months in members)
            share = _hundredths(Fraction(100 * active, len(members)))
            rows.append((cohort, since, month, len(members), active, share, _is_partial(month, held_days)))
            month, since = _next(month), since + 1
    return rows


def products(orders: Sequence[Order], ranges: Sequence[Range], held_days: Collection[date]) -> list[tuple[Any, ...]]:
    """Return the rows of the products report."""
    months = _sold(orders, ranges)
    ranks = {
        (month, product): 1 + sum((-other.sale, name) < (-this.sale, product) for name, other in sold.items())
        for month, sold in months.items()
        for product, this in sold.items()
    }
    rows: list[tuple[Any, ...]] = []
    for (month, product), rank in sorted(ranks.items()):
        this = months[month][product]
        previous = ranks.get((_month(month - timedelta(days=1)), product))
        rows.append(
            (
                month,
                product,
                this.name,
                this.purchased,
                this.returned,
                this.purchased - this.returned,
                this.sale,
                _hundredths(Fraction(100 * this.returned, this.purchased)) if this.purchased else None,
                rank,
                previous,
                None if previous is None else previous - rank,
                _is_partial(month, held_days),
            )
        )
    return rows


def revenue(orders: Sequence[Order], ranges: Sequence[Range], held_days: Collection[date]) -> list[tuple[Any, ...]]:
    """Return the rows of the revenue report."""
    months = _sold(orders, ranges)
    rows: list[tuple[Any, ...]] = []
    month = min(months, default=None)
    before: Mapping[str, Sold] | None = None
    while month and month <= max(months):
        this = months.get(month, {})
        previous = None if before is None else _sale(before)
        change = None if previous is None else _sale(this) - previous
        effects = (None, None, None) if before is None or change is None else _effects(before, this, change)
        rows.append((month, _units(this), _sale(this), previous, change, *effects, _is_partial(month, held_days)))
        month, before = _next(month), this
    return rows


def _effects(
    before: Mapping[str, Sold], this: Mapping[str, Sold], change: Decimal
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return what volume, price and mix do."""
    if _units(before) <= 0:
        return None, None, None
    volume = _hundredths((_units(this) - _units(before)) * (Fraction(_sale(before)) / _units(before)))
    price = Decimal(0)
    for product in before.keys() & this.keys():
        q0, q1 = (sold[product].purchased - sold[product].returned for sold in (before, this))
        if q0 > 0 and q1 > 0:
            p0, p1 = Fraction(before[product].sale) / q0, Fraction(this[product].sale) / q1
            price += _hundredths((p1 - p0) * q1)
    return volume, price, change - volume - price


def _sold(orders: Sequence[Order], ranges: Sequence[Range]) -> dict[date, dict[str, Sold]]:
    """Return each month's products, from each one's first to its last month, by the sales report's oracle."""
    months: dict[date, dict[str, Sold]] = defaultdict(dict)
    for product in {item.product_id for item in ranges}:
        for row in sales_report(orders, ranges, product, []):
            months[row[5]][product] = Sold(row[7], row[8], row[9], row[3])
    return months


def _units(sold: Mapping[str, Sold]) -> int:
    return sum(each.purchased - each.returned for each in sold.values())


def _sale(sold: Mapping[str, Sold]) -> Decimal:
    return sum((each.sale for each in sold.values()), Decimal(0))


def _month(day: date) -> date:
    return day.replace(day=1)


def _next(month: date) -> date:
    return _month(month + timedelta(days=31))


def _is_partial(month: date, held_days: Collection[date]) -> bool:
    return any(month + timedelta(days=n) not in held_days for n in range((_next(month) - month).days))


def _hundredths(value: Fraction) -> Decimal:
    """Round to two places, half away from zero."""
    whole = int(abs(value) * 100 + Fraction(1, 2))
    return Decimal(whole if value >= 0 else -whole).scaleb(-2)
