"""Visits to the shop's pages, and the hits they consist of."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from mootech.sandbox.calendar import DAY_SECONDS, day_start, earliest_stamp, traffic
from mootech.sandbox.catalogue import offer
from mootech.sandbox.customers import Customers
from mootech.sandbox.draws import Draws, Ints, Words, mix
from mootech.sandbox.orders import LINES, LONGEST_VISIT, Orders, second_of_day

HOME, PRODUCT, CART, CHECKOUT, PURCHASE = range(5)
"""The pages of the funnel, in its order."""

_VISITS_A_DAY = 450
# The last page of the visits that buy nothing: the home page, a product, the cart, the checkout.
_LAST_PAGES = (0.24, 0.55, 0.12, 0.09)
_VIEWS = (0.50, 0.28, 0.15, 0.07)
_MOST_VIEWS: Final = len(_VIEWS)
_KNOWN = 0.35
_COHORT = 0.4
_COHORT_SIZE: Final = 6_000
_CAMPAIGNS = (0.55, 0.12, 0.10, 0.08, 0.08, 0.07)
_CURRENCIES = (0.72, 0.14, 0.07, 0.05, 0.02)
_SYSTEMS = (0.30, 0.16, 0.26, 0.22, 0.04, 0.02)
_STREAM = 2
_LONGEST_PAUSE = 100
_MONTH: Final = 30 * DAY_SECONDS
# Visitors are numbered: customers from 0, the months' cohorts and the newcomers far above.
_COHORTS: Final = np.uint64(1 << 62)
_NEWCOMERS: Final = np.uint64(1 << 63)

Codes = npt.NDArray[np.int16]


@dataclass(frozen=True)
class Visits:
    """The visits of one day, one entry per visit. Visits that end in a purchase come first, in the purchases' order."""

    start: Ints
    """Unix seconds of the first hit."""
    visid_high: Words
    visid_low: Words
    """Determines visid_high: two visitors never share it."""
    first_hit: Ints
    """Unix seconds of the visitor's first hit ever."""
    customer: Ints
    """-1 for a visitor the shop does not know."""
    newcomer: npt.NDArray[np.bool_]
    campaign: Codes
    """0 for none."""
    currency: Codes
    system: Codes
    product: Codes
    """Shape (visits, LINES): what is in the cart, as in Orders."""
    quantity: Codes
    """Shape (visits, LINES)."""


@dataclass(frozen=True)
class Hits:
    """The hits of one day in order of time, one entry per hit, and the visits they belong to."""

    visits: Visits
    visit: npt.NDArray[np.int32]
    """Index into `visits`."""
    seconds: Ints
    """Unix seconds."""
    page: Codes
    product: Codes
    """Index into CATALOGUE on a product page, -1 elsewhere."""
    hitid_high: Words
    hitid_low: Words

    def __len__(self) -> int:
        """Count the hits."""
        return len(self.visit)


@dataclass(frozen=True)
class _Day:
    """What the visits of a day depend on."""

    seed: int
    scale: float
    day: date
    orders: Orders
    """The day's purchases."""
    customers: Customers


