"""Which days look unlike their own past: row volume, NULL shares and category shares, by robust z-score.

A day is compared with the same weekday of the weeks before it. Its distance from their median is counted in scales. The
scale is the median absolute deviation. It is never smaller than what chance does to so many rows, and never smaller
than a change that a person would care about: otherwise a history without any change would make an alarm of the
smallest one. A new level is reported on its first day only: the part of a change that the day before already had does
not count again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any

from mootech.config import QaSettings
from mootech.model import Finding
from mootech.qa.measures import Key, Measure, Shape, rows_of
from mootech.qa.profile import Links, Profile
from mootech.tables import TableSpec

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_MAD_TO_SIGMA = 1.4826
"""Makes the median absolute deviation of a normal distribution its standard deviation."""
LEAST_WEEKS = 4
"""The fewest days to compare with: a median of fewer says little."""


@dataclass(frozen=True)
class Anomaly:
    """One way in which a day is unlike its past, or unlike the other tables."""

    check: str
    """row_volume, null_share, category_share, purchases_without_user or items_without_product."""
    column: str | None
    message: str
    data: dict[str, Any]
    """The figures, JSON-ready."""

    def finding(self, table: TableSpec, day: date) -> Finding:
        """Return it as a warning."""
        return Finding(str(table), day, self.column, self.check, self.message, ok=True, warning=True, data=self.data)


def compared_with(day: date, limits: QaSettings) -> list[date]:
    """Return the days that `unusual` compares a day with, oldest first."""
    yesterday = day - _DAY
    return sorted({yesterday, *_same_weekdays(day, limits), *_same_weekdays(yesterday, limits)})


def unusual(table: TableSpec, day: date, known: Mapping[date, Profile], limits: QaSettings) -> list[Anomaly]:
    """Return how a day is unlike its past: at most one anomaly per check and column, none where too few days are known.

    Args:
        table: whose day.
        day: UTC day; its profile is in `known`.
        known: profiles by UTC day: those of `compared_with` that the lake holds, and any others.
        limits: what is unusual.

    """
    past = [known[each] for each in _same_weekdays(day, limits) if each in known]
    if len(past) < LEAST_WEEKS:
        return []
    before = [known[each] for each in _same_weekdays(day - _DAY, limits) if each in known]
    shape = Shape(table, past)
    worst: dict[tuple[str, str], tuple[float, Anomaly]] = {}
    for key in shape.keys(known[day]):
        measure = shape.measure(key, known[day])
        usual = _values(shape, key, past)
        if measure is None or len(usual) < LEAST_WEEKS:
            continue
        found = _deviation(measure, usual, _shift(shape, key, known.get(day - _DAY), before))
        size = abs(found.z)
        if size >= limits.z and size > worst.get((key.check, key.column), (0.0, None))[0]:
            worst[key.check, key.column] = size, _described(key, shape, known[day], found)
    return [anomaly for _, anomaly in worst.values()]


def unmatched(of_day: Links, limits: QaSettings) -> list[Anomaly]:
    """Return an anomaly for purchases without a user, and one for items without a product, in that day's snapshots."""
    links = (
        ("purchases_without_user", "email", of_day.without_user, of_day.purchases, "purchases are of no user"),
        ("items_without_product", "items", of_day.without_product, of_day.items, "items sold are no product"),
    )
    return [
        Anomaly(
            check,
            column,
            f"{some:,} of {of_all:,} {what} of that day's snapshot",
            {"count": some, "of": of_all, "share": round(some / of_all, 6)},
        )
        for check, column, some, of_all, what in links
        if some > limits.max_unmatched_share * of_all
    ]


def _same_weekdays(day: date, limits: QaSettings) -> list[date]:
    return [day - weeks * _WEEK for weeks in range(1, limits.history_weeks + 1)]


def _values(shape: Shape, key: Key, days: Sequence[Profile]) -> list[float]:
    return [measure.value for each in days if (measure := shape.measure(key, each)) is not None]


def _shift(shape: Shape, key: Key, yesterday: Profile | None, past: Sequence[Profile]) -> float:
    """Return how far the day before was from its own past; 0 where too little is known."""
    was = shape.measure(key, yesterday) if yesterday is not None else None
    usual = _values(shape, key, past)
    return was.value - median(usual) if was is not None and len(usual) >= LEAST_WEEKS else 0.0


@dataclass(frozen=True)
class _Deviation:
    """How far a day's measure lies from the usual ones."""

    value: float
    """The measure."""
    usual: float
    """The median of the usual ones."""
    z: float
    """The distance between them in scales, without the part that the day before had covered already."""


def _deviation(measure: Measure, usual: Sequence[float], shift: float) -> _Deviation:
    """Compare a measure with the usual ones; `shift` is how far the day before was from its own past."""
    expected = median(usual)
    spread = median(abs(value - expected) for value in usual)
    deviation = measure.value - expected
    old = min(max(deviation, min(shift, 0.0)), max(shift, 0.0))
    z = (deviation - old) / max(_MAD_TO_SIGMA * spread, measure.least_scale)
    return _Deviation(measure.value, expected, z)


def _described(key: Key, shape: Shape, profile: Profile, found: _Deviation) -> Anomaly:
    """Describe a deviation in a sentence and in figures."""
    data: dict[str, Any] = {"z": round(found.z, 2)}
    if key.check == "row_volume":
        usual = rows_of(found.usual)
        change = f" ({(profile.rows - usual) / usual:+.0%})" if usual else ""
        data |= {"rows": profile.rows, "usual": usual}
        return Anomaly(key.check, None, f"{profile.rows:,} rows, where {usual:,} are usual{change}", data)
    data |= {"share": round(found.value, 6), "usual": round(found.usual, 6)}
    usually = f", where {found.usual:.1%} are usual"
    if key.check == "null_share":
        return Anomaly(key.check, key.column, f"{found.value:.1%} NULL{usually}", data)
    data["value"] = key.value
    if key.value is not None:
        return Anomaly(key.check, key.column, f"{key.value!r} in {found.value:.1%} of the rows{usually}", data)
    fresh = shape.new_values(key.column, profile)
    most = f" (most often {fresh[0]!r})" if fresh else " (too many to count)"
    return Anomaly(key.check, key.column, f"unusual values in {found.value:.1%} of the rows{most}{usually}", data)
