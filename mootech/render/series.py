"""A report's rows as what its chart draws: summed, few series, a bounded number of x. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from mootech.definition import Chart
from mootech.outcomes import ReportResult
from mootech.render.text import clean, plural

MOST_SERIES = 8
_MOST_ROWS = 24
_MOST_CATEGORIES = 24
_MOST_POINTS = {"line": 1500}
_MOST_COLUMNS = 180
_LONGEST = 60
_NONE, _OTHER = "(none)", "other"
_MOST_FILLED = 4000


@dataclass(frozen=True)
class Drawing:
    """What a chart shows. x and series are numbered; a pair without a value is a gap."""

    chart: Chart
    xs: tuple[Any, ...]
    """In order; days and months that no row has are among them, so that a gap shows."""
    labels: tuple[str, ...]
    """One for each x, all different, harmless to print."""
    series: tuple[str, ...]
    """The same for the series; one empty text where there is none."""
    values: Mapping[tuple[int, int], float]
    """y by number of x and of series, finite."""
    folded: bool = False
    """True where the last series is the sum of many."""
    notes: tuple[str, ...] = ()
    """How the drawing differs from the rows, a sentence each."""

    @property
    def dated(self) -> bool:
        """Say whether x are days."""
        return bool(self.xs) and all(isinstance(x, date) for x in self.xs)

    @property
    def numbered(self) -> bool:
        """Say whether x are numbers."""
        return bool(self.xs) and all(_number(x) is not None for x in self.xs)

    @property
    def monthly(self) -> bool:
        """Say whether x are first days of months."""
        return self.dated and len(self.xs) > 1 and all(x.day == 1 for x in self.xs)

    @property
    def totals(self) -> dict[int, float]:
        """Return y summed over the series, by number of x; an x of gaps alone is not there."""
        return _totals(self.values, 0)


def drawing(report: ReportResult, most: int | None = None, *, together: bool = False) -> Drawing | None:
    """Return what the report's chart draws, of at most `most` different x; None for a report without chart or figures.

    With `together` all series are added up to one.
    y is summed over rows of equal x and series. Of more than eight series the seven largest stay and the rest is one,
    `other`; a heat map keeps up to 24 rows instead. Of too many x the latest stay, or the largest where they are names.
    """
    chart = report.definition.chart
    if chart is None:
        return None
    if together:
        chart = replace(chart, series=None)
    sums, undrawn = _summed(report, chart)
    if not sums:
        return None
    notes = [f"{plural(undrawn, 'row')} without {words(chart.x)} left out."] if undrawn else []
    xs, left_out = _kept_x(_totals(sums, 0), most or _bound(chart, (x for x, _ in sums)))
    if left_out:
        which = "largest" if isinstance(xs[0], str) else "latest"
        notes.append(f"Drawn are the {which} {len(xs):,} of {len(xs) + left_out:,} values of {words(chart.x)}.")
    kept = set(xs)
    sums = {key: y for key, y in sums.items() if key[0] in kept}
    names, group, note = _grouped(sums, chart)
    notes += [note] if note else []
    filled = _filled(xs)
    at = {x: n for n, x in enumerate(filled)}
    values: dict[tuple[int, int], float] = {}
    for (x, name), y in sums.items():
        if (row := group.get(name)) is not None:
            values[at[x], row] = values.get((at[x], row), 0.0) + y
    folded = chart.kind != "heat" and len(group) > len(names)
    return Drawing(chart, filled, _labels(filled), _labels(names), values, folded, tuple(notes))


def words(column: str) -> str:
    """Return a column's name for a person: total_sale is "total sale"."""
    return clean(column).replace("_", " ")


Sums = dict[tuple[Any, Any], float]
"""y by x and series, as they stand in the rows."""


def _summed(report: ReportResult, chart: Chart) -> tuple[Sums, int]:
    """Return the sums, and how many rows have a figure but no x."""
    place = {name: n for n, name in enumerate(report.columns)}
    x_at, y_at, by_at = place[chart.x], place[chart.y], place[chart.series] if chart.series else None
    timed = any(isinstance(row[x_at], date) for row in report.rows)
    counted = not timed and all(row[x_at] is None or _number(row[x_at]) is not None for row in report.rows)
    found: Sums = {}
    undrawn = 0
    for row in report.rows:
        x, y = row[x_at], _number(row[y_at])
        if y is None:
            continue
        if x is None and (timed or counted):
            undrawn += 1
            continue
        key = (x if timed or counted else _text(x), "" if by_at is None else _series(row[by_at]))
        found[key] = found.get(key, 0.0) + y
    return found, undrawn


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return float(value) if math.isfinite(value) else None


