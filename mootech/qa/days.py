"""Checks on which days of a table the lake holds. A new one is a function here and a line in `DAY_CHECKS`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from mootech.model import DayRange, Finding
from mootech.tables import TableSpec


@dataclass(frozen=True)
class HeldDays:
    """Which UTC days of a table the lake holds."""

    table: TableSpec
    held: Sequence[date]
    """Every day that the lake holds."""
    in_range: Sequence[date]
    """The held days that are being checked."""
    blocked: Sequence[date] = ()
    """The days that the gate stopped on this host."""
    yesterday: date | None = None
    """The day that the newest one is compared with; None leaves out the comparison."""
    max_behind: int = 1
    """Days that the newest one may lie behind yesterday."""


DayCheck = Callable[[HeldDays], Iterator[Finding]]


def missing_days(days: HeldDays) -> Iterator[Finding]:
    """Warn when days between the first and the last one are neither held nor blocked."""
    if not days.in_range:
        return
    first, last = min(days.in_range), max(days.in_range)
    there = {*days.in_range, *days.blocked}
    gaps = [day for day in DayRange(first, last) if day not in there]
    if gaps:
        message = f"{len(gaps):,} of the days from {first} to {last} are missing, {gaps[0]} the first of them"
        data = {"days": [day.isoformat() for day in gaps]}
        yield Finding(str(days.table), None, None, "missing_days", message, ok=True, warning=True, data=data)


def freshness(days: HeldDays) -> Iterator[Finding]:
    """Report how far the newest day lies behind yesterday, and warn beyond the limit."""
    if not days.held or days.yesterday is None:
        return
    newest = max(days.held)
    behind = max((days.yesterday - newest).days, 0)
    message = f"the newest day is {newest}, {behind:,} days before yesterday"
    data = {"newest": newest.isoformat(), "days_behind": behind}
    late = behind > days.max_behind
    yield Finding(str(days.table), None, None, "freshness", message, ok=True, warning=late, data=data)


DAY_CHECKS: tuple[DayCheck, ...] = (missing_days, freshness)
"""Every check on the days held, in the order of their findings."""
