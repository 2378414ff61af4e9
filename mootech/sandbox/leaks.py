"""Hits that the shop does not hand out: pages and their totals leave them out, while the metrics count them."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from threading import Lock

from mootech.model import DayRange
from mootech.sandbox.faults import Fault, FaultMix
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM, TableSpec


class Leak:
    """Hands out the rows of a shop except the hits that a fault mix leaves out. A seed decides which.

    Equal rows are left out together. `withheld-rows` always leaves out the same hits. `dropped-rows` leaves out other
    hits each time that a day is read from its beginning; every hit is left out once before one is left out again.
    """

    def __init__(self, shop: Shop, mix: FaultMix, seed: int) -> None:
        """Take the shop, the shares of its hits that are left out, and the seed."""
        self._shop, self._seed = shop, seed
        self._dropped = mix.shares.get(Fault.DROPPED_ROWS, 0.0)
        self._withheld = mix.shares.get(Fault.WITHHELD_ROWS, 0.0)
        self._times: Counter[date] = Counter()
        self._mutex = Lock()
        self._handed_out = lru_cache(maxsize=50)(self._make_handed_out)

    def begin(self, table: TableSpec, days: DayRange) -> None:
        """Remember that a client reads these days from the beginning."""
        if table == CLICKSTREAM:
            with self._mutex:
                self._times.update(days)

    def count(self, table: TableSpec, day: date, *, today: date) -> int:
        """Return how many rows the API hands out for that day."""
        if table != CLICKSTREAM:
            return self._shop.count(table, day, today=today)
        return len(self._hits(day, today))

    def page(self, table: TableSpec, day: date, offset: int, limit: int, *, today: date) -> Sequence[str]:
        """Return the JSON text of up to `limit` of these rows, from the one at `offset` on."""
        if table != CLICKSTREAM:
            return self._shop.page(table, day, offset, limit, today=today)
        return self._hits(day, today)[offset : offset + limit]

    def _hits(self, day: date, today: date) -> Sequence[str]:
        there = self._shop.count(CLICKSTREAM, day, today=today)
        return self._handed_out(day, there, self._times[day], today)

    def _make_handed_out(self, day: date, there: int, time: int, today: date) -> Sequence[str]:
        rows = self._shop.page(CLICKSTREAM, day, 0, there, today=today)
        return [row for row in rows if not self._left_out(row, time)]

    def _left_out(self, row: str, time: int) -> bool:
        """Say whether a row is left out at the `time`-th reading of its day, from 1."""
        digest = blake2b(f"{self._seed}\n{row}".encode(), digest_size=16).digest()
        turn, fate = (int.from_bytes(half) / 2**64 for half in (digest[:8], digest[8:]))
        return (turn - (time - 1) * self._dropped) % 1 < self._dropped or fate < self._withheld
