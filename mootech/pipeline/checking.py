"""The quality of what is in bronze."""

from collections.abc import Mapping, Sequence
from datetime import date

from mootech.config import Settings
from mootech.errors import EmptyLakeError, QualityError
from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.layers.blocked import BlockedDays
from mootech.layers.reconcile import compared
from mootech.model import DayRange, Finding, QaOutcome, Table
from mootech.pipeline.wanted import FETCH_FIRST
from mootech.qa.checks import summarise
from mootech.session import opened


def qa(
    settings: Settings, *, tables: Sequence[Table] = (), start: date | None = None, end: date | None = None
) -> QaOutcome:
    """Check what is in bronze again, per column and check; days the gate blocked on this host are findings too.

    Raises:
        EmptyLakeError: the lake holds no day of the tables in the range, and none is blocked.

    """
    lake = opened(settings)
    span = DayRange(start or date.min, end or date.max)
    tables = tables or tuple(Table)
    days = {table: [day for day in lake.held(Layer.RAW, table) if day in span] for table in tables}
    blocked = [finding for finding in blocked_days(lake, tables) if finding.utc_date in span]
    if not any(days.values()) and not blocked:
        raise EmptyLakeError(f"{settings.lake} holds nothing to check there", hint=FETCH_FIRST)
    return check_days(lake, settings, days, blocked)


def check_days(
    lake: Lake, settings: Settings, days: Mapping[Table, Sequence[date]], blocked: Sequence[Finding]
) -> QaOutcome:
    """Check these days of an open lake; `blocked` are findings already."""
    findings = list(blocked)
    for table, of_table in days.items():
        if of_table:
            held = lake.held(Layer.RAW, table)
            findings += summarise(table, ((day, lake.read(held[day].key), held[day].receipt) for day in of_table))
            findings += compared(table, {day: held[day].receipt for day in of_table}, settings.qa.min_source_share)
    wrong = sum(not finding.ok for finding in findings)
    if not wrong:
        return QaOutcome("qa", findings=tuple(findings))
    hint = "They are listed above; nothing was changed. A day is mended by fetching it."
    error = QualityError(f"checks that do not hold: {wrong:,}", hint=hint)
    return QaOutcome("qa", findings=tuple(findings), errors=(error,))


def blocked_days(lake: Lake, tables: Sequence[Table]) -> list[Finding]:
    """Return a finding for each day the gate stopped on this host."""
    days = BlockedDays(lake.workspace / "blocked")
    return [
        Finding(
            day.table,
            date.fromisoformat(day.utc_date),
            None,
            "blocked",
            "; ".join([day.why, *(f"{reason} {count:,}" for reason, count in day.reasons.items())]),
            data={"fetched": day.fetched, "rejected": day.rejected, "reasons": day.reasons},
        )
        for table in tables
        for day in days.all(table)
    ]
