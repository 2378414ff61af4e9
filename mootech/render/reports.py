"""Reports as tables for people, with bars: beside each month of sales, and below any other table."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from mootech.outcomes import ReportOutcome, ReportResult
from mootech.render.cells import cell, columns_of, summed
from mootech.render.encoding import rows_of
from mootech.render.freshness import freshness_message, quarantine_message
from mootech.render.rendering import Rendering
from mootech.render.screen import Screen, grid, print_grid
from mootech.render.series import drawing, words
from mootech.render.text import NOTHING, clean, count, money, percent, plural

_MAX_BAR = 40
# Width that the other columns need; the bar takes the rest of the line.
_BESIDE_BAR = 52
_EIGHTHS = " ▏▎▍▌▋▊▉█"
# Rows that a person scrolls back over on a screen and in a mail, and bars that fit on a screen.
_MOST_ROWS, _MOST_PRINTED, _MOST_BARS = 60, 500, 24
_MAX_LABEL = 24
_SUMMED = ("bar", "stacked")
_MONTHLY = {"transaction_year", "transaction_month", "total_items_sold", "total_sale", "growth_pct", "is_partial"}
"""Columns of a month's sales: a report that has them is printed as a line per month with its bar in it."""


def print_reports(reports: Iterable[ReportResult], console: Console, *, ascii_only: bool) -> None:
    """Print each report under its title, how fresh its data are, and what of them is in quarantine.

    The same is printed once.

    `ascii_only` draws bars of # for an encoding without blocks. A long report is cut to its latest rows, with a line
    that says so; a file or a pipe gets more of them than a terminal. Other formats have all rows.
    """
    previous: list[str] = []
    for report in reports:
        console.print(Text(clean(report.title), style="bold"), soft_wrap=True)
        face = [freshness_message(report.freshness), quarantine_message(report.coverage)]
        if face != previous:
            for line, style in zip(face, ("dim", "yellow"), strict=True):
                if line:
                    console.print(Text(line, style=style), soft_wrap=True)
        previous = face
        shown = report.rows[-(_MOST_ROWS if console.is_terminal else _MOST_PRINTED) :]
        is_monthly = set(report.columns) >= _MONTHLY
        if is_monthly:
            _print_months(report, len(shown), console, ascii_only=ascii_only)
        else:
            _print_plain(report, len(shown), console)
        if len(shown) < len(report.rows):
            left_out = plural(len(report.rows) - len(shown), "earlier row")
            console.print(Text(f"{left_out} left out; --format csv prints all", style="dim"), soft_wrap=True)
        if not is_monthly:
            _print_bars(report, console, ascii_only=ascii_only)
        console.print()


