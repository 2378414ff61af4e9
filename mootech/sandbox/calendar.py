"""The shop's calendar: when it is open, how busy a day is, and the documented days on which something changes."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from mootech.errors import UsageError

OPENING = date(1990, 1, 1)
"""The shop's first day."""

CLOSING = date(2100, 12, 31)
"""The shop's last day."""

RELAUNCH = date(1995, 1, 1)
"""The shop goes on the web. From then on no account and no first visit is reported to be older than this day."""

EXTRA_COLUMN_FROM = date(2024, 1, 15)
"""From this day on hits carry the undeclared column evar7."""

BAD_DAY = date(2023, 11, 24)
"""The one day on which 5 % of the hits are malformed, which blocks it at the quality gate."""

DAY_SECONDS = 86_400

_YEAR_ZERO = 2023
_GROWTH_A_YEAR: Final = 1.07
# Without limits the curve would give no visitors in 1990 and a million a day in 2100.
_LEAST_GROWTH, _MOST_GROWTH = 0.4, 2.5
_WEEKDAYS = (1.0, 0.96, 0.94, 0.97, 1.02, 1.12, 1.18)
_MONTHS = (0.92, 0.90, 0.94, 0.95, 0.98, 0.96, 0.90, 0.92, 1.0, 1.03, 1.15, 1.70)
_BLACK_FRIDAY = 1.7
_FRIDAY, _NOVEMBER = 4, 11


def day_start(day: date) -> int:
    """Return the Unix seconds of the day's first second, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def earliest_stamp(day: date) -> int:
    """Return the earliest Unix seconds that the shop reports on that day as an account's or a visitor's first."""
    return day_start(RELAUNCH) if day >= RELAUNCH else 0


def traffic(day: date) -> float:
    """Return how busy the day is: 1.0 is an ordinary Monday of 2023 without its season, 0.0 is before the opening."""
    if day < OPENING:
        return 0.0
    growth: float = _GROWTH_A_YEAR ** ((day - date(_YEAR_ZERO, 1, 1)).days / 365.25)
    busy = min(max(growth, _LEAST_GROWTH), _MOST_GROWTH) * _WEEKDAYS[day.weekday()] * _MONTHS[day.month - 1]
    return busy * (_BLACK_FRIDAY if _is_black_friday(day) else 1.0)


def _is_black_friday(day: date) -> bool:
    """Say whether it is the day after the fourth Thursday of November."""
    return day.month == _NOVEMBER and day.weekday() == _FRIDAY and 23 <= day.day <= 29  # noqa: PLR2004  # the rule itself


def check_day(day: date, today: date) -> None:
    """Refuse a day that the shop has no rows for.

    Raises:
        UsageError: the day is before the opening, after the closing, or not over yet.

    """
    if not OPENING <= day <= CLOSING:
        raise UsageError(f"the shop is open from {OPENING} to {CLOSING}, {day} lies outside")
    if day >= today:
        raise UsageError(
            f"{day} is not over yet: today is {today} (UTC)",
            hint=f"The last whole day is {today - timedelta(days=1)}.",
        )
