"""Days of transactions, products, users: purchases of one to five units, and returns of them within a month.

Eight of a hundred transactions are returns, each of one unit of an earlier purchase of the same customer.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

_SEED = 2023
_DAY_SECONDS = 86_400
_RETURNED = 0.08
_WITHIN_DAYS = 30
_MOST_UNITS = 5
_PRICE_DAYS = 90
"""Prices change that often."""

NAMES = (
    "Tumbler", "Travel Mug", "Kettle", "Teapot", "Water Bottle", "Lunch Box", "Cutting Board", "Apron", "Whisk",
    "Grinder", "French Press", "Milk Frother", "Scale", "Thermometer", "Spoon Rest", "Trivet", "Colander", "Ladle",
    "Peeler", "Corkscrew",
)  # fmt: skip  # a line per name says no more
PRODUCT = NAMES[0]
"""The product that is reported where one is."""

_IDS = pl.Series([f"p{number:02d}" for number in range(len(NAMES))])
# The tumbler is in about one unit of six, the others share the rest.
_WEIGHTS = np.array([4.0, *([1.0] * (len(NAMES) - 1))])


def transactions(first: date, days: int, rows: int) -> Iterator[tuple[date, pl.DataFrame]]:
    """Yield so many days with `rows` transactions in all, as delivered but for utc_date, in order of time, then key."""
    earlier: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=_WITHIN_DAYS)
    customers = max(10, rows // 20)
    for number in range(days):
        day = first + timedelta(days=number)
        of_day = rows * (number + 1) // days - rows * number // days
        yield day, _day(day, of_day, customers, earlier)


def _day(day: date, rows: int, customers: int, earlier: deque[tuple[np.ndarray, np.ndarray]]) -> pl.DataFrame:
    draw = np.random.default_rng([_SEED, day.toordinal()])
    returned = int(rows * _RETURNED) if earlier else 0
    bought = rows - returned
    units = draw.integers(1, _MOST_UNITS + 1, bought)
    items = draw.choice(len(NAMES), units.sum(), p=_WEIGHTS / _WEIGHTS.sum())
    firsts = np.concatenate([[0], np.cumsum(units)[:-1]]).astype(np.int64) if bought else np.zeros(0, dtype=np.int64)
    customer = draw.integers(0, customers, bought)
    if returned:
        whose, what = earlier[int(draw.integers(0, len(earlier)))]
        chosen = draw.choice(len(whose), returned, replace=len(whose) < returned)
        customer = np.concatenate([customer, whose[chosen]])
        items = np.concatenate([items, what[chosen]])
    earlier.append((customer[:bought], items[firsts]))
    counts = np.concatenate([units, np.ones(returned, dtype=np.int64)])
    order = np.repeat(np.arange(rows), counts)
    cents = np.bincount(order, weights=_cents(day)[items], minlength=rows)
    lists = (
        pl.DataFrame({"order": order, "items": _IDS.gather(items)}).group_by("order", maintain_order=True).agg("items")
    )
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return pl.DataFrame(
        {
            "order_id": [f"{day:%Y%m%d}-{number:06d}" for number in range(rows)],
            "email": [f"customer{each}@shop.example" for each in customer],
            "transaction_type": ["purchase"] * bought + ["return"] * returned,
            "items": lists["items"],
            "total_item_quantity": counts,
            "total_purchase_usd": cents / 100,
            "transaction_timestamp": midnight + draw.integers(0, _DAY_SECONDS, rows),
        }
    ).sort("transaction_timestamp", "order_id")


def products(day: date) -> pl.DataFrame:
    """Return the day's snapshot of products, but for utc_date, by key."""
    return pl.DataFrame({"product_id": _IDS, "product_name": NAMES, "price": _cents(day) / 100})


def users(rows: int) -> pl.DataFrame:
    """Return a snapshot of so many users, but for utc_date, by key; it is the same on all days."""
    numbers = [f"{number:06d}" for number in range(rows)]
    return pl.DataFrame(
        {
            "account_id": [f"account-{number}" for number in numbers],
            "email": [f"customer{number}@shop.example" for number in numbers],
            "first_time_time_stamp": [1_600_000_000] * rows,
        }
    )


def _cents(day: date) -> np.ndarray:
    return 499 + 100 * np.arange(len(NAMES)) + 10 * (day.toordinal() // _PRICE_DAYS % 7)
