"""A report as one HTML page to send by mail: figures, charts, their meaning and their origin."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from mootech.definition import Definition, ReportColumn
from mootech.outcomes import InputCoverage, ReportOutcome, ReportResult
from mootech.render.cells import cell, columns_of
from mootech.render.charts import FEW, MOST_CHARTS, chart_svg, have_charts
from mootech.render.freshness import freshness_message, quality, quarantine_message
from mootech.render.html import page, table, text
from mootech.render.report_style import STYLE
from mootech.render.series import Drawing, drawing, words
from mootech.render.text import NOTHING, count, plural
from mootech.render.vega import NARROW, WIDE

MOST_ROWS = 500
_MOST_KEYS = 50
_BADGES = {True: ("good", "✓"), False: ("look", "!"), None: ("unknown", "?")}
_PACKAGES = ("mootech", "polars", "duckdb")


def versions() -> dict[str, str]:
    """Return the versions of what computes reports, by name."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow, and rarely wanted

    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a checkout that was never installed
            found[name] = "not known"
    return found


def report_page(outcome: ReportOutcome, made_with: Mapping[str, str]) -> str:
    """Return the page about the outcome's reports, to be stored as UTF-8.

    Args:
        outcome: reports of one definition share a section, with a chart each.
        made_with: versions by name, for the foot of the page.

    """
    groups = [list(group) for _, group in groupby(outcome.reports, key=lambda report: report.name)]
    titles = [_title(group) for group in groups]
    parts = [part for group in groups for part in _section(group, alone=len(groups) == 1)]
    if len(groups) > 1:
        parts.insert(0, "<h1>Reports</h1>")
    return page(", ".join(titles), STYLE, [*parts, _foot(outcome, groups, made_with)])


def _title(reports: Sequence[ReportResult]) -> str:
    return reports[0].title if len(reports) == 1 else reports[0].definition.title


def _sentence(summary: str) -> str:
    return summary[:1].upper() + summary[1:]


def _section(reports: Sequence[ReportResult], *, alone: bool) -> Iterator[str]:
    """Yield the section of the reports of one definition."""
    first = reports[0]
    heading = "h1" if alone else "h2"
    judged = quality(first.coverage)
    css, sign = _BADGES[judged.good]
    yield f"<header><{heading}>{text(_title(reports))}</{heading}><p>{text(_sentence(first.definition.summary))}</p>"
    if fresh := freshness_message(first.freshness):
        yield f'<p class="freshness">{text(fresh)}</p>'
    yield f'<p class="badge {css}"><b aria-hidden="true">{sign}</b> {text(judged.message)}</p>'
    if rows := quarantine_message(first.coverage):
        yield f'<p class="quarantine">{text(rows)}</p>'
    yield "</header>"
    yield from _charts(reports)
    yield _table(reports)
    yield _meaning(first.definition)


def _charts(reports: Sequence[ReportResult]) -> Iterator[str]:
    """Yield a figure for each report that has something to draw, and say how many are left out."""
    if reports[0].definition.chart is None:
        return
    if not have_charts():
        yield '<p class="note">There are no charts here: mootech is installed without what draws them.</p>'
        return
    drawings = [(report, drawn) for report in reports if (drawn := drawing(report)) is not None]
    low = len(drawings) > FEW
    for report, drawn in drawings[:MOST_CHARTS]:
        title = f"<figcaption>{text(report.title)}</figcaption>" if len(reports) > 1 else ""
        label = text(_description(report, drawn))
        notes = "".join(f'<p class="note">{text(note)}</p>' for note in drawn.notes)
        sizes = (("wide", WIDE), ("narrow", NARROW))
        # Both show the same. The style sheet hides one of them, from screen readers as well.
        svgs = "".join(
            f'<div class="{css}" role="img" aria-label="{label}">{chart_svg(drawn, width, low=low)}</div>'
            for css, width in sizes
        )
        yield f'<figure class="chart">{title}{svgs}{notes}</figure>'
    if len(drawings) > MOST_CHARTS:
        yield f'<p class="note">{plural(len(drawings) - MOST_CHARTS, "more chart")} left out; the table goes on.</p>'


