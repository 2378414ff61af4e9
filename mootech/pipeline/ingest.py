"""Bronze: fetch days from the shop, put them through the gate, publish them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mootech.config import Settings
from mootech.errors import BrokenPromiseError, MootechError, UsageError
from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.layers.bronze.exports.fetcher import ExportFetcher
from mootech.layers.bronze.publishing import Gatekeeper, Overrides, Rules
from mootech.layers.bronze.queue import Fetcher, Ingest, PageFetcher
from mootech.layers.bronze.selection import Selection
from mootech.layers.bronze.staging import staged_pages
from mootech.layers.bronze.strays import Strays, stray_rows, strays_of
from mootech.model import DayResult, DayStatus, Finding, Job, Progress, Receipt, Silent, check_over, utc_today
from mootech.outcomes import Outcome
from mootech.pipeline.session import locked, opened, opened_if_there
from mootech.pipeline.verify import prove
from mootech.source import interruptible
from mootech.source.endpoint import Endpoint
from mootech.source.setup import dialect_of, endpoint_of
from mootech.verify.findings import Mend, advice, days_to_mend, to_rewrite, unbelievable

NO_OVERRIDES = Overrides()
"""The settings alone decide what is published."""

_IN_THE_LAKE = frozenset({DayStatus.PUBLISHED, DayStatus.UNCHANGED})
_SHOWN = 5
"""Findings that an error names one by one."""


def ingest(
    settings: Settings,
    wanted: Selection,
    *,
    dry_run: bool = False,
    overrides: Overrides = NO_OVERRIDES,
    progress: Progress | None = None,
) -> Outcome:
    """Fetch days from the shop's API, put them through the gate, publish them in bronze.

    Args:
        settings: where from, where to, and the limits.
        wanted: which tables and days.
        dry_run: only say which days would be fetched; nothing is written.
        overrides: what may be published whatever the settings say.
        progress: called for pages and days as they come.

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
    ingestion = Ingestion(settings, endpoint_of(settings), overrides, progress or Silent())
    # Planned again under the lock: another run may have published since.
    return locked(settings, "ingest", lambda lake: ingestion.run(lake, wanted.jobs(settings, lake)), shard=wanted.shard)


