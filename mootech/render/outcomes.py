"""What a command did, for people: results to stdout; notes and errors, each with its hint, to stderr."""

from collections.abc import Iterable
from itertools import groupby

from mootech.errors import MootechError
from mootech.model import DayResult
from mootech.outcomes import Outcome, RunOutcome
from mootech.render.days import DAYS, by_table
from mootech.render.findings import FINDINGS
from mootech.render.library import LIBRARY
from mootech.render.rendering import Rendering
from mootech.render.reports import REPORTS
from mootech.render.screen import Screen
from mootech.render.source import SOURCE
from mootech.render.status import STATUS
from mootech.render.text import day_ranges, plural

RENDERINGS: tuple[Rendering, ...] = (FINDINGS, REPORTS, LIBRARY, STATUS, SOURCE, DAYS)
"""The first one whose class an outcome is of renders it. The last one is for every outcome."""

_MAX_TROUBLES = 20


def rendering_of(outcome: Outcome) -> Rendering:
    """Return how the outcome is rendered."""
    return next(each for each in RENDERINGS if isinstance(outcome, each.kind))


def show(outcome: Outcome, screen: Screen, *, text: str | bytes | None = None) -> None:
    """Print the outcome; `text` stands for its results where they have a format of their own.

    Quiet prints errors, and only such results as are the whole point of a command: a report, the status.
    """
    steps = outcome.steps if isinstance(outcome, RunOutcome) else (outcome,)
    for step in steps:
        is_step = step is not outcome
        rendering = rendering_of(step)
        if not screen.quiet and is_step:
            screen.line(step.command, style="bold")
        if text is not None:
            screen.raw(text)
        elif not screen.quiet or (rendering.is_shown_when_quiet and not is_step):
            print_results = (is_step and rendering.brief) or rendering.show
            print_results(step, screen)
        _troubles(step, screen)
        for note in step.notes:
            screen.note(note)
    if isinstance(outcome, RunOutcome):
        _errors(outcome.errors, screen)
        for note in outcome.notes:
            screen.note(note)


def _troubles(outcome: Outcome, screen: Screen) -> None:
    """Print the days' errors, days of one table with the same error together, then those of no day."""
    failed = [day for day in outcome.days if day.error is not None]
    for name, group in by_table(failed):
        same = [(key, [day.utc_date for day in days]) for key, days in groupby(group, key=_trouble)]
        for (status, message, hint), dates in same[:_MAX_TROUBLES]:
            screen.error(MootechError(message, hint), f"{name} {day_ranges(dates)} {status}")
        hidden = sum(len(dates) for _, dates in same[_MAX_TROUBLES:])
        if hidden:
            screen.error(MootechError(f"{plural(hidden, 'more day')} with errors; --json lists every one"), name)
    _errors(outcome.errors, screen)


def _trouble(day: DayResult) -> tuple[str, str, str]:
    return day.status, day.error.message if day.error else "", day.error.hint if day.error else ""


def _errors(errors: Iterable[MootechError], screen: Screen) -> None:
    for error in errors:
        screen.error(error)
