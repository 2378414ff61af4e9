"""What a command did, for people: results to stdout; notes and errors, each with its hint, to stderr."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from rich.text import Text

from mootech.errors import MootechError
from mootech.model import DayResult, DayStatus, Finding, Outcome
from mootech.outcomes import (
    LibraryOutcome,
    QaOutcome,
    ReportOutcome,
    RunOutcome,
    SourceOutcome,
    StatusOutcome,
    TableStatus,
)
from mootech.render.reports import print_reports
from mootech.render.screen import Screen, grid, print_grid
from mootech.render.source import show_source
from mootech.render.text import NOTHING, clean, count, day_ranges, plural

_MAX_TROUBLES = 20
_COUNTS = ("fetched", "published", "quarantined", "duplicates")


def show(outcome: Outcome, screen: Screen, *, text: str | bytes | None = None) -> None:
    """Print the outcome; `text` stands for its results where they have a format of their own.

    Quiet prints errors, and only such results as are the whole point of a command: a report, the status.
    """
    steps = outcome.steps if isinstance(outcome, RunOutcome) else (outcome,)
    for step in steps:
        if not screen.quiet and step is not outcome:
            screen.line(step.command, style="bold")
        if text is not None:
            screen.raw(text)
        elif not screen.quiet or (step is outcome and isinstance(step, ReportOutcome | StatusOutcome)):
            _body(step, screen, brief=step is not outcome)
        _troubles(step, screen)
        for note in step.notes:
            screen.note(note)
    if isinstance(outcome, RunOutcome):
        _errors(outcome.errors, screen)
        for note in outcome.notes:
            screen.note(note)


def _body(outcome: Outcome, screen: Screen, *, brief: bool) -> None:
    """Print the results; brief, as a step of `run`, leaves out good figures and gives several reports a line each."""
    if isinstance(outcome, QaOutcome):
        _findings(outcome, screen, brief=brief)
    elif isinstance(outcome, ReportOutcome) and brief and len(outcome.reports) > 1:
        for report in outcome.reports:
            screen.line(f"{report.title}: {report.object_key} ({'new' if report.changed else 'unchanged'})")
    elif isinstance(outcome, ReportOutcome):
        print_reports(outcome.reports, screen.out, ascii_only=screen.out.options.ascii_only)
    elif isinstance(outcome, StatusOutcome):
        _status(outcome, screen)
    elif isinstance(outcome, SourceOutcome):
        show_source(outcome, screen)
    elif isinstance(outcome, LibraryOutcome):
        _library(outcome, screen)
    elif outcome.days:
        _days(outcome.days, screen)
    elif not outcome.errors:
        screen.line("nothing to do")


def _library(outcome: LibraryOutcome, screen: Screen) -> None:
    table = grid("Report", "What it says", "Parameters (--set)")
    for each in outcome.definitions:
        parameters = [f"{it.name}={NOTHING if it.default is None else it.default}" for it in each.settable]
        table.add_row(clean(each.name), clean(f"{each.title}: {each.summary}"), clean(", ".join(parameters)))
    print_grid(table, screen.out)


def _days(days: tuple[DayResult, ...], screen: Screen) -> None:
    columns = [name for name in _COUNTS if any(getattr(day, name) is not None for day in days)]
    heads = tuple(name.capitalize() for name in columns)
    table = grid("Table", "Days", *heads, right=heads)
    for name, group in _by_table(days):
        statuses = Counter(day.status for day in group)
        summary = ", ".join(f"{count(statuses[status])} {status}" for status in DayStatus if statuses[status])
        table.add_row(clean(name), summary, *(_total(group, column) for column in columns))
    print_grid(table, screen.out)
    for name, group in _by_table(days):
        planned = [day.utc_date for day in group if day.status is DayStatus.PLANNED]
        if planned:
            screen.line(f"{name}: would fetch {day_ranges(planned)}")
        for note, of_note in groupby((day for day in group if day.note), key=lambda day: day.note):
            screen.note(f"{name} {day_ranges(day.utc_date for day in of_note)}: {note}")


def _by_table(days: Iterable[DayResult]) -> list[tuple[str, list[DayResult]]]:
    groups: dict[str, list[DayResult]] = {}
    for day in days:
        groups.setdefault(day.table, []).append(day)
    return list(groups.items())


def _total(days: Iterable[DayResult], column: str) -> str:
    values = [value for day in days if (value := getattr(day, column)) is not None]
    return count(sum(values)) if values else NOTHING


def _troubles(outcome: Outcome, screen: Screen) -> None:
    """Print the days' errors, days of one table with the same error together, then those of no day."""
    failed = [day for day in outcome.days if day.error is not None]
    for name, group in _by_table(failed):
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


def _findings(outcome: QaOutcome, screen: Screen, *, brief: bool) -> None:
    bad = sum(not finding.ok for finding in outcome.findings)
    odd = sum(finding.warning for finding in outcome.findings)
    shown = [finding for finding in outcome.findings if not brief or finding.warning or not finding.ok]
    if shown:
        _findings_table(shown, screen)
    screen.line(
        f"{plural(len(outcome.findings), 'check')}, {count(bad)} to act on{f', {count(odd)} to look at' if odd else ''}"
    )


def _findings_table(findings: Iterable[Finding], screen: Screen) -> None:
    table = grid("", "Table", "Day", "Column", "Check", "Finding")
    for finding in findings:
        table.add_row(
            _verdict(finding),
            clean(finding.table),
            str(finding.utc_date or NOTHING),
            clean(finding.column or NOTHING),
            clean(finding.check),
            clean(finding.message),
        )
    print_grid(table, screen.out)


def _verdict(finding: Finding) -> Text:
    if not finding.ok:
        return Text("BAD", style="bold red")
    return Text("odd", style="yellow") if finding.warning else Text("ok", style="green")


def _status(outcome: StatusOutcome, screen: Screen) -> None:
    screen.line(f"lake: {outcome.lake}")
    table = grid(
        "Table", "Days", "First", "Last", "Rows", "Quarantined", "Behind", right=("Days", "Rows", "Quarantined")
    )
    for status in outcome.tables:
        table.add_row(
            clean(status.table),
            count(status.days),
            str(status.first or NOTHING),
            str(status.last or NOTHING),
            count(status.rows),
            count(status.quarantined),
            _freshness(status),
        )
    print_grid(table, screen.out)
    for status in outcome.tables:
        if status.gaps:
            screen.line(f"{status.table}: {plural(len(status.gaps), 'day')} missing: {day_ranges(status.gaps)}")
        if status.blocked:
            screen.line(f"{status.table}: {plural(len(status.blocked), 'day')} blocked: {day_ranges(status.blocked)}")
        if status.silver_behind:
            stale = plural(status.silver_behind, "silver object")
            screen.line(f"{status.table}: {stale} stale: run `mootech silver`")
    screen.line(f"last run: {_last_run(outcome)}")
    screen.line(f"lock: {outcome.lock_holder or 'free'}")


def _freshness(status: TableStatus) -> str:
    if status.freshness_days is None:
        return "empty"
    return "fresh" if status.freshness_days <= 0 else plural(status.freshness_days, "day")


def _last_run(outcome: StatusOutcome) -> str:
    run = outcome.last_run or {}
    keys = [key for key in ("command", "finished", "exit_code", "host") if key in run]
    return ", ".join(f"{key.replace('_', ' ')} {run[key]}" for key in keys) or "none"