def repair(
    settings: Settings,
    wanted: Selection,
    *,
    dry_run: bool = False,
    overrides: Overrides = NO_OVERRIDES,
    progress: Progress | None = None,
) -> Outcome:
    """Fetch exactly the days again that `verify` finds broken, and have silver's broken objects built by the next run.

    Nothing but those partitions is touched; what only a person can judge is named and left where it is.

    Args:
        settings: where from, where to, and the limits.
        wanted: which tables; `start` and `end` narrow the days that are looked at, all of them without.
        dry_run: only say which days would be fetched; nothing is written.
        overrides: what may be published whatever the settings say.
        progress: called for pages and days as they come.

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
        # The shrink guard must not protect the rows of a damaged partition.
        damaged = unbelievable(found)
        published = {job: receipt for job, receipt in receipts_of(lake, jobs).items() if job not in damaged}
        for layer, table, day in to_rewrite(found):
            lake.invalidate(layer, table, day)
        done = Outcome("ingest")
        if jobs:
            ingestion = Ingestion(settings, endpoint_of(settings), overrides, progress or Silent())
            done = ingestion.run(lake, jobs, published)
        return replace(done, errors=(*done.errors, *_left_broken(lake, found)), notes=_rebuilt_later(found))

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
    ingestion = Ingestion(settings, endpoint_of(settings), progress=progress or Silent())
    return locked(settings, "ingest", lambda lake: ingestion.run(lake, jobs))


@dataclass(frozen=True)
class Ingestion:
    """What a command needs to work queues of jobs: the source, the rules and the progress report."""

    settings: Settings
    endpoint: Endpoint
    overrides: Overrides = NO_OVERRIDES
    progress: Progress = field(default_factory=Silent)

    def run(self, lake: Lake, jobs: Sequence[Job], published: Mapping[Job, Receipt] | None = None) -> Outcome:
        """Work a queue in an open lake. `published`: receipts for the shrink guard, by default of all days held."""
        rules = Rules(self.settings.qa, self.overrides)
        gatekeeper = Gatekeeper(lake, rules, receipts_of(lake, jobs) if published is None else published)
        fetcher = self._fetcher(lake.workspace)
        self.progress.on_interrupt(lambda: _summary(gatekeeper.counts, len(jobs), staged_pages(fetcher.folder)))

        def worked(jobs: Sequence[Job], *, alone: bool) -> list[DayResult]:
            for table, count in Counter(job.table for job in jobs).items():
                self.progress.planned(table.name, count)
            work = Ingest(fetcher, gatekeeper, self.progress, alone=alone).run(jobs)
            return interruptible.run(work, stop=gatekeeper.stop)

        days = worked(jobs, alone=not lake.is_shared)
        lacking, errors = self._strays(lake, jobs, days)
        # The source decides: a day that a row belongs to, and that this run has not asked for, is asked for once more.
        # In a shard, another host's run may be working on it.
        asked = set(jobs)
        again = [job for each in lacking for day in each.days if (job := Job(each.table, day)) not in asked]
        if again and not lake.is_shared:
            days += worked(again, alone=False)
            lacking, errors = self._strays(lake, [*jobs, *again], days)
        return Outcome("ingest", days=tuple(days), errors=(*(each.error() for each in lacking), *errors))

    def _strays(
        self, lake: Lake, jobs: Sequence[Job], days: Sequence[DayResult]
    ) -> tuple[list[Strays], list[MootechError]]:
        """Return, for each table, the rows that came with another day than their own and that their own day lacks.

        A table whose objects cannot be read has an error instead; what was published stays so.
        """
        found, errors = [], list[MootechError]()
        for table in dict.fromkeys(job.table for job in jobs if not job.table.is_snapshot):
            held = lake.known(Layer.RAW, table.name)
            came = [day.utc_date for day in days if day.table == table.name and day.status in _IN_THE_LAKE]
            receipts = {day: receipt for day in came if (receipt := held[day].receipt) is not None}
            mapping = dialect_of(self.settings.source, table).mapping
            try:
                found.append(strays_of(table, stray_rows(lake, table, receipts, mapping)))
            except MootechError as exc:
                errors.append(exc)
        return [each for each in found if each is not None], errors

    def _fetcher(self, workspace: Path) -> Fetcher:
        """Return what stages days by the configured protocol."""
        if self.settings.source.protocol == "pages":
            return PageFetcher(self.endpoint, workspace / "stage")
        return ExportFetcher(self.endpoint, self.settings.jobs, self.settings.destination(), workspace)


def receipts_of(lake: Lake, jobs: Sequence[Job]) -> dict[Job, Receipt]:
    """Return the receipts of what the lake holds of the jobs' tables."""
    return {
        Job(table, day): held.receipt
        for table in dict.fromkeys(job.table for job in jobs)
        for day, held in lake.held(Layer.RAW, table.name).items()
        if held.receipt is not None
    }


def _summary(ended: Counter[DayStatus], days: int, pages: int) -> str:
    """Say what an ingest has done so far."""
    published, unchanged = ended[DayStatus.PUBLISHED], ended[DayStatus.UNCHANGED]
    same = f" and {unchanged:,} found unchanged" if unchanged else ""
    return f"{published:,} of {days:,} days were published{same}, {pages:,} fetched pages stay staged"


def _left_broken(lake: Lake, found: Sequence[Finding]) -> tuple[MootechError, ...]:
    """Return the error of a repair that had to leave findings for a person to judge."""
    left = [each for each in found if each.data.get("mend") == Mend.BY_HAND]
    if not left:
        return ()
    names = "; ".join(each.message for each in left[:_SHOWN])
    more = f"; and {len(left) - _SHOWN:,} more" if len(left) > _SHOWN else ""
    return (BrokenPromiseError(f"left in {lake.store.url}: {names}{more}", advice(left)),)


def _rebuilt_later(found: Sequence[Finding]) -> tuple[str, ...]:
    """Return the note on what a repair leaves to the next build of silver."""
    objects = sum(each.data.get("mend") == Mend.REBUILD for each in found)
    return (f"findings that remain in silver: {objects:,}; `mootech silver` builds what they name.",) if objects else ()
