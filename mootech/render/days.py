"""What a command did with single days of tables."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from mootech.model import DayResult, DayStatus
from mootech.outcomes import Outcome
from mootech.render.rendering import Rendering
from mootech.render.screen import Screen, grid, print_grid
from mootech.render.text import NOTHING, clean, count, day_ranges

_COUNTS = ("fetched", "published", "quarantined", "duplicates")


def by_table(days: Iterable[DayResult]) -> list[tuple[str, list[DayResult]]]:
    """Return the days of each table, tables in the order in which they come first."""
    groups: dict[str, list[DayResult]] = {}
    for day in days:
        groups.setdefault(day.table, []).append(day)
    return list(groups.items())


def _show(outcome: Outcome, screen: Screen) -> None:
    if outcome.days:
        _print(outcome.days, screen)
    elif not outcome.errors:
        screen.line("nothing to do")


def _print(days: tuple[DayResult, ...], screen: Screen) -> None:
    columns = [name for name in _COUNTS if any(getattr(day, name) is not None for day in days)]
    heads = tuple(name.capitalize() for name in columns)
    table = grid("Table", "Days", *heads, right=heads)
    for name, group in by_table(days):
        statuses = Counter(day.status for day in group)
        summary = ", ".join(f"{count(statuses[status])} {status}" for status in DayStatus if statuses[status])
        table.add_row(clean(name), summary, *(_total(group, column) for column in columns))
    print_grid(table, screen.out)
    for name, group in by_table(days):
        planned = [day.utc_date for day in group if day.status is DayStatus.PLANNED]
        if planned:
            screen.line(f"{name}: would fetch {day_ranges(planned)}")
        for note, of_note in groupby((day for day in group if day.note), key=lambda day: day.note):
            screen.note(f"{name} {day_ranges(day.utc_date for day in of_note)}: {note}")


def _total(days: Iterable[DayResult], column: str) -> str:
    values = [value for day in days if (value := getattr(day, column)) is not None]
    return count(sum(values)) if values else NOTHING


DAYS = Rendering(Outcome, _show)
