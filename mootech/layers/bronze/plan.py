"""Which days to fetch, and whether new rows may replace those held: decisions on plain values."""

from collections.abc import Collection
from datetime import date, timedelta

from mootech.config import IngestSettings
from mootech.errors import UsageError
from mootech.model import DayRange, check_over

_SHRINK_LIMIT = 0.95


def days_to_fetch(
    held: Collection[date], settings: IngestSettings, *, start: date | None, end: date | None, today: date
) -> list[date]:
    """Return the UTC days of one table to fetch, oldest first.

    Args:
        held: days the lake holds.
        settings: `start` is where the missing days begin, None the first day held; the last `lookback` held days are
            fetched again, for rows that came late.
        start: of an explicit range, every day of which is fetched again; None takes what is missing, plus lookback.
        end: last day; None is yesterday.
        today: the current UTC day.

    Raises:
        UsageError: a reversed range, a day that is not over, or no day to begin at.

    """
    last = end if end is not None else today - timedelta(days=1)
    check_over(last, today, "--end")
    if start is not None:
        check_over(start, today, "--start")
        return list(DayRange(start, last))
    first = settings.start if settings.start is not None else min(held, default=None)
    if first is None:
        raise UsageError(
            "there is no day to begin at: the lake holds none yet, and no start is given",
            hint="Say where the shop's data begin: mootech ingest --start 2023-03-01, or start in [ingest] of "
            "mootech.toml.",
        )
    missing = {day for day in DayRange(first, last) if day not in held} if first <= last else set()
    recent = sorted(day for day in held if day <= last)[-settings.lookback :] if settings.lookback > 0 else []
    return sorted(missing.union(recent))


def shrinks(before: int, after: int) -> bool:
    """Say whether a day that had `before` rows would lose more of them than a refetch may take away."""
    return after < _SHRINK_LIMIT * before
