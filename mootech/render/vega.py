"""One chart as a Vega-Lite specification. Text of the data never becomes code in it.

Columns are called c0 to c3 whatever their names are. The order of names is given as a scale's domain, because Vega-Lite
would write names to sort by into an expression. A test checks the result.
"""
# ruff: noqa: PLC0415 - Altair is heavy and an extra

from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mootech.render.series import Drawing, words

if TYPE_CHECKING:
    import altair as alt

COLOURS = ("#2563a8", "#d9780b", "#1a8a6a", "#a8337f", "#7a5bd0", "#a39000", "#5fa8d3", "#8c4a2f")
"""Colours of the series, in order. In the dark a page replaces them by others, value by value."""
OTHER, GRID, AXIS, INK = "#8b949f", "#d8dee4", "#9aa4ae", "#1b1f24"
"""Colours of the series that sums others up, of the grid, of axes and of text. A page replaces them, too."""

WIDE, NARROW = 840, 350
"""Widths in CSS pixels: for a desktop and paper, and for a phone."""

_HEIGHT, _LOW = 260, 150
_ROW = 22
_FEW_POINTS = 40
_LARGE = 10_000
_SHORT_SPAN, _LONG_SPAN = 100, 1100  # days

Rows = list[dict[str, Any]]


class Vega:
    """A chart and its rows."""

    def __init__(self, drawn: Drawing, width: int, prefix: str = "", *, low: bool = False) -> None:
        """Prepare it for this width. `prefix` begins the names of its data; `low` makes it less high."""
        self._drawn = drawn
        self._narrow = width < WIDE
        self._prefix = prefix
        self._low = low
        self._kind = drawn.chart.kind
        # Names are read from left to right, so their bars are horizontal.
        self._lying = self._kind in {"bar", "stacked"} and not drawn.dated and not drawn.numbered
        self._beside = self._kind == "bar" and len(drawn.series) > 1
        self.rows = self._rows()
        self.points = self._points()

    @property
    def data(self) -> dict[str, Rows]:
        """The rows by the names that the chart calls them."""
        return {f"{self._prefix}rows": self.rows, f"{self._prefix}points": self.points}

    def chart(self) -> "alt.Chart | alt.LayerChart":
        """Return the chart, without its width."""
        import altair as alt

        base: alt.Chart = alt.Chart(alt.NamedData(name=f"{self._prefix}rows"))
        if self._kind == "heat":
            return self._of_height(base.mark_rect(color=COLOURS[0]).encode(**self._heat()))
        encoded: dict[str, Any] = {**self._coloured()}
        if self._lying:
            encoded |= {"x": self._figures(alt.X), "y": self._names()}
        else:
            encoded |= {"x": self._along(), "y": self._figures(alt.Y)}
        if self._kind == "line":
            dots = alt.Chart(alt.NamedData(name=f"{self._prefix}points")).mark_point(filled=True, size=20, opacity=1)
            line = base.mark_line(strokeWidth=1.75, strokeJoin="round", color=COLOURS[0])
            return alt.LayerChart(layer=[line.encode(**encoded), dots.encode(**encoded)], height=self._height)
        if self._beside:
            offset = alt.YOffset if self._lying else alt.XOffset
            # By number, because Vega-Lite would write a domain of names into an expression here.
            encoded["yOffset" if self._lying else "xOffset"] = offset(field="c3", type="ordinal", sort="ascending")
        else:
            encoded["order"] = alt.Order(field="c3", type="quantitative")
        return self._of_height(base.mark_bar(color=COLOURS[0]).encode(**encoded))

    def _of_height(self, chart: "alt.Chart") -> "alt.Chart":
        return chart.properties(height=self._height)

    def _rows(self) -> Rows:
        """Return a row per x and series: x, y, series and its number. Only a line has rows for gaps, which break it."""
        drawn = self._drawn
        pairs = [(x, row) for row in range(len(drawn.series)) for x in range(len(drawn.xs))]
        return [
            {"c0": self._x(x), "c1": drawn.values.get((x, row)), "c2": drawn.series[row], "c3": row}
            for x, row in pairs
            if self._kind == "line" or (x, row) in drawn.values
        ]

    def _points(self) -> Rows:
        """Return the rows of a line that get a dot: all where they are few, else those between two gaps."""
        if self._kind != "line":
            return []
        if len(self._drawn.xs) <= _FEW_POINTS:
            return [row for row in self.rows if row["c1"] is not None]
        edge: dict[str, Any] = {"c1": None, "c3": None}
        around = [edge, *self.rows, edge]
        joined = [a["c3"] == b["c3"] and a["c1"] is not None and b["c1"] is not None for a, b in pairwise(around)]
        return [
            row
            for row, before, after in zip(self.rows, joined, joined[1:], strict=False)
            if row["c1"] is not None and not before and not after
        ]

    @property
    def _continuous(self) -> bool:
        return self._kind == "line" and (self._drawn.dated or self._drawn.numbered)

    def _x(self, n: int) -> str | float:
        """Return x as a day or a number where its axis is continuous, else its label."""
        x = self._drawn.xs[n]
        if not self._continuous:
            return self._drawn.labels[n]
        if isinstance(x, datetime):
            # With its zone: a day alone is UTC to JavaScript, a time alone is local.
            return f"{x.isoformat()}Z"
        return x.isoformat() if isinstance(x, date) else float(x)

    @property
    def _height(self) -> int:
        if self._kind == "heat":
            return _ROW * len(self._drawn.series)
        if self._lying:
            bars = max(1, len(self._drawn.series) // 2) if self._beside else 1
            return _ROW * bars * len(self._drawn.xs)
        return _LOW if self._low else _HEIGHT

    def _along(self) -> "alt.X":
        """Return the axis of x, from left to right."""
        import altair as alt

        title = words(self._drawn.chart.x)
        if not self._continuous:
            slanted = not self._drawn.dated and not self._drawn.numbered
            axis = alt.Axis(labelAngle=-40 if slanted else 0, labelLimit=110, title=title)
            return alt.X(field="c0", type="ordinal", axis=axis, scale=self._band(self._drawn.labels))
        if not self._drawn.dated:
            scale = alt.Scale(zero=False, nice=False)
            return alt.X(field="c0", type="quantitative", axis=alt.Axis(title=title, grid=False), scale=scale)
        return alt.X(field="c0", type="temporal", axis=self._days(title), scale=alt.Scale(type="utc"))

    def _band(self, names: tuple[str, ...]) -> "alt.Scale":
        """Return a scale of these names in this order."""
        import altair as alt

        return (
            alt.Scale(domain=list(names), paddingInner=0.05) if self._kind == "heat" else alt.Scale(domain=list(names))
        )

    def _days(self, title: str) -> "alt.Axis":
        """Return an axis whose labels are days or months in ISO form, as everywhere in mootech."""
        import altair as alt

        first, last = self._drawn.xs[0], self._drawn.xs[-1]
        span, most = (last - first).days, 4 if self._narrow else 12
        if not self._drawn.monthly and span <= _SHORT_SPAN:
            step, form = alt.TimeIntervalStep(interval="day", step=max(1, -(-span // most))), "%Y-%m-%d"
        elif span <= _LONG_SPAN:
            every = next((n for n in (1, 2, 3, 6) if n * most * 31 >= span), 12)
            step, form = alt.TimeIntervalStep(interval="month", step=every), "%Y-%m"
        else:
            step, form = alt.TimeIntervalStep(interval="year", step=max(1, span // 365 // most)), "%Y"
        return alt.Axis(format=form, tickCount=step, grid=False, title=title)

    def _names(self) -> "alt.Y":
        """Return the axis of names, from top to bottom."""
        import altair as alt

        axis = alt.Axis(labelLimit=100 if self._narrow else 220, title=None)
        return alt.Y(field="c0", type="nominal", axis=axis, scale=alt.Scale(domain=list(self._drawn.labels)))

    def _figures(self, channel: "type[alt.X | alt.Y]") -> "alt.X | alt.Y":
        """Return the axis of y: from the bottom, or from the left for horizontal bars."""
        import altair as alt

        largest = max(map(abs, self._drawn.values.values()), default=0)
        axis = alt.Axis(
            title=words(self._drawn.chart.y), tickCount=5, format="~s" if largest >= _LARGE else alt.Undefined
        )
        return channel(field="c1", type="quantitative", axis=axis, stack="zero" if self._kind == "stacked" else None)

    def _coloured(self) -> "dict[str, alt.Color]":
        """Return the colours of the series with their legend; nothing where there is one series without a name."""
        import altair as alt

        drawn = self._drawn
        if drawn.chart.series is None:
            return {}
        colours = list(COLOURS[: len(drawn.series)])
        if drawn.folded:
            colours[-1] = OTHER
        legend = alt.Legend(
            orient="top",
            title=words(drawn.chart.series),
            columns=2 if self._narrow else 4,
            labelLimit=105 if self._narrow else 180,
            columnPadding=40 if not self._narrow else 30,
            symbolType="square",
        )
        scale = alt.Scale(domain=list(drawn.series), range=colours)
        return {"color": alt.Color(field="c2", type="nominal", scale=scale, legend=legend)}

    def _heat(self) -> "dict[str, Any]":
        """Return the encoding of a heat map. Larger values are more opaque, which suits light and dark pages."""
        import altair as alt

        drawn = self._drawn
        rows = alt.Axis(labelLimit=80 if self._narrow else 180, title=words(drawn.chart.series or ""))
        low, high = min(drawn.values.values()), max(drawn.values.values())
        scale = alt.Scale(domain=[min(0, low), max(high, 0)], range=[0.07, 1])
        legend = alt.Legend(
            orient="top", title=words(drawn.chart.y), tickCount=4, symbolType="square", symbolFillColor=COLOURS[0]
        )
        return {
            "x": self._along(),
            "y": alt.Y(field="c2", type="nominal", axis=rows, scale=self._band(drawn.series)),
            "opacity": alt.Opacity(field="c1", type="quantitative", scale=scale, legend=legend),
        }
