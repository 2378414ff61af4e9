"""Charts of reports as SVG and PNG, drawn by Altair and vl-convert: no network, no script, no browser.

The two are heavy and an extra, so they are imported where a chart is drawn.
"""
# ruff: noqa: PLC0415 - see above

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mootech.errors import UsageError
from mootech.outcomes import ReportResult
from mootech.render.series import Drawing, drawing
from mootech.render.text import clean, plural
from mootech.render.vega import AXIS, GRID, INK, WIDE, Rows, Vega

if TYPE_CHECKING:
    import altair as alt

FONT = "Arial, Helvetica, Liberation Sans, sans-serif"
MOST_CHARTS, FEW = 12, 3
"""How many charts are drawn at most, and up to how many have their full height."""

_SCALE = 2  # pixels of a PNG for one of CSS
HINT = 'Nothing was computed. Charts are an extra: pip install "mootech[charts]"'


def have_charts() -> bool:
    """Say whether what draws charts is installed."""
    return all(find_spec(name) is not None for name in ("altair", "vl_convert"))


def need_charts() -> None:
    """Raise a UsageError where what draws charts is not installed; the hint says how to get it."""
    if not have_charts():
        raise UsageError("what draws charts is not installed", hint=HINT)


def chart_svg(drawn: Drawing, width: int, *, low: bool = False) -> str:
    """Return the chart as an SVG element of at most that width, without a background; `low` makes it less high."""
    import altair as alt
    import vl_convert

    vega = Vega(drawn, width, low=low)
    chart = vega.chart().properties(width=width, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    spec = _spec(chart, vega.data, background="transparent")
    return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))


def picture(reports: Sequence[ReportResult], form: str) -> bytes:
    """Return the charts of the first twelve reports below each other, each under its title, as a file.

    Args:
        reports: those without figures are left out.
        form: svg or png.

    Raises:
        UsageError: there is nothing to draw, or nothing to draw with.

    """
    need_charts()
    import altair as alt
    import vl_convert

    drawings = [(report.title, drawn) for report in reports if (drawn := drawing(report)) is not None]
    if not drawings:
        raise UsageError(*nothing_to_draw(reports))
    charts = []
    data: dict[str, Rows] = {}
    for n, (title, drawn) in enumerate(drawings[:MOST_CHARTS]):
        vega = Vega(drawn, WIDE, prefix=f"d{n}", low=len(drawings) > FEW)
        data |= vega.data
        beneath = list(drawn.notes)
        if n == MOST_CHARTS - 1 and len(drawings) > MOST_CHARTS:
            beneath.append(f"{plural(len(drawings) - MOST_CHARTS, 'more chart')} left out.")
        heading = alt.Title(clean(title), subtitle=[clean(each) for each in beneath], anchor="start", frame="group")
        charts.append(vega.chart().properties(width=WIDE, title=heading))
    whole = alt.vconcat(*charts).resolve_scale(color="independent", opacity="independent")
    spec = _spec(whole, data, background="white")
    if form == "svg":
        return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])).encode()
    return bytes(vl_convert.vegalite_to_png(spec, scale=_SCALE, allowed_base_urls=[]))


def nothing_to_draw(reports: Sequence[ReportResult]) -> tuple[str, str]:
    """Return message and hint for reports that have no chart, or no figures to draw."""
    if any(report.definition.chart for report in reports):
        return "there are no figures to draw a chart of", "The report lies in the lake; the period may be empty."
    name = reports[0].name if reports else "asked for"
    return f"the report {clean(name)} has no chart", "Its file says none: -- Chart line day hits by campaign"


def _spec(chart: "alt.Chart | alt.LayerChart | alt.VConcatChart", data: dict[str, Rows], *, background: str) -> Any:  # noqa: ANN401 - JSON
    """Return the specification. The rows are added last, so that Altair does not spend time on checking them."""
    import altair as alt

    axis = alt.AxisConfig(
        gridColor=GRID, domainColor=AXIS, tickColor=AXIS, labelColor=INK, titleColor=INK, titleFontWeight="normal"
    )
    configured = chart.configure(
        aria=False,
        background=background,
        font=FONT,
        padding=4,
        axis=axis,
        # The reader's font may be wider than the one that labels are measured with here.
        axisX=alt.AxisConfig(labelOverlap="greedy", labelSeparation=10, labelFlush=False),
        axisY=alt.AxisConfig(titlePadding=12),
        view=alt.ViewConfig(stroke=None),
        legend=alt.LegendConfig(labelColor=INK, titleColor=INK, titleFontWeight="normal"),
        title=alt.TitleConfig(color=INK, subtitleColor=INK, fontSize=14),
        concat=alt.CompositionConfig(spacing=28),
    )
    return configured.to_dict() | {"datasets": data}
