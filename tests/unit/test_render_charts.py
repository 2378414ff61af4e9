"""Charts as SVG and PNG: what stands in the rows is what is drawn, and text of the data is nothing but text."""

import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import vl_convert

from mootech.errors import UsageError
from mootech.outcomes import ReportResult
from mootech.render import charts
from mootech.render.charts import MOST_CHARTS, chart_svg, picture
from mootech.render.series import drawing
from mootech.render.text import clean
from mootech.render.vega import COLOURS, NARROW, OTHER, WIDE
from tests.definitions import definition
from tests.hostile import NAMES, funnel, traffic
from tests.unit.test_render_reports import sales

SVG = "{http://www.w3.org/2000/svg}"


def drawn(report: Any, width: int = WIDE) -> ET.Element:  # noqa: ANN401 - a ReportResult
    """Return the report's chart, read as XML."""
    found = drawing(report)
    assert found is not None
    return ET.fromstring(chart_svg(found, width))  # noqa: S314 - ours


def marks(svg: ET.Element, kind: str) -> list[ET.Element]:
    """Return the marks of a kind: rect, line, symbol."""
    groups = [group for group in svg.iter(f"{SVG}g") if f"mark-{kind} role-mark" in (group.get("class") or "")]
    return [path for group in groups for path in group.iter(f"{SVG}path")]


def texts(svg: ET.Element) -> list[str]:
    """Return every text of the chart."""
    return [each.text or "" for each in svg.iter(f"{SVG}text")]


def height(path: ET.Element) -> float:
    """Return the height of a bar."""
    (tall,) = re.findall(r"v([\d.]+)h-", path.get("d") or "")
    return float(tall)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_bars_are_in_proportion(width: int) -> None:
    """Each month is a bar as high as its sales, below a label of its own, and the chart is as wide as asked for."""
    svg = drawn(sales(), width)
    first, second, third = (height(path) for path in marks(svg, "rect"))
    assert first == pytest.approx(2 * second)
    assert third == 0
    assert {"2023-01", "2023-03", "month", "total sale"} <= set(texts(svg))
    assert float(svg.get("width") or 0) <= width


def test_a_line_breaks_at_a_gap() -> None:
    """A line goes on to the day before a NULL and starts anew after it; a day between two gaps is a point."""
    (line,) = marks(drawn(traffic(days=60, names=("a",), gap=20)), "line")
    assert (line.get("d") or "").count("M") == 2
    (alone,) = marks(drawn(traffic(days=60, names=("a",), gap=1)), "symbol")
    assert alone.get("fill") == COLOURS[0]


def test_hours_of_a_day_are_points_of_their_own() -> None:
    """A column of times is drawn at its times, not all of them at their day."""
    defined = definition("at TIMESTAMP", "hits BIGINT", chart="line at hits")
    rows = tuple((datetime(2024, 2, 29, hour), hour) for hour in (1, 2, 5))  # noqa: DTZ001 - as DuckDB gives them
    (line,) = marks(drawn(ReportResult("h", "H", "k", ("at", "hits"), rows, changed=False, definition=defined)), "line")
    places = re.findall(r"[ML]([\d.]+),", line.get("d") or "")
    assert len({*places}) == 3


def test_many_series_are_eight_lines() -> None:
    """Nine campaigns are seven lines in colours of their own, and a grey one for the rest."""
    lines = [path.get("stroke") for path in marks(drawn(traffic(days=60)), "line")]
    assert lines == [*COLOURS[:7], OTHER]


def test_stacks_stand_on_each_other() -> None:
    """The parts of a bar are as high together as their sum; bars by series stand side by side."""
    names = ("a", "b")
    stacked, beside = (marks(drawn(traffic(kind, 2, names)), "rect") for kind in ("stacked", "bar"))
    assert [len(stacked), len(beside)] == [4, 4]
    assert len({(path.get("d") or "").partition(",")[0] for path in stacked}) == 2
    assert len({(path.get("d") or "").partition(",")[0] for path in beside}) == 4
    assert height(stacked[0]) == pytest.approx(2 * height(stacked[2]), rel=0.01)


def test_a_heat_map_has_a_cell_per_value() -> None:
    """A cell is the stronger the larger its value; one without a value is not there."""
    report = traffic("heat", 3, ("a", "b"), gap=1)
    cells = marks(drawn(report), "rect")
    assert len(cells) == 4
    strengths = [float(cell.get("opacity") or 0) for cell in cells]
    assert max(strengths) == 1
    assert strengths == sorted(strengths, reverse=True) or len(set(strengths)) == 4