def _description(report: ReportResult, drawn: Drawing) -> str:
    """Return the chart in words."""
    kind = {"heat": "Heat map", "stacked": "Stacked bar chart"}.get(
        drawn.chart.kind, f"{drawn.chart.kind.title()} chart"
    )
    by = f", by {words(drawn.chart.series)}" if drawn.chart.series else ""
    low, high = min(drawn.values.values()), max(drawn.values.values())
    return (
        f"{kind}: {words(drawn.chart.y)} over {words(drawn.chart.x)}{by}. {report.title}. From {drawn.labels[0]} to "
        f"{drawn.labels[-1]}, between {low:,.6g} and {high:,.6g}. The figures are in the table below."
    )


def _table(reports: Sequence[ReportResult]) -> str:
    """Return the latest rows of each report, MOST_ROWS in all."""
    columns = columns_of(reports[0])
    each = max(1, MOST_ROWS // len(reports))
    rows = [row for report in reports for row in report.rows[-each:]][:MOST_ROWS]
    if not rows:
        return '<p class="note">There are no rows.</p>'
    cells = ([cell(value, column) for value, column in zip(row, columns, strict=True)] for row in rows)
    heads = [words(column.name) for column in columns]
    figures = table("Figures", heads, cells, [_css(column) for column in columns])
    left_out = sum(len(report.rows) for report in reports) - len(rows)
    note = f"{plural(left_out, 'earlier row')} left out; mootech report {reports[0].name} --format csv has all."
    beneath = f'<p class="note">{text(note)}</p>' if left_out else ""
    return f"<section><h2>Figures</h2>{figures}{beneath}</section>"


def _css(column: ReportColumn) -> str:
    """Return the class of a column's cells: figures are aligned right, days are not broken."""
    return "r" if column.is_numeric else "d" if column.type in {"DATE", "BOOLEAN"} else ""


def _meaning(definition: Definition) -> str:
    """Return what the definition says of the report and its columns."""
    rows = ((words(each.name), each.type, each.meaning) for each in definition.columns)
    source = f"<p>Source: {text(definition.source)}</p>" if definition.source else ""
    columns = table("Columns", ("Column", "Type", "Meaning"), rows, ("", "d", ""))
    grain = f"<p>One row is: {text(definition.grain)}</p>"
    return f"<section><h2>What the figures mean</h2>{grain}{source}{columns}</section>"


def _foot(outcome: ReportOutcome, groups: Sequence[Sequence[ReportResult]], made_with: Mapping[str, str]) -> str:
    """Return the foot: lake, run, objects, versions and inputs."""
    keys = [report.object_key for report in outcome.reports]
    more = f"and {plural(len(keys) - _MOST_KEYS, 'more object')}" if len(keys) > _MOST_KEYS else ""
    entries = {
        "Lake": outcome.lake,
        "Run": outcome.run_id or "",
        "Objects": "\n".join([*keys[:_MOST_KEYS], *([more] if more else [])]),
        "Made with": ", ".join(f"{name} {made_with[name]}" for name in sorted(made_with, key=str.lower)),
    }
    lines = "".join(
        f"<dt>{text(name)}</dt><dd>{'<br>'.join(text(line) for line in entry.splitlines())}</dd>"
        for name, entry in entries.items()
        if entry
    )
    coverage: dict[str, InputCoverage] = {}
    for group in groups:
        coverage |= {each.table: each for each in group[0].coverage}
    return f"<footer><h2>Where it comes from</h2><dl>{lines}</dl>{_inputs(list(coverage.values()))}</footer>"


def _inputs(coverage: Sequence[InputCoverage]) -> str:
    """Return a table of what was read; empty where nothing was."""
    if not coverage:
        return ""
    rows = (
        (
            each.table,
            str(each.first or NOTHING),
            str(each.last or NOTHING),
            *map(count, (each.days, each.missing, each.fetched, each.quarantined)),
        )
        for each in coverage
    )
    heads = ("Read", "First day", "Last day", "Days", "Days missing", "Rows fetched", "Quarantined")
    return table("Inputs", heads, rows, ("", "d", "d", "r", "r", "r", "r"))
