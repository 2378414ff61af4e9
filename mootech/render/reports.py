"""Reports as tables for people; the sales report with a bar per month."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.text import Text

from mootech.model import ReportResult
from mootech.render.document import rows_of
from mootech.render.screen import grid, print_grid
from mootech.render.text import NOTHING, clean, count, money, percent

_MAX_BAR = 40
# What the columns beside the bar need at least; the bar takes the rest of the line.
_BESIDE_BAR = 52
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def print_reports(reports: Iterable[ReportResult], console: Console, *, ascii_only: bool) -> None:
    """Print each report under its title; `ascii_only` draws bars of # for an encoding without blocks."""
    for report in reports:
        console.print(Text(clean(report.title), style="bold"), soft_wrap=True)
        if report.name == "sales" and "total_sale" in report.columns:
            _print_sales(report, console, ascii_only=ascii_only)
        else:
            _print_plain(report, console)
        console.print()


def bar(value: Decimal, largest: Decimal, width: int, *, ascii_only: bool) -> str:
    """Return a bar of at most `width` characters, in proportion to the largest value; none for zero and below."""
    if value <= 0 or largest <= 0:
        return ""
    eighths = max(1, round(value / largest * width * 8))
    if ascii_only:
        return "#" * max(1, round(eighths / 8))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _print_sales(report: ReportResult, console: Console, *, ascii_only: bool) -> None:
    months = rows_of(report)
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


def _print_plain(report: ReportResult, console: Console) -> None:
    numeric = tuple(
        name
        for n, name in enumerate(report.columns)
        if not any(isinstance(row[n], str | date | bool) for row in report.rows)
    )
    table = grid(*report.columns, right=numeric)
    for row in report.rows:
        table.add_row(*(_cell(value) for value in row))
    print_grid(table, console)


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever a report's SQL returns
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float | Decimal):
        return f"{value:,}"
    return clean(value)
