"""The chart of growth as an SVG: time and memory over rows, a panel for each. Memory alone is on a linear axis."""

from collections.abc import Mapping, Sequence
from html import escape
from math import floor, log10

from benchmarks.figures import Point

_WIDTH, _HEIGHT = 360, 260
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 36, 14, 40
_COLOURS = ("#0b6e99", "#c2571a")
_MARKS = (1, 2, 5)
_MOST_MARKS = 6
_FONT = "font-family='sans-serif' font-size='11'"


def drawn(growth: Mapping[str, Sequence[Point]]) -> str:
    """Return the SVG of both panels; `growth` has at least one point for each of its one or two subjects."""
    seconds = {name: [(point.rows, point.seconds) for point in points] for name, points in growth.items()}
    memory = {name: [(point.rows, point.peak_mb) for point in points] for name, points in growth.items()}
    panels = [_panel("time, s", seconds, 0, _Axis), _panel("peak memory, MB", memory, _WIDTH, _FromZero)]
    size = f"viewBox='0 0 {2 * _WIDTH} {_HEIGHT}' width='{2 * _WIDTH}' height='{_HEIGHT}'"
    title = "<title>Time and peak memory over rows</title>"
    # A ground of its own, or the labels vanish on dark pages.
    ground = f"<rect width='{2 * _WIDTH}' height='{_HEIGHT}' fill='#ffffff'/>"
    return "\n".join([f"<svg xmlns='http://www.w3.org/2000/svg' {size} {_FONT}>", title, ground, *panels, "</svg>", ""])


def _panel(title: str, series: Mapping[str, Sequence[tuple[float, float]]], left: float, scale: "type[_Axis]") -> str:
    points = [point for of_subject in series.values() for point in of_subject]
    across = _Axis([x for x, _ in points], left + _LEFT, left + _WIDTH - _RIGHT)
    up = scale([y for _, y in points], _HEIGHT - _BOTTOM, _TOP)
    parts = [f"<text x='{left + _LEFT}' y='20' font-weight='bold'>{escape(title)}</text>"]
    for value in up.marks():
        y = up.place(value)
        parts += [
            f"<line x1='{across.begin:.1f}' x2='{across.end:.1f}' y1='{y:.1f}' y2='{y:.1f}' stroke='#dddddd'/>",
            f"<text x='{across.begin - 6:.1f}' y='{y + 4:.1f}' text-anchor='end'>{value:,g}</text>",
        ]
    for value in across.marks(decades=True):
        x = across.place(value)
        parts.append(f"<text x='{x:.1f}' y='{_HEIGHT - _BOTTOM + 16}' text-anchor='middle'>{_short(value)}</text>")
    parts.append(f"<text x='{across.end:.1f}' y='{_HEIGHT - 8}' text-anchor='end'>rows</text>")
    for number, (name, of_subject) in enumerate(series.items()):
        colour = _COLOURS[number]
        places = [(across.place(x), up.place(y)) for x, y in of_subject]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f"<polyline points='{line}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{colour}'/>" for x, y in places]
        parts.append(
            f"<text x='{across.end:.1f}' y='{20 + 13 * number}' text-anchor='end' fill='{colour}'>{escape(name)}</text>"
        )
    return "\n".join(parts)


class _Axis:
    """From values to places on the page, logarithmically."""

    def __init__(self, values: Sequence[float], begin: float, end: float) -> None:
        """Span the values with a little room on both sides."""
        self.begin, self.end = begin, end
        self._low, self._high = self._span(values)

    def place(self, value: float) -> float:
        """Return where a value stands."""
        return self.begin + (self._of(value) - self._low) / (self._high - self._low) * (self.end - self.begin)

    def marks(self, *, decades: bool = False) -> list[float]:
        """Return the round values within, 1, 2 and 5 of each power of ten, or only the powers."""
        powers = range(floor(self._low), floor(self._high) + 1)
        values = [mark * 10.0**power for power in powers for mark in (_MARKS[:1] if decades else _MARKS)]
        return [value for value in values if self._low <= log10(value) <= self._high]

    def _span(self, values: Sequence[float]) -> tuple[float, float]:
        return log10(min(values) * 0.8), log10(max(values) * 1.25)

    def _of(self, value: float) -> float:
        return log10(value)


class _FromZero(_Axis):
    """The same in proportion, from zero on."""

    def marks(self, *, decades: bool = False) -> list[float]:
        """Return from two to five round values."""
        del decades
        power = 10.0 ** floor(log10(self._high))
        step = next(step for step in (power / 5, power / 2, power, 2 * power) if self._high / step <= _MOST_MARKS)
        return [step * number for number in range(floor(self._high / step) + 1)]

    def _span(self, values: Sequence[float]) -> tuple[float, float]:
        return 0.0, max(values) * 1.25

    def _of(self, value: float) -> float:
        return value


def _short(value: float) -> str:
    for size, unit in ((10**6, " M"), (10**3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
