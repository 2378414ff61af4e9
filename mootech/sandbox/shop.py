"""The shop: every row of every table and day. Rows are made when they are asked for, and are the same every time."""

import json
import math
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
import polars as pl

from mootech.errors import UsageError
from mootech.sandbox import dirt, orders, rendering, visits
from mootech.sandbox.calendar import check_day, day_start, earliest_stamp
from mootech.sandbox.catalogue import offer
from mootech.sandbox.customers import Customers
from mootech.sandbox.dirt import DayDelivery, Dirt
from mootech.sandbox.draws import mix
from mootech.sandbox.orders import Orders, Purchases
from mootech.sandbox.spoil import fitting, spoil
from mootech.sandbox.visits import Hits
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS, USERS, TableSpec

_T = TypeVar("_T")

API_KEY: Final = "sandbox-key"
"""The default key of a shop's API; no secret."""

# The days that clients are reading must stay cached, or every page would make its day anew.
# At a small scale the cache holds all days of a demo.
_FEWEST_DAYS, _MOST_DAYS = 5, 50


class Shop:
    """A deterministic e-commerce shop; the same seed and scale give the same bytes. Safe to use from several threads.

    Every method takes the day asked for and `today`, both UTC. Late rows are missing on `day + 1` and handed out from
    `day + 2` on. Of a table that the shop does not know, every day is without rows.

    Every method raises UsageError for a day before 1990, after 2100, or not over.
    """

    def __init__(self, *, seed: int = 2023, scale: float = 1.0, api_key: str = API_KEY) -> None:
        """Open the shop.

        Args:
            seed: 0 or more.
            scale: factor of the traffic; 1.0 is some 2,000 hits a day, 2,500 some five million.
            api_key: what a request to the shop's API must bring.

        Raises:
            UsageError: a negative seed, or a scale that is not a positive number.

        """
        if seed < 0:
            raise UsageError(f"the seed {seed} is negative", hint="Give a whole number from 0 on, for example 2023.")
        if not 0 < scale < math.inf:
            raise UsageError(f"the scale {scale} is not a positive number", hint="1 is some 2,000 hits a day.")
        self.api_key = api_key
        self._seed, self._scale = seed, scale
        self._customers = Customers(seed, scale)
        days = max(_FEWEST_DAYS, min(_MOST_DAYS, int(_MOST_DAYS / scale)))
        # Two threads that ask at once may both make a day, with the same result.
        self._purchases = _recent(self._make_purchases, days)
        self._coming_back = _recent(lambda day: self._purchases(day).coming_back, 2 * orders.RETURN_DAYS)
        self._orders = _recent(self._make_orders, days)
        self._hits = _recent(self._make_hits, days)
        self._deliveries = {table: _recent(self._delivery_of(table), days) for table in TABLES}
        self._counts = lru_cache(maxsize=200_000)(self._make_count)

    def rows(self, table: TableSpec, day: date, *, today: date) -> list[bytes]:
        """Return the JSON text of each row the API hands out for that day, in its order, dirt included."""
        return [row.encode() for row in self.page(table, day, 0, self.count(table, day, today=today), today=today)]

    def page(self, table: TableSpec, day: date, offset: int, limit: int, *, today: date) -> list[str]:
        """Return the JSON text of up to `limit` of these rows, from the one at `offset` on."""
        end = min(offset + limit, self.count(table, day, today=today))
        if offset >= end:
            return []
        plan = self._deliveries[table](day)
        frame = self._frame(table, day, plan.source[offset:end])
        texts: list[str] = frame.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()
        for position in plan.malformed_between(offset, end):
            at = int(position) - offset
            variant = int(mix([position], day.toordinal())[0])
            broken = spoil(table, plan.flaw_at(position), json.loads(texts[at]), variant)
            texts[at] = json.dumps(broken, separators=(",", ":"))
        return texts

    def frame(self, table: TableSpec, day: date, *, today: date) -> pl.DataFrame:
        """Return the same rows as a frame of `rows`' columns; a value that its column cannot hold is null."""
        end, plan = self.count(table, day, today=today), self._deliveries[table](day)
        frame = self._frame(table, day, plan.source[:end])
        places = plan.malformed_between(0, end)
        broken = [
            fitting(
                frame.schema,
                spoil(table, plan.flaw_at(place), row, int(mix([place], day.toordinal())[0])),
            )
            for place, row in zip(places, frame[places].to_dicts(), strict=True)
        ]
        order = np.arange(frame.height)
        order[places] = frame.height + np.arange(len(places))
        return pl.concat([frame, pl.DataFrame(broken, schema=frame.schema, orient="row")])[order]

    def count(self, table: TableSpec, day: date, *, today: date) -> int:
        """Return how many rows the API hands out for that day, dirt included."""
        check_day(day, today)
        return self._counts(table, day, _settled(day, today))

    def dirt(self, table: TableSpec, day: date, *, today: date) -> Dirt:
        """Return how much dirt is planted among these rows, and how many good ones are still missing."""
        check_day(day, today)
        return dirt.dirt(table, self._deliveries[table](day), settled=_settled(day, today))

    def hits(self, day: date, *, today: date) -> int:
        """Return how many different good hits of that day have arrived."""
        check_day(day, today)
        late = 0 if _settled(day, today) else self._deliveries[CLICKSTREAM](day).late
        return len(self._hits(day)) - late

    def visitors(self, day: date, *, today: date) -> int:
        """Return how many different visitors the good hits of that day that have arrived belong to."""
        made, plan = self._hits(day), self._deliveries[CLICKSTREAM](day)
        arrived = plan.source[: self.count(CLICKSTREAM, day, today=today)]
        return len(np.unique(made.visits.visid_low[made.visit[arrived]]))

    def _frame(self, table: TableSpec, day: date, which: rendering.Positions) -> pl.DataFrame:
        """Return good rows of a day, by their positions among them."""
        if table == CLICKSTREAM:
            return rendering.clickstream(day, self._hits(day), which, self._customers)
        if table == TRANSACTIONS:
            return rendering.transactions(day, self._orders(day), which, self._customers)
        if table == USERS:
            return rendering.users(day, which, self._customers, earliest_stamp(day))
        if table == PRODUCTS:
            return rendering.products(day, which)
        return pl.DataFrame(schema=dict.fromkeys(table.delivered, pl.String))

    def _good(self, table: TableSpec, day: date) -> int:
        """Count the good rows of a day, those that arrive late included."""
        if table == CLICKSTREAM:
            return len(self._hits(day))
        if table == TRANSACTIONS:
            return len(self._orders(day))
        if table == USERS:
            return self._customers.registered_before(day_start(day + timedelta(days=1)))
        return len(offer(day).products) if table == PRODUCTS else 0

    def _make_count(self, table: TableSpec, day: date, settled: bool) -> int:  # noqa: FBT001  # lru_cache keys are positional
        return self._deliveries[table](day).count(settled=settled)

    def _delivery_of(self, table: TableSpec) -> Callable[[date], DayDelivery]:
        return lambda day: dirt.delivery(self._seed, table, day, self._good(table, day))

    def _make_purchases(self, day: date) -> Purchases:
        return orders.purchases(self._seed, self._scale, day, self._customers)

    def _make_orders(self, day: date) -> Orders:
        together = self._purchases(day).orders.followed_by(orders.returns(day, self._coming_back))
        return together.take(np.argsort(together.seconds, kind="stable"))

    def _make_hits(self, day: date) -> Hits:
        return visits.hits(self._seed, self._scale, day, self._purchases(day).orders, self._customers)


def _settled(day: date, today: date) -> bool:
    """Say whether the rows that arrive a day late are there."""
    return today >= day + timedelta(days=2)


def _recent(make: Callable[[date], _T], days: int) -> Callable[[date], _T]:
    """Return the function with a cache for the last `days` days."""
    return lru_cache(maxsize=days)(make)
