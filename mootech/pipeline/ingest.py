"""Bronze: fetch days from the shop, put them through the gate, publish them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mootech.config import Settings
from mootech.errors import BrokenPromiseError, MootechError, UsageError
from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.layers.bronze.blocked import BlockedDays
from mootech.layers.bronze.completeness import Completeness
from mootech.layers.bronze.exports.fetcher import JobFetcher, Terms
from mootech.layers.bronze.plan import check_over
from mootech.layers.bronze.publishing import Gatekeeper, Rules
from mootech.layers.bronze.queue import Fetcher, Ingest, PageFetcher
from mootech.layers.bronze.selection import Selection
from mootech.layers.bronze.staging import staged_pages
from mootech.model import (
    DayResult,
    DayStatus,
    Drift,
    Finding,
    Job,
    Outcome,
    Progress,
    Receipt,
    Silent,
    utc_today,
)
from mootech.pipeline.session import locked, opened, opened_if_there
from mootech.pipeline.verify import prove
from mootech.qa.anomalies import Limits
from mootech.qa.gate import Threshold
from mootech.source import interruptible
from mootech.source.http import Connection
from mootech.source.setup import connection_to, dialects_of
from mootech.tables import TABLES
from mootech.verify.findings import Mend, advice, days_to_mend, to_rewrite, unbelievable

_SHOWN = 5
"""Findings that an error names one by one."""


def ingest(  # noqa: PLR0913  # one for each of the command's options
    settings: Settings,
    wanted: Selection,
    *,
    dry_run: bool = False,
    allow_shrink: bool = False,
    allow_anomaly: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Fetch days from the shop's API, put them through the gate, publish them in bronze.

    Args:
        settings: where from, where to, and the limits.
        wanted: which tables and days.
        dry_run: only say which days would be fetched; nothing is written.
        allow_shrink: let a refetch publish far fewer rows than the day has.
        allow_anomaly: publish days that are unlike their past, whatever the settings say.
        progress: told of pages and days as they come.

    Raises:
        UsageError: a range that is none, a missing key or address; nothing has been touched.
        LockHeldError, StoreError: the lake cannot be written now.

    Example:
        >>> from datetime import date
        >>> from mootech.config import load
        >>> from mootech.layers.bronze.selection import Selection
        >>> from mootech.tables import USERS
        >>> day = date(2024, 3, 4)
        >>> outcome = ingest(load(), Selection((USERS,), day, day))
        >>> [str(each.status) for each in outcome.days]
        ['published']

    """
    # Planned before anything is created or locked, so that a wrong option leaves no trace.
    planned = wanted.jobs(settings, opened_if_there(settings))
    if dry_run:
        return Outcome("ingest", days=tuple(DayResult(job.table.name, job.day, DayStatus.PLANNED) for job in planned))
    if wanted.shard is not None and settings.source.protocol == "jobs":
        raise UsageError(
            "--shard shares out days that are fetched page by page, and here the service is ordered to deliver",
            hint="Nothing was done. Leave it out: such a service runs two jobs at once, whoever orders them.",
        )
    connection = connection_to(settings)

    def work(lake: Lake) -> Outcome:
        # Planned again under the lock: another run may have published since.
        jobs = wanted.jobs(settings, lake)
        rules = rules_of(settings, allow_shrink=allow_shrink, allow_anomaly=allow_anomaly)
        return ingest_jobs(lake, settings, connection, jobs, receipts_of(lake, jobs), rules, progress)

    return locked(settings, "ingest", work, shard=wanted.shard)