@pytest.mark.parametrize("kind", ["line", "bar", "stacked", "heat"])
def test_names_are_text(kind: str) -> None:
    """Names with markup, quotes and expressions are the texts of the chart, character by character, and no element."""
    svg = drawn(traffic(kind, 3))
    assert {each.tag.removeprefix(SVG) for each in svg.iter()} <= {"svg", "g", "path", "line", "text", "rect"}
    assert not [each for each in svg.iter() if {"href", "onclick", "style"} & set(each.keys())]
    said = texts(svg)
    assert NAMES[0] in said
    assert NAMES[1] in said
    assert clean(NAMES[3]) in said
    assert "\u202e" not in "".join(said)


def expressions(spec: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield every text of a Vega specification that Vega evaluates."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            if name not in {"values", "domain", "range", "datasets"} or isinstance(value, dict):
                yield from expressions(value, name)
    elif isinstance(spec, list):
        for each in spec:
            yield from expressions(each, key)
    elif isinstance(spec, str) and key in {"signal", "expr", "test", "update", "init", "field", "as", "events"}:
        yield spec


@pytest.mark.parametrize(
    "chart",
    [
        "line day hits by campaign",
        "bar day hits by campaign",
        "stacked day hits by campaign",
        "heat day hits by campaign",
        "line campaign hits",
        "bar campaign hits by campaign",
        "heat campaign hits by campaign",
    ],
)
def test_no_expression_is_made_of_data(chart: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Vega evaluates is the same whatever the names are."""
    real, found = vl_convert.vegalite_to_svg, []

    def spied(spec: Any, **options: Any) -> str:  # noqa: ANN401 - as vl_convert has it
        found.append(sorted(set(expressions(vl_convert.vegalite_to_vega(json.dumps(spec))))))
        return real(spec, **options)

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", spied)
    defined = definition("day DATE", "campaign VARCHAR", "hits BIGINT", chart=chart)
    for names in (NAMES[:6], tuple("abcdef")):
        drawn(replace(traffic(days=3, names=names), definition=defined))
    assert len(found[0]) > 3
    assert found[0] == found[1]


def test_bars_of_names_lie() -> None:
    """Bars of names lie below each other, in the report's order, each name to its left."""
    svg = drawn(funnel())
    assert len(marks(svg, "rect")) == len(NAMES)
    assert [text for text in texts(svg) if text in NAMES][:2] == list(NAMES[:2])


def test_odd_column_names_are_only_titles() -> None:
    """A column whose name means something to Vega-Lite is drawn like any other."""
    report = traffic(days=3, names=("a",))
    assert {"day", "hits"} <= set(texts(drawn(report)))
    defined = definition("c1 DATE", "c0 VARCHAR", "datum BIGINT", chart="bar c1 datum by c0")
    odd = type(report)("x", "x", "k", ("c1", "c0", "datum"), report.rows, changed=True, definition=defined)
    assert len(marks(drawn(odd), "rect")) == 3


def test_a_picture_holds_every_chart_up_to_twelve() -> None:
    """One file has a chart for each report below its title, at most twelve, and says how many are left out."""
    svg = ET.fromstring(picture([sales(f"P{n}") for n in range(MOST_CHARTS + 2)], "svg"))  # noqa: S314 - ours
    said = texts(svg)
    assert [text for text in said if text.startswith("Sales of P")] == [f"Sales of P{n}" for n in range(MOST_CHARTS)]
    assert "2 more charts left out." in said
    assert len(marks(svg, "rect")) == 3 * MOST_CHARTS


def test_a_png_is_one() -> None:
    """A PNG has twice the pixels of the chart, for screens that show them."""
    data = picture([sales()], "png")
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, tall = struct.unpack(">II", data[16:24])
    assert width > 2 * WIDE
    assert tall > 500


def test_nothing_to_draw_is_an_error() -> None:
    """A report without a chart, or without a figure, says so and what to do."""
    report = traffic(days=0)
    with pytest.raises(UsageError, match="no figures"):
        picture([report], "svg")
    plain = type(report)("x", "x", "k", ("a",), (("v",),), changed=True, definition=definition("a"))
    with pytest.raises(UsageError, match="the report x has no chart") as caught:
        picture([plain], "svg")
    assert "-- Chart" in caught.value.hint


def test_without_the_extra_the_hint_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is installed that draws, asking for a chart is a usage error that names the extra."""
    monkeypatch.setattr(charts, "find_spec", lambda _name: None)
    with pytest.raises(UsageError) as caught:
        picture([sales()], "svg")
    assert 'pip install "mootech[charts]"' in caught.value.hint


_SHIFTED = """
from mootech.render.charts import chart_svg
from mootech.render.series import drawing
from tests.hostile import traffic
print(chart_svg(drawing(traffic(days=60, names=("a",))), 840))
"""


def test_a_time_zone_moves_no_day() -> None:
    """A chart is the same in every time zone: days are UTC days."""
    here, there = (
        subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-c", _SHIFTED],
            env={"TZ": zone, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for zone in ("UTC", "America/Los_Angeles")
    )
    assert b"2023-01-01" in here
    assert here == there
