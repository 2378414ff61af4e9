"""Outcomes as one JSON object, for scripts."""

from dataclasses import asdict
from typing import Any

from mootech.errors import Exit
from mootech.model import DayResult
from mootech.outcomes import Outcome, RunOutcome
from mootech.render.days import by_table
from mootech.render.encoding import error_fields
from mootech.render.outcomes import rendering_of


def document(outcome: Outcome) -> dict[str, Any]:
    """Return what `--json` prints: the same keys for every command and for failures, then the command's own.

    `status` is ok (exit 0), interrupted (130, 143) or failed; `error` is the one that decided the exit code, `errors`
    all of them.
    """
    code = outcome.exit_code
    interrupted = code in (Exit.INTERRUPTED, Exit.TERMINATED)
    errors = outcome.all_errors
    fields: dict[str, Any] = {
        "command": outcome.command,
        "status": "ok" if code is Exit.OK else "interrupted" if interrupted else "failed",
        "exit_code": code,
        "run_id": outcome.run_id,
        "tables": [{"table": name, "days": [_day(day) for day in days]} for name, days in by_table(outcome.days)],
        "error": next((error_fields(error) for error in errors if error.exit_code == code), None),
        "errors": [error_fields(error) for error in errors],
        "notes": list(outcome.notes),
        **rendering_of(outcome).fields(outcome),
    }
    if isinstance(outcome, RunOutcome):
        fields["steps"] = [document(step) for step in outcome.steps]
    return fields


def _day(day: DayResult) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "utc_date": day.utc_date,
        "status": day.status.value,
        "fetched": day.fetched,
        "published": day.published,
        "quarantined": day.quarantined,
        "duplicates": day.duplicates,
        "source_total": day.source_total,
    }
    if day.reconciled is not None:
        entry["reconciled"] = asdict(day.reconciled)
    if day.note:
        entry["note"] = day.note
    if day.error is not None:
        entry["error"] = error_fields(day.error)
    return entry
