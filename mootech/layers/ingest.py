"""The queue of (table, day) jobs: several days are fetched at once, what is staged is checked and published.

Fetching waits for the source, checking for the processor; so they run beside each other, with a short queue of staged
days between them. Staged days wait on disk, not in memory. Small days of one table are checked together.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mootech.errors import IncompleteError, MootechError
from mootech.layers.fetching import stage_day
from mootech.layers.publishing import Gatekeeper, Staged, failed
from mootech.layers.stage import StagedDay, remove_stale
from mootech.model import DayResult, DayStatus, Job, Progress
from mootech.source.http import Api, Connection

_LOG = logging.getLogger(__name__)

_STAGED_DAYS = 16
"""Staged days that may wait for the gate before fetching pauses."""
_BATCH_ROWS = 50_000
"""Rows of small days that go through the gate together; a larger day goes alone."""


@dataclass(frozen=True)
class Fetcher:
    """What it takes to stage a day."""

    connection: Connection
    page_size: int
    """Rows a page."""
    folder: Path
    """Where pages are staged, on local disk."""

    def staged(self, job: Job) -> StagedDay:
        """Return the staging of a job's day."""
        return StagedDay(self.folder, job.table, job.day, source=self.connection.url, page_size=self.page_size)


class Ingest:
    """Works a queue of jobs through fetching, the gate and publishing. For one `run`."""

    def __init__(self, fetcher: Fetcher, gatekeeper: Gatekeeper, progress: Progress) -> None:
        """Connect the parts; nothing is fetched yet. `progress` is told of every page and every finished day."""
        self._fetcher = fetcher
        self._gatekeeper = gatekeeper
        self._progress = progress
        self._staged: asyncio.Queue[Staged | None] = asyncio.Queue(_STAGED_DAYS)
        self._results: dict[Job, DayResult] = {}

    async def run(self, jobs: Sequence[Job]) -> list[DayResult]:
        """Work through the jobs; return their results in the jobs' order. A failed day does not stop the others."""
        await asyncio.to_thread(remove_stale, self._fetcher.folder)
        waiting = iter(dict.fromkeys(jobs))
        connection = self._fetcher.connection

        async def fetch(api: Api) -> None:
            for job in waiting:
                await self._fetch(api, job)

        async with Api(connection) as api, asyncio.TaskGroup() as tasks:
            publishing = tasks.create_task(self._publish())
            await asyncio.gather(*(tasks.create_task(fetch(api)) for _ in range(connection.concurrency)))
            await self._staged.put(None)
            await publishing
        return [self._results[job] for job in dict.fromkeys(jobs)]

    async def _fetch(self, api: Api, job: Job) -> None:
        """Stage a day and hand it on; every expected failure becomes its result."""
        staged = self._fetcher.staged(job)
        try:
            self._gatekeeper.check_store()
            note = await stage_day(api, job, staged, lambda rows: self._progress.rows(job.table, rows))
        except IncompleteError as exc:
            staged.clear()
            self._done(job, failed(job, exc, DayStatus.INCOMPLETE))
        except MootechError as exc:
            self._done(job, failed(job, exc, DayStatus.FAILED))
        else:
            await self._staged.put(Staged(job, staged, note))

    async def _publish(self) -> None:
        """Put what is staged through the gate, off the event loop, until nothing more comes."""
        async for batch in self._batches():
            for staged, result in zip(batch, await asyncio.to_thread(self._gatekeeper.work, batch), strict=True):
                self._done(staged.job, result)

    async def _batches(self) -> AsyncIterator[list[Staged]]:
        """Yield staged days of one table, as many as wait and fit, until the end of the queue."""
        first = await self._staged.get()
        while first is not None:
            batch, rows = [first], first.rows
            ahead: list[Staged | None] = []
            while not ahead and not self._staged.empty():
                following = self._staged.get_nowait()
                if following is None or following.job.table is not first.job.table or rows > _BATCH_ROWS:
                    ahead.append(following)
                else:
                    batch.append(following)
                    rows += following.rows
            yield batch
            first = ahead[0] if ahead else await self._staged.get()

    def _done(self, job: Job, result: DayResult) -> None:
        self._results[job] = result
        _LOG.info("%s %s: %s %s", job.table, job.day, result.status, result.error or result.note)
        self._progress.done(result)
