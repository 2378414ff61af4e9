"""`qa`: the checks on what is in bronze, and what lies in quarantine."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from mootech.config import Settings
from mootech.errors import EmptyLakeError, QualityError
from mootech.lake.lake import Held, Lake
from mootech.lake.paths import Layer
from mootech.layers.bronze.blocked import BlockedDays
from mootech.layers.bronze.completeness import compared
from mootech.layers.bronze.history import history
from mootech.layers.bronze.profiles import Profiles
from mootech.layers.bronze.publishing import Overrides, Rules
from mootech.layers.bronze.quarantine import quarantined_days, reasons
from mootech.layers.bronze.replay import replay
from mootech.layers.bronze.selection import FETCH_FIRST
from mootech.model import DayRange, DayStatus, Finding, Job, Outcome, Progress, Receipt, utc_today
from mootech.outcomes import DayQuality, QaOutcome
from mootech.pipeline.session import locked, opened
from mootech.qa.checks import days_behind, days_missing, summarise
from mootech.source.setup import dialects_of
from mootech.tables import TABLES, TRANSACTIONS, TableSpec


def qa(
    settings: Settings, *, tables: Sequence[TableSpec] = (), start: date | None = None, end: date | None = None
) -> QaOutcome:
    """Check what is in bronze again, per column and check; days the gate blocked on this host are findings too.

    The outcome also has the history of every day of the range.

    Raises:
        EmptyLakeError: the lake holds no day of the tables in the range, and none is blocked.

    """
    lake = opened(settings)
    span = DayRange(start or date.min, end or date.max)
    tables = tables or tuple(TABLES)
    held = {table: list(lake.held(Layer.RAW, table.name)) for table in tables}
    days = {table: [day for day in of_table if day in span] for table, of_table in held.items()}
    blocked = [finding for finding in blocked_days(lake, tables) if finding.utc_date in span]
    if not any(days.values()) and not blocked:
        raise EmptyLakeError(f"{settings.lake} holds nothing to check there", hint=FETCH_FIRST)
    around = []
    if settings.qa.anomalies != "off":
        stopped = {(finding.table, finding.utc_date) for finding in blocked}
        for table, of_table in days.items():
            around += days_missing(
                table, of_table, [day for name, day in stopped if name == table.name and day is not None]
            )
            if end is None:
                yesterday = utc_today() - timedelta(days=1)
                around += days_behind(table, held[table], yesterday, settings.qa.max_days_behind)
    return check_days(lake, settings, days, [*blocked, *around], with_history=True)


def check_days(
    lake: Lake,
    settings: Settings,
    days: Mapping[TableSpec, Sequence[date]],
    known: Sequence[Finding],
    *,
    with_history: bool = False,
) -> QaOutcome:
    """Check these days of an open lake; `known` are findings already."""
    findings = list(known)
    profiles = Profiles(lake)

    def read(table: TableSpec, held: Mapping[date, Held]) -> Iterator[tuple[date, pl.DataFrame, Receipt | None]]:
        for day, each in held.items():
            rows = lake.read(each.key)
            profiles.learn(table, day, rows)
            yield day, rows, each.receipt

    for table, of_table in days.items():
        if of_table:
            listed = lake.held(Layer.RAW, table.name)
            held = {day: listed[day] for day in of_table}
            findings += summarise(table, read(table, held))
            receipts = {day: each.receipt for day, each in held.items()}
            findings += compared(table.name, receipts, settings.qa.min_source_share)
    if settings.qa.anomalies != "off":
        findings += _warnings(profiles, settings, days)
    past: tuple[DayQuality, ...] = tuple(history(lake, profiles, days, findings)) if with_history else ()
    profiles.save()
    wrong = sum(not finding.ok for finding in findings)
    if not wrong:
        return QaOutcome("qa", findings=tuple(findings), history=past)
    hint = "They are listed above; nothing was changed. A day is mended by fetching it."
    error = QualityError(f"checks that do not hold: {wrong:,}", hint=hint)
    return QaOutcome("qa", findings=tuple(findings), history=past, errors=(error,))


def _warnings(profiles: Profiles, settings: Settings, days: Mapping[TableSpec, Sequence[date]]) -> Iterator[Finding]:
    """Yield in what these days are unlike their past, and what they name that the other tables do not know."""
    for table, of_table in days.items():
        for day in of_table:
            anomalies = profiles.unlike(table, day, settings.qa)
            if table == TRANSACTIONS:
                anomalies += profiles.unmatched(day, settings.qa)
            yield from (anomaly.finding(table, day) for anomaly in anomalies)


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
    """List why rows of the held days were rejected, with counts and examples; days without a receipt are left out.

    Raises:
        EmptyLakeError: the lake holds no day of the tables in the range.
        StoreError: a quarantine object is missing or not whole.

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
    """Judge the quarantined rows of the held days again, and publish each day anew that has rows which pass now.

    Raises:
        EmptyLakeError: there is no lake.
        LockHeldError, StoreError: the lake cannot be written now.

    """
    opened(settings)
    span = DayRange(start or date.min, end or date.max)
    dialects = dialects_of(settings.source)
    # A day that stands was let through: more of its own rows make it no odder.
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
