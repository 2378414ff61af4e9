"""What was understood of the shop's API, for people."""

from dataclasses import asdict
from typing import Any

from mootech.outcomes import SourceOutcome, TableCheck
from mootech.render.encoding import error_fields
from mootech.render.rendering import Rendering
from mootech.render.screen import Screen, grid, print_grid
from mootech.render.text import NOTHING, clean, count


def _show(outcome: SourceOutcome, screen: Screen) -> None:
    """Print a line per table, and below what a table's rows lack or have besides."""
    table = grid("Table", "Status", "Rows", "Columns", "Missing", "Next page", "Total", right=("Rows", "Total"))
    for check in outcome.checks:
        table.add_row(
            clean(check.table),
            str(check.status or "failed"),
            count(check.rows),
            count(len(check.mapped)) if check.rows else NOTHING,
            clean(", ".join(check.missing)) or NOTHING,
            "-" if check.status is None else "found" if check.next_page else "none",
            count(check.total),
        )
    print_grid(table, screen.out)
    for check in outcome.checks:
        for line in _remarks(check):
            screen.line(f"{check.table}: {line}")


def _remarks(check: TableCheck) -> list[str]:
    if check.status is None:
        return []
    remarks = [f"asked {check.url}"]
    if not check.rows:
        remarks.append("no rows that day; --day names another one")
    if check.total_in_doubt:
        remarks.append(f'the total is the {check.rows} rows asked for; if it counts the page, write total = "$"')
    if check.reasons:
        remarks.append(f"the gate would reject {check.rejected} of {check.rows} rows: {', '.join(check.reasons)}")
    if check.extra:
        remarks.append(f"kept in extra: {', '.join(check.extra)}")
    return remarks


def _fields(outcome: SourceOutcome) -> dict[str, Any]:
    return {
        "checks": [
            asdict(each) | {"error": None if each.error is None else error_fields(each.error)}
            for each in outcome.checks
        ]
    }


SOURCE = Rendering(SourceOutcome, _show, fields=_fields)