def repair(  # noqa: PLR0913  # one for each of the command's options
    settings: Settings,
    wanted: Selection,
    *,
    dry_run: bool = False,
    allow_shrink: bool = False,
    allow_anomaly: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Fetch exactly the days again that `verify` finds broken, and have silver's broken objects built by the next run.

    Nothing but those partitions is touched; what only a person can judge is named and left where it is.

    Args:
        settings: where from, where to, and the limits.
        wanted: which tables; `start` and `end` narrow the days that are looked at, all of them without.
        dry_run: only say which days would be fetched; nothing is written.
        allow_shrink: let a day whose own rows are whole be published with far fewer.
        allow_anomaly: publish days that are unlike their past, whatever the settings say.
        progress: told of pages and days as they come.

    Raises:
        EmptyLakeError: there is no lake.
        UsageError: something is to be fetched, and the key or address is missing.
        LockHeldError, StoreError: the lake cannot be written now.

    Example:
        >>> from mootech.config import load
        >>> from mootech.layers.bronze.selection import Selection
        >>> repair(load(), Selection(), dry_run=True).days
        ()

    """
    lake = opened(settings)
    if dry_run:
        found = prove(lake, wanted.tables, wanted.span)
        planned = tuple(DayResult(job.table.name, job.day, DayStatus.PLANNED) for job in days_to_mend(found))
        return Outcome("ingest", days=planned, errors=_left_broken(lake, found), notes=_rebuilt_later(found))

    def work(lake: Lake) -> Outcome:
        found = prove(lake, wanted.tables, wanted.span)
        jobs = days_to_mend(found)
        # The shrink guard keeps what is worth keeping: the rows of a damaged partition are not.
        damaged = unbelievable(found)
        published = {job: receipt for job, receipt in receipts_of(lake, jobs).items() if job not in damaged}
        for layer, table, day in to_rewrite(found):
            lake.disbelieve(layer, table, day)
        done = Outcome("ingest")
        if jobs:
            rules = rules_of(settings, allow_shrink=allow_shrink, allow_anomaly=allow_anomaly)
            done = ingest_jobs(lake, settings, connection_to(settings), jobs, published, rules, progress)
        return replace(done, errors=_left_broken(lake, found), notes=_rebuilt_later(found))

    return locked(settings, "ingest", work)


def fetch(settings: Settings, jobs: Sequence[Job], *, progress: Progress | None = None) -> Outcome:
    """Work a given queue of (table, day) jobs, as `ingest` does with the one it plans.

    Raises:
        UsageError: a day that is not over, a missing key or address; nothing has been touched.
        LockHeldError, StoreError: the lake cannot be written now.

    Example:
        >>> from datetime import date
        >>> from mootech.config import load
        >>> from mootech.model import Job
        >>> from mootech.tables import PRODUCTS
        >>> outcome = fetch(load(), [Job(PRODUCTS, date(2024, 3, 5))])
        >>> [str(each.status) for each in outcome.days]
        ['published']

    """
    for job in jobs:
        check_over(job.day, utc_today(), "day")
    connection = connection_to(settings)

    def work(lake: Lake) -> Outcome:
        return ingest_jobs(lake, settings, connection, jobs, receipts_of(lake, jobs), rules_of(settings), progress)

    return locked(settings, "ingest", work)


def ingest_jobs(  # noqa: PLR0913, PLR0917  # an open lake, and what each command decides about a queue
    lake: Lake,
    settings: Settings,
    connection: Connection,
    jobs: Sequence[Job],
    published: Mapping[Job, Receipt],
    rules: Rules,
    progress: Progress | None,
) -> Outcome:
    """Work a queue in an open lake. `published`: what a refetch is measured by."""
    watched = progress or Silent()
    for table, days in Counter(job.table for job in jobs).items():
        watched.planned(table.name, days)
    gatekeeper = Gatekeeper(lake, rules, BlockedDays(lake.workspace / "blocked"), published)
    fetcher = _fetcher(settings, connection, lake)
    watched.standing(lambda: _standing(gatekeeper.standing, len(jobs), staged_pages(fetcher.folder)))
    work = Ingest(fetcher, gatekeeper, watched, alone=not lake.is_shared).run(jobs)
    return Outcome("ingest", days=tuple(interruptible.run(work, stop=gatekeeper.stop)))


def _fetcher(settings: Settings, connection: Connection, lake: Lake) -> Fetcher:
    """Return what stages days by the configured protocol."""
    source, folder = settings.source, lake.workspace / "stage"
    if source.protocol == "pages":
        return PageFetcher(connection, source.page_size, folder, metrics=source.metrics, dialects=dialects_of(settings))
    terms = Terms(
        settings.destination(),
        days_per_job=settings.jobs.days_per_job,
        longest_wait=settings.jobs.poll_seconds,
        deadline=settings.jobs.deadline_seconds,
        attempts=settings.jobs.attempts,
        metrics=source.metrics,
    )
    return JobFetcher(connection, source.page_size, folder, terms, lake.workspace / "jobs")


def rules_of(settings: Settings, *, allow_shrink: bool = False, allow_anomaly: bool = False) -> Rules:
    """Return what the gate, the comparison with the shop's metrics and with the past, and the shrink guard go by."""
    blocking = settings.qa.anomalies == "block" and not allow_anomaly
    return Rules(
        Threshold(settings.qa.max_bad_share, settings.qa.max_bad_rows),
        allow_shrink=allow_shrink,
        completeness=Completeness(settings.qa.min_source_share, publish_short=settings.qa.publish_short_days),
        drift={TABLES.named(name): Drift(choice) for name, choice in settings.qa.schema_drift},
        unusual=limits_of(settings) if blocking else None,
    )


def limits_of(settings: Settings) -> Limits:
    """Return what makes a day unusual."""
    return Limits(settings.qa.history_weeks, settings.qa.z, settings.qa.max_unmatched_share)


def receipts_of(lake: Lake, jobs: Sequence[Job]) -> dict[Job, Receipt]:
    """Return the receipts of what the lake holds of the jobs' tables."""
    return {
        Job(table, day): held.receipt
        for table in dict.fromkeys(job.table for job in jobs)
        for day, held in lake.held(Layer.RAW, table.name).items()
        if held.receipt is not None
    }


def _standing(ended: Counter[DayStatus], days: int, pages: int) -> str:
    """Say what an ingest has done so far."""
    published, unchanged = ended[DayStatus.PUBLISHED], ended[DayStatus.UNCHANGED]
    same = f" and {unchanged:,} found unchanged" if unchanged else ""
    return f"{published:,} of {days:,} days were published{same}, {pages:,} fetched pages stay staged"


def _left_broken(lake: Lake, found: Sequence[Finding]) -> tuple[MootechError, ...]:
    """Return the error of a repair that had to leave something, for a person to judge."""
    left = [each for each in found if each.data.get("mend") == Mend.BY_HAND]
    if not left:
        return ()
    names = "; ".join(each.message for each in left[:_SHOWN])
    more = f"; and {len(left) - _SHOWN:,} more" if len(left) > _SHOWN else ""
    return (BrokenPromiseError(f"left in {lake.store.url}: {names}{more}", advice(left)),)


def _rebuilt_later(found: Sequence[Finding]) -> tuple[str, ...]:
    """Return what a repair leaves to the next silver."""
    objects = sum(each.data.get("mend") == Mend.REBUILD for each in found)
    return (f"findings that remain in silver: {objects:,}; `mootech silver` builds what they name.",) if objects else ()
