"""`qa`: the checks on what is in bronze, and what lies in quarantine.

Every check stands in a list: on days in `qa.days.DAY_CHECKS`, on rows in `qa.rules.RULES`, figures in
`qa.figures.FIGURES`, and here those that need the lake, `TABLE_CHECKS` and `ODD_DAYS`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from mootech.config import QaSettings, Settings
from mootech.errors import EmptyLakeError, QualityError
from mootech.lake.lake import Held, Lake
from mootech.lake.paths import Layer
from mootech.layers.bronze.blocked import BlockedDays
from mootech.layers.bronze.completeness import compared
from mootech.layers.bronze.history import history
from mootech.layers.bronze.profiles import Profiles
from mootech.layers.bronze.publishing import Overrides, Rules
from mootech.layers.bronze.quarantine import lately_quarantined, quarantined_days, reasons
from mootech.layers.bronze.replay import replay
from mootech.layers.bronze.selection import FETCH_FIRST
from mootech.model import DayRange, DayStatus, Finding, Job, Progress, Receipt, utc_today
from mootech.outcomes import DayQuality, Outcome, QaOutcome
from mootech.pipeline.session import locked, opened
from mootech.qa.anomalies import Anomaly
from mootech.qa.checks import check_partitions
from mootech.qa.days import DAY_CHECKS, HeldDays
from mootech.qa.quarantined import CHECK as QUARANTINED_SHARE
from mootech.qa.quarantined import findings_of
from mootech.source.setup import dialects_of
from mootech.tables import TABLES, TRANSACTIONS, TableSpec


def qa(
    settings: Settings, *, tables: Sequence[TableSpec] = (), start: date | None = None, end: date | None = None
) -> QaOutcome:
    """Check again what is in bronze. Days that the gate blocked on this host are findings, too.

    The outcome also holds the history of every day of the range.

    Raises:
        EmptyLakeError: the lake holds no day of the tables in the range, and none is blocked.

    Example:
        >>> from datetime import date
        >>> from mootech.config import load
        >>> from mootech.tables import USERS
        >>> outcome = qa(load(), tables=(USERS,), start=date(2024, 3, 1), end=date(2024, 3, 2))
        >>> outcome.errors, outcome.findings[0].check
        ((), 'rows')

    """
    lake = opened(settings)
    span = DayRange(start or date.min, end or date.max)
    tables = tables or tuple(TABLES)
    held = {table: list(lake.held(Layer.RAW, table.name)) for table in tables}
    days = {table: [day for day in of_table if day in span] for table, of_table in held.items()}
    known = [finding for finding in blocked_days(lake, tables) if finding.utc_date in span]
    if not any(days.values()) and not known:
        raise EmptyLakeError(f"{settings.lake} holds nothing to check there", hint=FETCH_FIRST)
    if settings.qa.anomalies != "off":
        yesterday = utc_today() - timedelta(days=1) if end is None else None
        blocked = {table: [each.utc_date for each in known if each.table == table.name] for table in tables}
        for table, in_range in days.items():
            stopped = [day for day in blocked[table] if day is not None]
            looked_at = HeldDays(table, held[table], in_range, stopped, yesterday, settings.qa.max_days_behind)
            known += [finding for check in DAY_CHECKS for finding in check(looked_at)]
    return check_days(lake, settings, days, known, until=end or date.max, with_history=True)


@dataclass(frozen=True)
class CheckedTable:
    """The days of a table that are being checked, and where they lie."""

    lake: Lake
    settings: Settings
    profiles: Profiles
    table: TableSpec
    held: Mapping[date, Held]
    """By UTC day, oldest first; never empty."""


def check_days(  # noqa: PLR0913  # two of them only by name
    lake: Lake,
    settings: Settings,
    days: Mapping[TableSpec, Sequence[date]],
    known: Sequence[Finding],
    *,
    until: date = date.max,
    with_history: bool = False,
) -> QaOutcome:
    """Check these days of an open lake; `known` are findings already.

    It also checks the share of quarantined rows in each table's last 28 days up to `until`, whatever `days` holds.
    """
    findings = list(known)
    profiles = Profiles(lake)
    for table, of_table in days.items():
        if of_table:
            listed = lake.held(Layer.RAW, table.name)
            checked = CheckedTable(lake, settings, profiles, table, {day: listed[day] for day in of_table})
            findings += [finding for check in TABLE_CHECKS for finding in check(checked)]
    for table in days:
        share = lately_quarantined(lake, table, until)
        findings += findings_of(table.name, share, settings.qa.max_quarantined_share)
    if settings.qa.anomalies != "off":
        for table, day in ((table, day) for table, of_table in days.items() for day in of_table):
            odd = [anomaly for check in ODD_DAYS for anomaly in check(profiles, table, day, settings.qa)]
            findings += [anomaly.finding(table, day) for anomaly in odd]
    past: tuple[DayQuality, ...] = tuple(history(lake, profiles, days, findings)) if with_history else ()
    profiles.save()
    return QaOutcome("qa", findings=tuple(findings), history=past, errors=tuple(_errors(findings)))


def _errors(findings: Sequence[Finding]) -> Iterator[QualityError]:
    """Yield an error for each table with too many quarantined rows, and one for everything else that is wrong."""
    wrong = [finding for finding in findings if not finding.ok]
    for finding in wrong:
        if finding.check == QUARANTINED_SHARE:
            yield QualityError(
                f"{finding.table}: {finding.message}",
                hint=f"What was published stays. `mootech qa -t {finding.table} --quarantine` says why rows are there; "
                f"once that is mended, run `mootech qa -t {finding.table} --replay`. Where they are no loss, "
                f"`mootech qa -t {finding.table} --acknowledge DAY` ends the alarm of a day.",
            )
    others = sum(finding.check != QUARANTINED_SHARE for finding in wrong)
    if others:
        hint = "They are listed above; nothing was changed. A day is mended by fetching it."
        yield QualityError(f"checks that do not hold: {others:,}", hint=hint)


def _contents(checked: CheckedTable) -> Iterable[Finding]:
    """Check the rows, and keep the profile of each day, because its rows are in memory anyway."""

    def read() -> Iterator[tuple[date, pl.DataFrame, Receipt | None]]:
        for day, each in checked.held.items():
            rows = checked.lake.read(each.key)
            checked.profiles.learn(checked.table, day, rows)
            yield day, rows, each.receipt

    return check_partitions(checked.table, read())


def _metrics(checked: CheckedTable) -> Iterable[Finding]:
    """Compare the days with the shop's own counts, as far as the receipts hold them."""
    receipts = {day: each.receipt for day, each in checked.held.items()}
    return compared(checked.table.name, receipts, checked.settings.qa.min_source_share)


