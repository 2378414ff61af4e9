"""Outcomes as one JSON object, for scripts."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from mootech.definition import Definition
from mootech.errors import Exit, MootechError
from mootech.model import DayResult, Outcome
from mootech.outcomes import (
    LibraryOutcome,
    QaOutcome,
    ReportOutcome,
    ReportResult,
    RunOutcome,
    SourceOutcome,
    StatusOutcome,
)


def dumps(value: object) -> str:
    """Return the value as one line of ASCII JSON.

    Decimals are numbers with exactly their digits, dates ISO text, NaN and infinity null. ASCII, so that a terminal
    of any encoding shows it and no character in it drives that terminal.
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(dumps(item) for item in value) + "]"
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else "null"
    if isinstance(value, float) and not math.isfinite(value):
        return "null"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(value.isoformat() if isinstance(value, date) else str(value))


def rows_of(report: ReportResult) -> list[dict[str, Any]]:
    """Return the report's rows as one mapping each, in the order of its columns."""
    return [dict(zip(report.columns, row, strict=True)) for row in report.rows]


def document(outcome: Outcome) -> dict[str, Any]:
    """Return what `--json` prints: the same keys for every command and for failures, then the command's own.

    `status` is ok (exit 0), interrupted (130, 143) or failed; `error` is the one that decided the exit code, `errors`
    all of them.
    """
    code = outcome.exit_code
    interrupted = code in (Exit.INTERRUPTED, Exit.TERMINATED)
    errors = outcome.all_errors
    found: dict[str, Any] = {
        "command": outcome.command,
        "status": "ok" if code is Exit.OK else "interrupted" if interrupted else "failed",
        "exit_code": code,
        "run_id": outcome.run_id,
        "tables": _tables(outcome),
        "error": next((_error(error) for error in errors if error.exit_code == code), None),
        "errors": [_error(error) for error in errors],
        "notes": list(outcome.notes),
    }
    if isinstance(outcome, QaOutcome):
        found["findings"] = [asdict(finding) for finding in outcome.findings]
        if outcome.command == "qa":
            found["history"] = [asdict(day) for day in outcome.history]
    if isinstance(outcome, ReportOutcome):
        found["reports"] = [_report(report) for report in outcome.reports]
        found["rows"] = [row for report in outcome.reports for row in rows_of(report)]
    if isinstance(outcome, LibraryOutcome):
        found["reports"] = [_definition(each) for each in outcome.definitions]
    if isinstance(outcome, StatusOutcome):
        found |= {"lake": outcome.lake, "last_run": outcome.last_run, "lock_holder": outcome.lock_holder}
    if isinstance(outcome, SourceOutcome):
        found["checks"] = [
            asdict(each) | {"error": None if each.error is None else _error(each.error)} for each in outcome.checks
        ]
    if isinstance(outcome, RunOutcome):
        found["steps"] = [document(step) for step in outcome.steps]
    return found


def _tables(outcome: Outcome) -> list[dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for day in outcome.days:
        tables.setdefault(day.table, {"table": day.table, "days": []})["days"].append(_day(day))
    if isinstance(outcome, StatusOutcome):
        for status in outcome.tables:
            entry = tables.setdefault(status.table, {"table": status.table, "days": []})
            figures = asdict(status)
            entry["held"] = figures.pop("days")
            entry |= figures
    return list(tables.values())


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
        entry["error"] = _error(day.error)
    return entry


def _error(error: MootechError) -> dict[str, str]:
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}


def _report(report: ReportResult) -> dict[str, Any]:
    return {
        "name": report.name,
        "title": report.title,
        "object_key": report.object_key,
        "columns": report.columns,
        "changed": report.changed,
        "standing": None if report.freshness is None else asdict(report.freshness),
        "inputs": [asdict(each) for each in report.coverage],
    }


def _definition(definition: Definition) -> dict[str, Any]:
    found = asdict(definition)
    del found["sql"]
    return found
