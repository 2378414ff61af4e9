"""The queue of (table, day) jobs: stage a day's pages, put them through the gate, publish, say what happened.

Several days are fetched at once, because a source answers slower than a request takes to send; they are checked and
published one after the other, off the event loop, because that is where the memory goes.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mootech.errors import IncompleteError, MootechError, QualityError, RefusedError, StoreError
from mootech.lake.lake import DayRows, Lake
from mootech.layers.blocked import BlockedDays
from mootech.layers.bronze import check_day
from mootech.layers.plan import shrinks
from mootech.layers.stage import StagedDay
from mootech.model import DayResult, DayStatus, Progress, Receipt, Table
from mootech.qa.gate import Threshold
from mootech.source.http import Api, Connection
from mootech.source.pages import TotalChangedError, pages

_LOG = logging.getLogger(__name__)

_PASSES = 3
"""How often a day is begun again because its declared total changed while it was read."""
_STORE_GIVES_UP_AFTER = 3
"""Days in a row that the store failed to take: the rest is not even fetched."""


@dataclass(frozen=True)
class Job:
    """One table's UTC day to fetch."""

    table: Table
    day: date


@dataclass(frozen=True)
class Rules:
    """What may be published."""

    threshold: Threshold
    allow_shrink: bool = False


class Ingest:
    """Works a queue of jobs into one lake."""

    def __init__(  # noqa: PLR0913  # the parts it connects
        self,
        lake: Lake,
        connection: Connection,
        *,
        page_size: int,
        workspace: Path,
        rules: Rules,
        published: Mapping[Job, Receipt],
        progress: Progress,
    ) -> None:
        """Connect the parts; nothing is fetched yet.

        Args:
            lake: opened for writing, its lock held.
            connection: the shop's API.
            page_size: rows a page.
            workspace: this lake's folder for staged pages and blocked days on local disk.
            rules: the gate's threshold and the shrink guard.
            published: receipts of what the lake holds, for the shrink guard.
            progress: told of every page and every finished day.

        """
        self._lake = lake
        self._connection = connection
        self._page_size = page_size
        self._workspace = workspace
        self._rules = rules
        self._published = published
        self._progress = progress
        self._blocked = BlockedDays(workspace / "blocked")
        self._store_failures = 0

    async def run(self, jobs: Sequence[Job]) -> list[DayResult]:
        """Work through the jobs; return their results in the jobs' order. A failed day does not stop the others."""
        results: dict[Job, DayResult] = {}
        waiting = iter(dict.fromkeys(jobs))
        one_at_a_time = asyncio.Lock()

        async def work(api: Api) -> None:
            for job in waiting:
                results[job] = result = await self._day(api, job, one_at_a_time)
                _LOG.info("%s %s: %s %s", job.table, job.day, result.status, result.error or result.note)
                self._progress.done(result)

        async with Api(self._connection) as api, asyncio.TaskGroup() as workers:
            for _ in range(self._connection.concurrency):
                workers.create_task(work(api))
        return [results[job] for job in dict.fromkeys(jobs)]

    async def _day(self, api: Api, job: Job, one_at_a_time: asyncio.Lock) -> DayResult:
        """Stage, check and publish one day; every expected failure becomes its result."""
        staged = StagedDay(
            self._workspace / "stage", job.table, job.day, source=self._connection.url, page_size=self._page_size
        )
        try:
            if self._store_failures >= _STORE_GIVES_UP_AFTER:
                raise StoreError(
                    f"{job.table} {job.day} was not fetched: the store failed {_STORE_GIVES_UP_AFTER} days in a row",
                    hint="What was published before is intact. Mend the store, then run the same command again.",
                )
            note = await self._stage(api, job, staged)
            async with one_at_a_time:
                result = await asyncio.to_thread(self._publish, job, staged, note)
        except IncompleteError as exc:
            staged.clear()
            return DayResult(job.table, job.day, DayStatus.INCOMPLETE, error=_named(exc, job))
        except MootechError as exc:
            self._store_failures += isinstance(exc, StoreError)
            return DayResult(job.table, job.day, DayStatus.FAILED, error=_named(exc, job))
        self._store_failures = 0
        return result

    async def _stage(self, api: Api, job: Job, staged: StagedDay) -> str:
        """Fetch the pages that are not staged yet; return a note for a person."""
        resumed = await asyncio.to_thread(staged.resume)
        already = resumed
        for _ in range(_PASSES):
            try:
                async for page in pages(api, job.table, job.day, page_size=self._page_size, progress=staged.progress):
                    await asyncio.to_thread(staged.add, page)
                    self._progress.rows(job.table, page.rows)
            except TotalChangedError:
                staged.clear()
                already = 0
            except RefusedError:
                # The cursor may be one that the source has forgotten since; only the first page can tell.
                if not already:
                    raise
                staged.clear()
                already = 0
            else:
                total = staged.progress.pages
                return f"resumed: {resumed} of {total} pages were staged" if already else ""
        raise IncompleteError(
            f"the declared total changed {_PASSES} times while the day was read",
            hint="Nothing of the day was published. The shop is still writing it: run the same command later.",
        )

    def _publish(self, job: Job, staged: StagedDay, note: str) -> DayResult:
        """Put the staged day through the gate and, when it passes, into the lake."""
        rows = check_day(job.table, job.day, staged.bodies(), staged.progress.total)
        refusal = self._refusal(job, rows)
        if refusal is not None:
            self._blocked.keep(job.table, job.day, fetched=rows.fetched, rejects=rows.rejects)
            staged.clear()
            return DayResult(
                job.table,
                job.day,
                DayStatus.BLOCKED,
                fetched=rows.fetched,
                quarantined=rows.rejects.height,
                duplicates=rows.duplicates,
                source_total=rows.source_total,
                error=refusal,
                note=note,
            )
        receipt, changed = self._lake.publish_day(rows)
        staged.clear()
        self._blocked.forget(job.table, job.day)
        return DayResult(
            job.table,
            job.day,
            DayStatus.PUBLISHED if changed else DayStatus.UNCHANGED,
            fetched=receipt.fetched,
            published=receipt.published,
            quarantined=receipt.quarantined,
            duplicates=receipt.duplicates,
            source_total=receipt.source_total,
            note=note,
        )

    def _refusal(self, job: Job, rows: DayRows) -> QualityError | None:
        """Return why the day must not be published, None when it may."""
        what = f"{job.table} {job.day}"
        held = self._published.get(job)
        intact = "the version published before is intact" if held else "nothing of it was published"
        bad = rows.rejects.height
        if self._rules.threshold.blocks(fetched=rows.fetched, bad=bad):
            return QualityError(
                f"{what} is blocked: {bad:,} of {rows.fetched:,} rows are bad; {intact}",
                hint=f"Run `mootech qa -t {job.table} --start {job.day} --end {job.day}` to see why. "
                "The next run fetches the day again.",
            )
        if held is not None and not self._rules.allow_shrink and shrinks(held.published, rows.rows.height):
            return QualityError(
                f"{what} would shrink from {held.published:,} to {rows.rows.height:,} rows; {intact}",
                hint=f"If the shop really has fewer rows now, run `mootech ingest -t {job.table} --start {job.day} "
                f"--end {job.day} --allow-shrink`.",
            )
        return None


def _named(error: MootechError, job: Job) -> MootechError:
    """Return the error with the day in front, unless it names it already."""
    if str(job.day) in error.message:
        return error
    named = type(error)(f"{job.table} {job.day}: {error.message}", hint=error.hint)
    named.__cause__ = error
    return named
