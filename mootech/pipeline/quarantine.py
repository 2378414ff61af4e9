"""What lies in quarantine, and taking out of it what passes now."""

from collections.abc import Sequence
from datetime import date

from mootech.config import Settings
from mootech.errors import EmptyLakeError
from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.layers.quarantine import quarantined_days, reasons
from mootech.layers.replay import replay
from mootech.model import DayRange, DayStatus, Job, Outcome, Progress, QaOutcome, Table
from mootech.pipeline.ingesting import rules_of
from mootech.pipeline.shop import dialects_of
from mootech.pipeline.wanted import FETCH_FIRST
from mootech.session import locked, opened


def show_quarantine(
    settings: Settings, *, tables: Sequence[Table] = (), start: date | None = None, end: date | None = None
) -> QaOutcome:
    """List why rows of the held days were rejected, with counts and examples; days without a receipt are left out.

    Raises:
        EmptyLakeError: the lake holds no day of the tables in the range.
        StoreError: a quarantine object is missing or not whole.

    """
    lake, span = opened(settings), DayRange(start or date.min, end or date.max)
    tables = tables or tuple(Table)
    if not any(day in span for table in tables for day in lake.held(Layer.RAW, table)):
        raise EmptyLakeError(f"{settings.lake} holds nothing there", hint=FETCH_FIRST)
    findings = tuple(finding for table in tables for finding in reasons(lake, table, span))
    next_step = "Once a rule or the shop's mapping is mended: mootech qa --replay"
    return QaOutcome("qa", findings=findings, notes=(next_step,) if findings else ("Nothing is quarantined there.",))


def replay_quarantine(
    settings: Settings,
    *,
    tables: Sequence[Table] = (),
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
    dialects = dialects_of(settings)
    # A day that stands was let through: more of its own rows make it no odder.
    rules = rules_of(settings, allow_anomaly=True)

    def work(lake: Lake) -> Outcome:
        days = []
        for table in tables or tuple(Table):
            quarantined = quarantined_days(lake, table, span)
            if progress is not None and quarantined:
                progress.planned(table, len(quarantined))
            for day, receipt in quarantined.items():
                days.append(replay(lake, Job(table, day), receipt, rules, dialects[table].mapping))
                if progress is not None:
                    progress.done(days[-1])
        moved = any(day.status is DayStatus.PUBLISHED for day in days)
        notes = ("Take them into silver and the reports next: mootech silver, mootech report",) if moved else ()
        return Outcome("qa", days=tuple(days), notes=notes)

    return locked(settings, "qa", work)
