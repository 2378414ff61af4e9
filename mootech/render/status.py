"""What the lake holds, and how fresh it is."""

from dataclasses import asdict
from typing import Any

from mootech.outcomes import StatusOutcome, TableStatus
from mootech.render.freshness import quarantined_rows
from mootech.render.rendering import Rendering
from mootech.render.screen import Screen, grid, print_grid
from mootech.render.text import NOTHING, clean, count, day_ranges, plural


def _show(outcome: StatusOutcome, screen: Screen) -> None:
    screen.line(f"lake: {outcome.lake}")
    table = grid(
        "Table", "Days", "First", "Last", "Rows", "Quarantined", "Behind", right=("Days", "Rows", "Quarantined")
    )
    for status in outcome.tables:
        table.add_row(
            clean(status.table),
            count(status.days),
            str(status.first or NOTHING),
            str(status.last or NOTHING),
            count(status.rows),
            count(status.quarantined),
            _freshness(status),
        )
    print_grid(table, screen.out)
    for status in outcome.tables:
        if status.gaps:
            screen.line(f"{status.table}: {plural(len(status.gaps), 'day')} missing: {day_ranges(status.gaps)}")
        lately = status.quarantined_lately
        if lately is not None and lately.days:
            rows = quarantined_rows(lately.quarantined, lately.fetched)
            known = f", {count(lately.acknowledged)} of them acknowledged" if lately.acknowledged else ""
            screen.line(f"{status.table}: of the 28 days to {lately.last}, {rows}{known}")
        if status.blocked:
            screen.line(f"{status.table}: {plural(len(status.blocked), 'day')} blocked: {day_ranges(status.blocked)}")
        if status.silver_behind:
            stale = plural(status.silver_behind, "silver object")
            screen.line(f"{status.table}: {stale} stale: run `mootech silver`")
    screen.line(f"last run: {_last_run(outcome)}")
    screen.line(f"lock: {outcome.lock_holder or 'free'}")


def _freshness(status: TableStatus) -> str:
    if status.freshness_days is None:
        return "empty"
    return "fresh" if status.freshness_days <= 0 else plural(status.freshness_days, "day")


def _last_run(outcome: StatusOutcome) -> str:
    run = outcome.last_run or {}
    keys = [key for key in ("command", "finished", "exit_code", "host") if key in run]
    return ", ".join(f"{key.replace('_', ' ')} {run[key]}" for key in keys) or "none"


def _fields(outcome: StatusOutcome) -> dict[str, Any]:
    return {
        "tables": [_table(table) for table in outcome.tables],
        "lake": outcome.lake,
        "last_run": outcome.last_run,
        "lock_holder": outcome.lock_holder,
    }


def _table(status: TableStatus) -> dict[str, Any]:
    """Return a table's figures; `days` is what commands did with single days, and here it is none."""
    figures = asdict(status)
    lately = status.quarantined_lately
    if lately is not None:
        sums = {"quarantined": lately.quarantined, "acknowledged": lately.acknowledged, "share": round(lately.share, 6)}
        figures["quarantined_lately"] |= sums
    return {"table": figures.pop("table"), "days": [], "held": figures.pop("days"), **figures}


STATUS = Rendering(StatusOutcome, _show, fields=_fields, is_shown_when_quiet=True)
