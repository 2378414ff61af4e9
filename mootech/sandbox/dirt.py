"""The dirt the shop plants on purpose, at documented rates, and how much of it there is.

Every broken row is an additional row: a copy of a good one with a key of its own. Every exact duplicate copies a good
row. So no good row is lost, and what a pipeline drops or rejects can be counted exactly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from mootech.sandbox.calendar import BAD_DAY
from mootech.sandbox.draws import Draws
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS, USERS, TableSpec


class Flaw(StrEnum):
    """What is wrong with a malformed row."""

    WRONG_TYPE = "wrong_type"
    MISSING = "missing"
    IMPOSSIBLE = "impossible"
    UNKNOWN_CURRENCY = "unknown_currency"


_FLAWS = tuple(Flaw)
_FIRST_FLAW = 1


@dataclass(frozen=True)
class Dirt:
    """The dirt among the rows that the shop hands out for one table and day."""

    exact_duplicates: int
    """Rows that repeat a good row byte for byte; the original is not counted."""
    malformed: Mapping[str, int]
    """Flaw → rows that break the contract in this way; every flaw of the table is listed, even with 0 rows."""
    late_missing: int
    """Good rows of the day that are not handed out yet."""


@dataclass(frozen=True)
class Rates:
    """Shares of a table's good rows."""

    duplicate: float = 0.0
    malformed: float = 0.0
    late: float = 0.0
    flaws: tuple[Flaw, ...] = ()


_CLEAN = Rates()

RATES: Mapping[TableSpec, Rates] = {
    CLICKSTREAM: Rates(duplicate=0.005, malformed=0.003, late=0.005, flaws=_FLAWS),
    TRANSACTIONS: Rates(duplicate=0.005, malformed=0.004, late=0.005, flaws=_FLAWS[:3]),
    USERS: Rates(malformed=0.0003, flaws=_FLAWS[:3]),
    PRODUCTS: _CLEAN,
}
BAD_DAY_RATE = 0.05
"""Share of malformed hits on BAD_DAY."""

_STREAM = 3


@dataclass(frozen=True)
class DayDelivery:
    """In which order the shop hands out the good rows of one table and day, and the dirt among them."""

    source: npt.NDArray[np.int32]
    """For each row handed out: the good row it is or copies."""
    flaw: npt.NDArray[np.uint8]
    """For each row handed out: 0, or 1 + index of its flaw in `Flaw`."""
    exact_duplicates: int
    late: int
    """This many rows arrive late. They stand at the end, so that cursors stay valid when they arrive."""

    def count(self, *, settled: bool) -> int:
        """Return how many rows are handed out; `settled` says that the late ones have arrived."""
        return len(self.source) - (0 if settled else self.late)

    def flaw_at(self, position: int) -> Flaw:
        """Return what is wrong with a malformed row."""
        return _FLAWS[int(self.flaw[position]) - _FIRST_FLAW]

    def malformed_between(self, first: int, end: int) -> list[int]:
        """Return the positions of the malformed rows from `first` to before `end`, ascending."""
        found: list[int] = (first + np.flatnonzero(self.flaw[first:end])).tolist()
        return found


def delivery(seed: int, table: TableSpec, day: date, good: int) -> DayDelivery:
    """Decide which of `good` rows arrive late, twice or broken, and in which order all are handed out."""
    rates = RATES.get(table, _CLEAN)
    draws = Draws(seed, _STREAM, tuple(TABLES).index(table), day.toordinal())
    late = np.unique(draws.below(draws.about(good * rates.late), good))
    early = np.setdiff1d(np.arange(good), late, assume_unique=True)
    bad_day = table == CLICKSTREAM and day == BAD_DAY
    # At most one row more than the rate says: so every day but the bad one stays below the gate's threshold.
    duplicates = draws.about(good * rates.duplicate) if len(early) else 0
    broken = draws.about(good * (BAD_DAY_RATE if bad_day else rates.malformed)) if len(early) else 0
    dirty = early[draws.below(duplicates + broken, len(early))]
    flaw = np.zeros(len(early) + len(dirty), dtype=np.uint8)
    flaw[len(early) + duplicates :] = _FIRST_FLAW + draws.below(broken, max(len(rates.flaws), 1))
    places = np.concatenate([np.arange(len(early)), draws.uniform(len(dirty)) * len(early)])
    order = np.argsort(places, kind="stable")
    return DayDelivery(
        source=np.concatenate([np.concatenate([early, dirty])[order], late]).astype(np.int32),
        flaw=np.concatenate([flaw[order], np.zeros(len(late), dtype=np.uint8)]),
        exact_duplicates=duplicates,
        late=len(late),
    )


def dirt(table: TableSpec, planned: DayDelivery, *, settled: bool) -> Dirt:
    """Count the dirt of a delivery."""
    found = np.bincount(planned.flaw, minlength=len(_FLAWS) + _FIRST_FLAW)[_FIRST_FLAW:]
    return Dirt(
        exact_duplicates=planned.exact_duplicates,
        malformed={flaw.value: int(found[_FLAWS.index(flaw)]) for flaw in RATES.get(table, _CLEAN).flaws},
        late_missing=0 if settled else planned.late,
    )
