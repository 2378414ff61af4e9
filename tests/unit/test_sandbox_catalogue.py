"""The sandbox's catalogue: what is on sale when, and for how much."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mootech.sandbox.catalogue import CATALOGUE, offer

DAYS = st.dates(date(1990, 1, 1), date(2100, 9, 1))


def on_sale(day: date) -> dict[str, int]:
    """Return the price in cents of every product on sale, by name."""
    today = offer(day)
    return {CATALOGUE[index].product_name: int(today.cents[index]) for index in today.products}


@given(day=DAYS)
def test_core_is_always_there(day: date) -> None:
    """Ten products or more are on sale on every day, the tumbler at 17.68 among them."""
    prices = on_sale(day)
    assert len(prices) >= 10
    assert prices["Tumbler"] == 1768
    assert all(cents > 0 for cents in prices.values())


@settings(max_examples=25, deadline=None)
@given(first=DAYS)
def test_120_days_see_a_launch_a_delisting_and_a_change_of_price(first: date) -> None:
    """In any 120 days a product is launched, one is delisted and one changes its price."""
    days = [on_sale(first + timedelta(days=n)) for n in range(120)]
    pairs = list(pairwise(days))
    assert any(after.keys() - before.keys() for before, after in pairs)
    assert any(before.keys() - after.keys() for before, after in pairs)
    assert any(before[name] != after[name] for before, after in pairs for name in before.keys() & after.keys())


@pytest.mark.parametrize("year", [1991, 2023, 2024, 2099])
def test_core_products_change_price_once_a_year(year: int) -> None:
    """Every core product but the tumbler changes its price exactly once a year, on a day of its own."""
    days = [date(year, 1, 1) + timedelta(days=n - 1) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days + 1)]
    prices = [on_sale(day) for day in days]
    core = set.intersection(*(set(each) for each in prices))
    changes = {
        name: [n for n in range(1, len(days)) if prices[n - 1][name] != prices[n][name]] for name in core - {"Tumbler"}
    }
    assert len(changes) >= 9
    assert all(len(when) == 1 for when in changes.values())
    assert len({when[0] for when in changes.values()}) == len(changes)


def test_products_are_told_apart() -> None:
    """No two products that ever were share an id or a slug."""
    assert len({each.product_id for each in CATALOGUE}) == len(CATALOGUE)
    assert len({each.slug for each in CATALOGUE}) == len(CATALOGUE)


def test_limited_edition_is_on_sale_for_a_year() -> None:
    """A limited edition comes on its quarter's first day and goes a year later."""
    name = next(each.product_name for each in CATALOGUE if each.product_id == "L-2023Q2")
    assert name not in on_sale(date(2023, 3, 31))
    assert name in on_sale(date(2023, 4, 1))
    assert name in on_sale(date(2024, 3, 31))
    assert name not in on_sale(date(2024, 4, 1))