def _text(value: object) -> str:
    return _NONE if value is None else str(value)


def _series(value: object) -> object:
    return value if isinstance(value, date | int | float | Decimal) and not isinstance(value, bool) else _text(value)


def _totals(sums: Mapping[tuple[Any, Any], float], part: int) -> dict[Any, float]:
    """Return y summed by x (part 0) or by series (part 1)."""
    found: dict[Any, float] = {}
    for key, y in sums.items():
        found[key[part]] = found.get(key[part], 0.0) + y
    return found


def _bound(chart: Chart, xs: Iterable[object]) -> int:
    if chart.kind in {"bar", "stacked"} and any(isinstance(x, str) for x in xs):
        return _MOST_CATEGORIES
    return _MOST_POINTS.get(chart.kind, _MOST_COLUMNS)


def _kept_x(totals: Mapping[Any, float], most: int) -> tuple[list[Any], int]:
    """Return the x to draw, in order, and how many are left out."""
    if any(isinstance(x, str) for x in totals):
        kept = set(sorted(totals, key=lambda x: -totals[x])[:most])
        return [x for x in totals if x in kept], max(0, len(totals) - most)
    ordered = sorted(totals)
    return ordered[-most:], max(0, len(ordered) - most)


def _grouped(sums: Sums, chart: Chart) -> tuple[tuple[Any, ...], dict[Any, int], str]:
    """Return the names of the drawn series in order, the drawn series of each series, and a note."""
    totals = _totals(sums, 1)
    named = any(isinstance(name, str) for name in totals)
    largest = sorted(totals, key=lambda name: (-totals[name], str(name)))
    most = _MOST_ROWS if chart.kind == "heat" else MOST_SERIES
    if len(totals) <= most:
        kept = largest if named else sorted(totals)
        return tuple(kept), {name: n for n, name in enumerate(kept)}, ""
    if chart.kind == "heat":
        kept = largest[:most] if named else sorted(totals)[-most:]
        which = "largest" if named else "latest"
        note = f"Drawn are the {which} {most} of {len(totals):,} values of {words(chart.series or '')}."
        return tuple(kept), {name: n for n, name in enumerate(kept)}, note
    kept = largest[: most - 1]
    group = dict.fromkeys(totals, most - 1) | {name: n for n, name in enumerate(kept)}
    return (*kept, _OTHER), group, f"other is the sum of {len(totals) - len(kept):,} smaller ones."


def _filled(xs: Sequence[Any]) -> tuple[Any, ...]:
    """Return the x and the days between them that no row has, in the rows' own step: a month, or some days."""
    days = [x for x in xs if isinstance(x, date) and not isinstance(x, datetime)]
    if len(days) < 2 or len(days) < len(xs):  # noqa: PLR2004 - between two
        return tuple(xs)
    if all(day.day == 1 for day in days):
        first, last = (day.year * 12 + day.month - 1 for day in (days[0], days[-1]))
        return tuple(date(n // 12, n % 12 + 1, 1) for n in range(first, last + 1))
    step = math.gcd(*((b - a).days for a, b in pairwise(days)))
    steps = (days[-1] - days[0]).days // step
    return tuple(days[0] + timedelta(days=n * step) for n in range(steps + 1)) if steps < _MOST_FILLED else tuple(xs)


def _labels(values: Sequence[Any]) -> tuple[str, ...]:
    """Return a label for each value. Labels that would be equal are numbered."""
    months = len(values) > 1 and all(isinstance(each, date) and each.day == 1 for each in values)
    found: dict[str, None] = {}
    for value in values:
        text = value.strftime("%Y-%m") if months else clean(value).strip() or ("" if value == "" else "?")
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST - 1]}…"
        label, n = text, 1
        while label in found:
            n += 1
            label = f"{text} ({n})"
        found[label] = None
    return tuple(found)
