"""Purchases, and the returns that follow them."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from mootech.sandbox.calendar import DAY_SECONDS, day_start, traffic
from mootech.sandbox.catalogue import offer
from mootech.sandbox.customers import Customers
from mootech.sandbox.draws import Draws, Floats, Ints

LINES: Final = 3
"""Most different products in one order."""

LONGEST_VISIT: Final = 1_200
"""Seconds; no visit is longer, so that the visit of the day's first purchase starts on that day."""

RETURN_DAYS: Final = 45
"""A return comes 1 to this many days after its purchase."""

_QUANTITIES = (0.78, 0.17, 0.05)
MOST_UNITS: Final = len(_QUANTITIES)
"""Most units on one line of an order."""

_ORDERS_A_DAY = 85
_HOURS = (3, 2, 1, 1, 1, 2, 3, 4, 5, 6, 6, 7, 7, 6, 6, 6, 7, 8, 9, 10, 10, 9, 7, 5)
_MORE_LINES = 0.28
_RETURNED = 0.12
_WHOLE_ORDER_RETURNED = 0.6
_SHOUTED = 0.04
_STREAM = 1


@dataclass(frozen=True)
class Orders:
    """Purchases or returns, one entry per order."""

    days: Ints
    """Days from the purchase to this event: 0 for a purchase."""
    number: Ints
    """Position among the purchases of the day of the purchase; with that day it makes the order_id."""
    seconds: Ints
    """Unix seconds of this event."""
    customer: Ints
    product: Ints
    """Shape (orders, LINES): index into CATALOGUE; arbitrary where the quantity is 0."""
    quantity: Ints
    """Shape (orders, LINES): units; 0 where there is no such line. The first line has at least one."""
    unit_cents: Ints
    """Shape (orders, LINES): price of one unit on the day of the purchase."""
    shouted: npt.NDArray[np.bool_]
    """True where the customer typed the e-mail address in capitals."""

    def __len__(self) -> int:
        """Count the orders."""
        return len(self.number)

    @property
    def cents(self) -> Ints:
        """The total of each order."""
        total: Ints = (self.quantity * self.unit_cents).sum(axis=1)
        return total

    def take(self, which: npt.NDArray[np.intp] | Ints) -> "Orders":
        """Return the orders at these positions."""
        return Orders(**{each.name: getattr(self, each.name)[which] for each in fields(self)})

    def followed_by(self, *others: "Orders") -> "Orders":
        """Return these orders and then the others."""
        parts = (self, *others)
        return Orders(
            **{each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(self)}
        )


@dataclass(frozen=True)
class Purchases:
    """The purchases of one day, in order of time, and what comes back of them later."""

    orders: Orders
    coming_back: Orders
    """The returns of these purchases on any of the RETURN_DAYS that follow. They are few, so keeping them is cheap."""


def second_of_day(draws: Draws, count: int) -> Floats:
    """Return times of day as seconds in [0, 86400), more of them in the evening than at night."""
    return (draws.pick(count, _HOURS) + draws.uniform(count)) * 3600


def purchases(seed: int, scale: float, day: date, customers: Customers) -> Purchases:
    """Return the purchases of a day; they depend on these arguments alone."""
    draws = Draws(seed, _STREAM, day.toordinal())
    count = draws.about(_ORDERS_A_DAY * scale * traffic(day) * (0.9 + 0.2 * draws.uniform(1)[0]))
    start = day_start(day)
    share = (DAY_SECONDS - LONGEST_VISIT) / DAY_SECONDS
    seconds = np.sort(LONGEST_VISIT + second_of_day(draws, count) * share).astype(np.int64)
    sold = offer(day)
    product = sold.products[draws.pick(count * LINES, sold.weights)].reshape(count, LINES)
    quantity = 1 + draws.pick(count * LINES, _QUANTITIES).reshape(count, LINES)
    more = draws.uniform(count * (LINES - 1)).reshape(count, LINES - 1) < _MORE_LINES
    # A line is there only after the line before it, and a product stands on one line only.
    quantity[:, 1] *= more[:, 0] & (product[:, 1] != product[:, 0])
    quantity[:, 2] *= (
        (quantity[:, 1] > 0) & more[:, 1] & (product[:, 2] != product[:, 0]) & (product[:, 2] != product[:, 1])
    )
    orders = Orders(
        days=np.zeros(count, dtype=np.int64),
        number=np.arange(count),
        seconds=start + seconds,
        # Early customers buy more often, so that many have several purchases of one product.
        customer=(draws.uniform(count) ** 1.5 * customers.registered_before(start)).astype(np.int64),
        product=product,
        quantity=quantity,
        unit_cents=sold.cents[product],
        shouted=draws.uniform(count) < _SHOUTED,
    )
    return Purchases(orders, _coming_back(orders, start, draws))


def _coming_back(orders: Orders, start: int, draws: Draws) -> Orders:
    """Decide which purchases of a day come back, when, and how much of them; the day begins at `start`."""
    back = orders.take(np.flatnonzero(draws.uniform(len(orders)) < _RETURNED))
    count = len(back)
    days = 1 + (RETURN_DAYS * draws.uniform(count) ** 1.5).astype(np.int64)
    whole = draws.uniform(count) < _WHOLE_ORDER_RETURNED
    one_unit = np.array([[1] + [0] * (LINES - 1)])
    return replace(
        back,
        days=days,
        seconds=start + days * DAY_SECONDS + second_of_day(draws, count).astype(np.int64),
        quantity=np.where(whole[:, None], back.quantity, one_unit),
    )


def returns(day: date, coming_back: Callable[[date], Orders]) -> Orders:
    """Return the returns of a day, in order of time; they are of purchases of the 45 days before.

    Args:
        day: the day of the returns.
        coming_back: answers `Purchases.coming_back` of a day.

    """
    parts = []
    for ago in range(1, RETURN_DAYS + 1):
        of_day = coming_back(day - timedelta(days=ago))
        parts.append(of_day.take(np.flatnonzero(of_day.days == ago)))
    together = parts[0].followed_by(*parts[1:])
    return together.take(np.argsort(together.seconds, kind="stable"))