def hits(seed: int, scale: float, day: date, orders: Orders, customers: Customers) -> Hits:
    """Return the hits of a day, among them one purchase hit for each of the day's purchases, at the same second."""
    draws = Draws(seed, _STREAM, day.toordinal())
    others = draws.about(_VISITS_A_DAY * scale * traffic(day) * (0.9 + 0.2 * draws.uniform(1)[0]))
    count = len(orders) + others
    last = np.concatenate([np.full(len(orders), PURCHASE), draws.pick(others, _LAST_PAGES)])
    views = np.where(last >= PRODUCT, 1 + draws.pick(count, _VIEWS), 0)
    length = 1 + views + np.maximum(last - PRODUCT, 0)
    sold = offer(day)
    viewed = sold.products[draws.pick(count * _MOST_VIEWS, sold.weights)].reshape(count, _MOST_VIEWS)
    # A buyer has looked at the first product in the cart; the other carts hold the first product seen.
    viewed[: len(orders), 0] = orders.product[:, 0]

    first = np.concatenate([[0], np.cumsum(length)[:-1]]) if count else np.zeros(0, dtype=np.int64)
    visit = np.repeat(np.arange(count, dtype=np.int32), length)
    step = np.arange(len(visit)) - first[visit]
    pauses = 4 + draws.below(len(visit), _LONGEST_PAUSE)
    passed = np.cumsum(pauses)
    passed -= passed[first][visit]
    duration = passed[first + length - 1]
    start = np.concatenate(
        [
            orders.seconds - duration[: len(orders)],
            day_start(day)
            + (second_of_day(draws, others) * (DAY_SECONDS - LONGEST_VISIT) / DAY_SECONDS).astype(np.int64),
        ]
    )
    on_product = (step >= 1) & (step <= views[visit])
    page = np.where(step == 0, HOME, np.where(on_product, PRODUCT, PRODUCT + step - views[visit]))
    seconds = start[visit] + passed
    order = np.argsort(seconds, kind="stable")
    return Hits(
        visits=_visits(_Day(seed, scale, day, orders, customers), draws, start, viewed[:, 0]),
        visit=visit[order],
        seconds=seconds[order],
        page=page[order].astype(np.int16),
        product=np.where(on_product, viewed[visit, np.clip(step - 1, 0, _MOST_VIEWS - 1)], -1)[order].astype(np.int16),
        hitid_high=draws.words(len(visit)),
        hitid_low=draws.words(len(visit)),
    )


def _visits(of: _Day, draws: Draws, start: Ints, seen: Ints) -> Visits:
    """Return who the visitors are and where they come from.

    Args:
        of: the day.
        draws: the day's random numbers, as far as `hits` has not used them.
        start: Unix seconds of each visit's first hit.
        seen: the first product that each visitor could look at.

    """
    day, customers, orders = of.day, of.customers, of.orders
    count, buyers = len(start), len(orders)
    registered = customers.registered_before(day_start(day))
    anyone = (draws.uniform(count) ** 1.5 * registered).astype(np.int64)
    customer = np.where(draws.uniform(count) < _KNOWN, anyone, -1)
    customer[:buyers] = orders.customer
    known = customer >= 0
    newcomer = ~known & (draws.uniform(count) >= _COHORT)

    cohort = day.toordinal() // 30 - 1
    member = draws.below(count, int(_COHORT_SIZE * of.scale) + 1).astype(np.uint64)
    keys = np.where(newcomer, _NEWCOMERS | draws.words(count), _COHORTS | np.uint64(cohort << 40) | member)
    keys = mix(np.where(known, customer.astype(np.uint64), keys), of.seed)
    chance = mix(keys, 7)
    first_hit = np.select(
        [newcomer, known],
        [start, customers.registered(customer) - (chance % np.uint64(_MONTH)).astype(np.int64)],
        # A cohort: the visitors who came for the first time in the 30 days before the current 30.
        day_start(date.fromordinal(30 * cohort)) + (chance % np.uint64(_MONTH)).astype(np.int64),
    )
    product, quantity = (np.zeros((count, LINES), dtype=np.int16) for _ in range(2))
    product[:, 0], quantity[:, 0] = seen, 1
    product[:buyers], quantity[:buyers] = orders.product, orders.quantity
    return Visits(
        start=start,
        visid_high=mix(keys, 5),
        visid_low=mix(keys, 6),
        first_hit=np.maximum(first_hit, earliest_stamp(day)),
        customer=customer,
        newcomer=newcomer,
        campaign=_codes(draws, count, _CAMPAIGNS),
        currency=_codes(draws, count, _CURRENCIES),
        system=_codes(draws, count, _SYSTEMS),
        product=product,
        quantity=quantity,
    )


def _codes(draws: Draws, count: int, weights: tuple[float, ...]) -> Codes:
    """Return indices into `weights`, in a small type because a day can have millions of hits."""
    return draws.pick(count, weights).astype(np.int16)
