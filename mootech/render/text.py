"""Values as text for people: safe for a terminal, with separators, in as few characters as say it."""

import unicodedata
from calendar import month_name
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

NOTHING = "-"
"""What stands where there is no value."""

_MAX_RANGES = 8
# Control characters drive a terminal, format characters (bidi overrides among them) reorder what a person reads.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def clean(text: object) -> str:
    """Return the text on one line, without the characters that drive a terminal or reorder its line."""
    return "".join(
        character if unicodedata.category(character) not in _UNPRINTABLE else " " if character.isspace() else ""
        for character in str(text)
    )


def count(number: int | None) -> str:
    """Return 1234567 as 1,234,567."""
    return NOTHING if number is None else f"{number:,}"


def money(amount: Decimal | float | None) -> str:
    """Return an amount with separators and two places."""
    return NOTHING if amount is None else f"{amount:,.2f}"


def percent(value: Decimal | float | None) -> str:
    """Return a change with its sign and one place: +12.3 %."""
    return NOTHING if value is None else f"{value:+,.1f} %"


def plural(number: int, noun: str) -> str:
    """Return "1 day", "2 days"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def day_month(day: date) -> str:
    """Return the day's month: March 2023."""
    return f"{month_name[day.month]} {day.year}"


def day_ranges(days: Iterable[date]) -> str:
    """Return days as ranges: "2023-03-01 to 2023-03-05, 2023-03-09"; many ranges are cut short and counted."""
    ranges: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if ranges and day - ranges[-1][1] == timedelta(days=1):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    shown = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in ranges[:_MAX_RANGES])
    hidden = sum((b - a).days + 1 for a, b in ranges[_MAX_RANGES:])
    return f"{shown} and {plural(hidden, 'more day')}" if hidden else shown
