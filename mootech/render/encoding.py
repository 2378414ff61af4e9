"""Values as JSON, for scripts."""

import json
import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from mootech.errors import MootechError
from mootech.outcomes import ReportResult


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


def error_fields(error: MootechError) -> dict[str, str]:
    """Return an error as the object that `--json` prints of it."""
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}
