"""The numbers that days are compared by, each with the error that chance alone gives it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import median

from mootech.qa.profile import MOST_VALUES, Profile
from mootech.tables import TableSpec

_LEAST_VOLUME_SCALE = {True: 0.06, False: 0.03}
"""The smallest scale of the row volume, for events (True) and for snapshots (False), which hardly change.

The volume is the logarithm of the rows, so this is a share of the rows."""
_LEAST_SHARE_SCALE = 0.01
_CLUSTERING = 2.0
"""Rows come in groups, such as the hits of a visit, so their shares vary twice as much as those of single rows."""
_LEAST_ROWS = 100
"""The fewest rows with a value that a share is taken of."""
_MOST_CATEGORIES = MOST_VALUES // 2
"""The most different values that a category has on an ordinary day.

It is half of what a profile counts, so that one value more does not take a column out of the comparison."""
_COVERAGE = 0.8
"""In a category the usual values have at least this share of every day's rows."""


@dataclass(frozen=True, order=True)
class Key:
    """What is measured."""

    check: str
    """row_volume, null_share or category_share."""
    column: str = ""
    value: str | None = None
    """The value of a category; None stands for all values that are not usual."""


@dataclass(frozen=True)
class Measure:
    """A number of a day."""

    value: float
    """The logarithm of the rows, or a share from 0 to 1."""
    least_scale: float
    """The smallest change that counts: what chance does, or what a person cares about, whichever is larger."""


class Shape:
    """What can be measured of a table's days. Past days decide which columns are categories, and of which values."""

    def __init__(self, table: TableSpec, past: Sequence[Profile]) -> None:
        """Look at the past: one day or more."""
        self._snapshot = table.event_time is None
        self._rows = median(each.rows for each in past)
        self._usual = dict(_categories(past))
        self._null_columns = {column for each in past for column in each.nulls}

    def keys(self, profile: Profile) -> Iterator[Key]:
        """Yield what can be measured of a day."""
        yield Key("row_volume")
        for column in sorted({*self._null_columns, *profile.nulls}):
            yield Key("null_share", column)
        for column, values in self._usual.items():
            yield from (Key("category_share", column, value) for value in (*sorted(values), None))

    def measure(self, key: Key, profile: Profile) -> Measure | None:
        """Measure a day; None where it has too few rows."""
        if key.check == "row_volume":
            # Events come by chance; a snapshot grows and shrinks by single rows.
            noise = 1 / (self._rows + 1) if self._snapshot else _CLUSTERING / sqrt(self._rows + 1)
            return Measure(log(profile.rows + 1), max(_LEAST_VOLUME_SCALE[not self._snapshot], noise))
        of = profile.rows if key.check == "null_share" else profile.filled(key.column)
        if of < _LEAST_ROWS:
            return None
        if key.check == "null_share":
            share = profile.null_share(key.column)
        elif key.value is None:
            share = max(0.0, 1 - sum(profile.share(key.column, value) for value in self._usual[key.column]))
        else:
            share = profile.share(key.column, key.value)
        # Agresti-Coull adjusted share: without the adjustment a share of 0 or 1 would have no error at all.
        adjusted = (share * of + 2) / (of + 4)
        return Measure(share, max(_LEAST_SHARE_SCALE, _CLUSTERING * sqrt(adjusted * (1 - adjusted) / of)))

    def new_values(self, column: str, profile: Profile) -> list[str]:
        """Return the values of a category that are not usual, the most frequent first."""
        counts = profile.values.get(column, {})
        return sorted(counts.keys() - self._usual[column], key=lambda value: (-counts[value], value))


def rows_of(volume: float) -> int:
    """Return the rows that a measured volume stands for."""
    return round(exp(volume)) - 1


def _categories(past: Sequence[Profile]) -> Iterable[tuple[str, frozenset[str]]]:
    """Yield the columns that are categories, each with its usual values: those of at least half of the days."""
    for column in sorted({column for each in past for column in each.values}):
        days = [each for each in past if each.filled(column) >= _LEAST_ROWS]
        counts = [each.values.get(column, {}) for each in days]
        values = {value for of_day in counts for value in of_day}
        usual = frozenset(value for value in values if 2 * sum(value in of_day for of_day in counts) >= len(days))
        few = all(0 < len(of_day) <= _MOST_CATEGORIES for of_day in counts)
        if days and few and all(sum(each.share(column, value) for value in usual) >= _COVERAGE for each in days):
            yield column, usual