def bar(value: Decimal | float, largest: Decimal | float, width: int, *, ascii_only: bool) -> str:
    """Return a bar of at most `width` characters, in proportion to the largest value; none for zero and below."""
    if value <= 0 or largest <= 0:
        return ""
    eighths = max(1, round(float(value) / float(largest) * width * 8))
    if ascii_only:
        return "#" * max(1, round(eighths / 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _print_months(report: ReportResult, latest: int, console: Console, *, ascii_only: bool) -> None:
    months = rows_of(report)[len(report.rows) - latest :]
    width = max(8, min(_MAX_BAR, console.width - _BESIDE_BAR))
    largest = max((Decimal(month["total_sale"]) for month in months), default=Decimal(0))
    table = grid("Month", "Net units", "Sales", "vs previous", "", right=("Net units", "Sales", "vs previous"))
    for month in months:
        change = month["growth_pct"]
        table.add_row(
            f"{month['transaction_year']:04d}-{month['transaction_month']:02d}{'*' if month['is_partial'] else ''}",
            count(month["total_items_sold"]),
            money(month["total_sale"]),
            Text(percent(change), style="" if change is None else "red" if change < 0 else "green"),
            bar(Decimal(month["total_sale"]), largest, width, ascii_only=ascii_only),
        )
    print_grid(table, console)
    if any(month["is_partial"] for month in months):
        console.print("* part of a month: the lake does not hold every day of it", style="dim", soft_wrap=True)


def _print_plain(report: ReportResult, latest: int, console: Console) -> None:
    columns = columns_of(report)
    table = grid(*report.columns, right=tuple(column.name for column in columns if column.is_numeric))
    for row in report.rows[len(report.rows) - latest :]:
        table.add_row(*(cell(value, column) for value, column in zip(row, columns, strict=True)))
    print_grid(table, console)


def _print_bars(report: ReportResult, console: Console, *, ascii_only: bool) -> None:
    """Print the report's chart as bars that fit the console; nothing without a chart, or for a single bar."""
    chart = _bars(report)
    if chart is None or len(chart.bars) == 1:
        return
    column = report.definition.column(chart.y)
    figures = [NOTHING if value is None else summed(value, column) for _, value in chart.bars]
    labels = [label[:_MAX_LABEL] for label, _ in chart.bars]
    x, y = words(chart.x), words(chart.y)
    beside = max(map(len, [x, *labels])) + max(map(len, [y, *figures])) + 4
    width = max(8, min(_MAX_BAR, console.width - beside - 2))
    largest = max(value or 0 for _, value in chart.bars)
    table = grid(x, y, "", right=(y,))
    for label, figure, (_, value) in zip(labels, figures, chart.bars, strict=True):
        table.add_row(label, figure, bar(value or 0, largest, width, ascii_only=ascii_only))
    console.print()
    print_grid(table, console)
    for note in chart.notes:
        console.print(Text(note, style="dim"), soft_wrap=True)


@dataclass(frozen=True)
class _Bars:
    """Bars for a console: the columns of their labels (x) and lengths (y), the bars, and notes to print below."""

    x: str
    y: str
    bars: Sequence[tuple[str, float | None]]
    notes: Sequence[str]


def _bars(report: ReportResult) -> _Bars | None:
    """Return the report's chart as bars; None for a report without a chart.

    Without series, and where series add up, there is a bar for each of the latest x. Lines need not add up: each series
    has a bar, for the latest x. A heat map shows its longest row.
    """
    chart = report.definition.chart
    if chart is None:
        return None
    if chart.series is None or chart.kind in _SUMMED:
        drawn = drawing(report, _MOST_BARS, together=True)
        if drawn is None:
            return None
        shown = range(len(drawn.xs))[-_MOST_BARS:]
        sums = [f"Bars are sums over {words(chart.series)}."] if chart.series else []
        return _Bars(chart.x, chart.y, [(drawn.labels[n], drawn.totals.get(n)) for n in shown], [*sums, *drawn.notes])
    drawn = drawing(report)
    if drawn is None:
        return None
    if chart.kind == "heat":
        row, cells = Counter(series for _, series in drawn.values).most_common(1)[0]
        shown = range(cells)[:_MOST_BARS]
        return _Bars(
            chart.x,
            chart.y,
            [(drawn.labels[n], drawn.values.get((n, row))) for n in shown],
            [f"Of {words(chart.series)} {drawn.series[row]}."],
        )
    latest = max(x for x, _ in drawn.values)
    bars = [(name, drawn.values.get((latest, row))) for row, name in enumerate(drawn.series)]
    return _Bars(chart.series, chart.y, bars, [f"Of {words(chart.x)} {drawn.labels[latest]}, the latest."])


def _show(outcome: ReportOutcome, screen: Screen) -> None:
    print_reports(outcome.reports, screen.out, ascii_only=screen.out.options.ascii_only)


def _brief(outcome: ReportOutcome, screen: Screen) -> None:
    """Give several reports a line each."""
    if len(outcome.reports) <= 1:
        _show(outcome, screen)
        return
    for report in outcome.reports:
        screen.line(f"{report.title}: {report.object_key} ({'new' if report.changed else 'unchanged'})")


def _fields(outcome: ReportOutcome) -> dict[str, Any]:
    return {
        "reports": [_report(report) for report in outcome.reports],
        "rows": [row for report in outcome.reports for row in rows_of(report)],
    }


def _report(report: ReportResult) -> dict[str, Any]:
    return {
        "name": report.name,
        "title": report.title,
        "object_key": report.object_key,
        "columns": report.columns,
        "changed": report.changed,
        "standing": None if report.freshness is None else asdict(report.freshness),
        "quarantined": sum(each.quarantined for each in report.coverage),
        "inputs": [asdict(each) for each in report.coverage],
    }


REPORTS = Rendering(ReportOutcome, _show, brief=_brief, fields=_fields, is_shown_when_quiet=True)