def _unlike_the_past(profiles: Profiles, table: TableSpec, day: date, limits: QaSettings) -> Iterable[Anomaly]:
    """Compare a day with the same weekday of the weeks before."""
    return profiles.unlike(table, day, limits)


def _unmatched(profiles: Profiles, table: TableSpec, day: date, limits: QaSettings) -> Iterable[Anomaly]:
    """Compare the purchases of a day with that day's snapshots."""
    return profiles.unmatched(day, limits) if table == TRANSACTIONS else ()


TABLE_CHECKS: tuple[Callable[[CheckedTable], Iterable[Finding]], ...] = (_contents, _metrics)
"""Every check on a table's days, in the order of their findings."""
ODD_DAYS: tuple[Callable[[Profiles, TableSpec, date, QaSettings], Iterable[Anomaly]], ...] = (
    _unlike_the_past,
    _unmatched,
)
"""Every check on whether a single day is odd, in the order of their findings. They only warn."""


def blocked_days(lake: Lake, tables: Sequence[TableSpec]) -> list[Finding]:
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


def show_quarantine(
    settings: Settings, *, tables: Sequence[TableSpec] = (), start: date | None = None, end: date | None = None
) -> QaOutcome:
    """List why rows of the held days were rejected, with counts and examples. Days without a receipt are left out.

    Raises:
        EmptyLakeError: the lake holds no day of the tables in the range.
        StoreError: a quarantine object is missing or not whole.

    Example:
        >>> from mootech.config import load
        >>> from mootech.tables import CLICKSTREAM
        >>> show_quarantine(load(), tables=(CLICKSTREAM,)).findings[0].table
        'clickstream'

    """
    lake, span = opened(settings), DayRange(start or date.min, end or date.max)
    tables = tables or tuple(TABLES)
    if not any(day in span for table in tables for day in lake.held(Layer.RAW, table.name)):
        raise EmptyLakeError(f"{settings.lake} holds nothing there", hint=FETCH_FIRST)
    findings = tuple(finding for table in tables for finding in reasons(lake, table, span))
    next_step = "Once a rule or the shop's mapping is mended: mootech qa --replay"
    return QaOutcome("qa", findings=findings, notes=(next_step,) if findings else ("Nothing is quarantined there.",))


def replay_quarantine(
    settings: Settings,
    *,
    tables: Sequence[TableSpec] = (),
    start: date | None = None,
    end: date | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Judge the quarantined rows of the held days again, and publish each day again whose rows pass now.

    Raises:
        EmptyLakeError: there is no lake.
        LockHeldError, StoreError: the lake cannot be written now.

    Example:
        >>> from mootech.config import load
        >>> from mootech.tables import CLICKSTREAM
        >>> outcome = replay_quarantine(load(), tables=(CLICKSTREAM,))
        >>> {str(each.status) for each in outcome.days}
        {'unchanged'}

    """
    opened(settings)
    span = DayRange(start or date.min, end or date.max)
    dialects = dialects_of(settings.source)
    # These days are published already: more of their own rows make them no odder.
    rules = Rules(settings.qa, Overrides(allow_anomaly=True))

    def work(lake: Lake) -> Outcome:
        days = []
        for table in tables or tuple(TABLES):
            quarantined = quarantined_days(lake, table, span)
            if progress is not None and quarantined:
                progress.planned(table.name, len(quarantined))
            for day, receipt in quarantined.items():
                days.append(replay(lake, Job(table, day), receipt, rules, dialects[table].mapping))
                if progress is not None:
                    progress.done(days[-1])
        moved = any(day.status is DayStatus.PUBLISHED for day in days)
        notes = ("Take them into silver and the reports next: mootech silver, mootech report",) if moved else ()
        return Outcome("qa", days=tuple(days), notes=notes)

    return locked(settings, "qa", work)
