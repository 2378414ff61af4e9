"""The queue of (table, day) jobs: several days are fetched at once, what is staged is checked and published.

Fetching waits for the source and checking needs the processor, so they run at the same time, with a short queue of
staged days between them. Staged days wait on disk, not in memory. Small days of one table are checked together.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mootech.errors import IncompleteError, MootechError
from mootech.layers.bronze.fetching import stage_day
from mootech.layers.bronze.publishing import Gatekeeper, Staged, failed
from mootech.layers.bronze.staging import StagedDay, remove_stale
from mootech.model import DayResult, DayStatus, Job, Progress
from mootech.source.endpoint import Endpoint
from mootech.source.http import Api
from mootech.source.metrics import metrics_of
from mootech.source.setup import dialect_of

_LOG = logging.getLogger(__name__)

_STAGED_DAYS = 16
"""Staged days that may wait for the gate before fetching pauses."""
_BATCH_ROWS = 50_000
"""Rows of small days that go through the gate together; a day with more rows goes alone."""


class Fetcher(Protocol):
    """Stages days: the port that each protocol implements."""

    @property
    def endpoint(self) -> Endpoint:
        """The shop's API."""

    @property
    def folder(self) -> Path:
        """Where pages are staged, on local disk."""

    @property
    def at_once(self) -> int:
        """How many units are staged at the same time."""

    def staged(self, job: Job, number: int) -> StagedDay:
        """Return the staging of a pass over a job's day; the first one has number 1."""

    def units(self, wanted: Sequence[Job]) -> Sequence[tuple[Job, ...]]:
        """Return the units to stage, in order. A unit is days of one table that succeed or fail together."""

    async def stage(self, api: Api, staged: Mapping[Job, StagedDay], arrived: Callable[[Job, int], None]) -> str:
        """Stage a unit; return a note for a person. SourceError or StoreError when it cannot be."""


@dataclass(frozen=True)
class PageFetcher:
    """Stages days page by page."""

    endpoint: Endpoint
    folder: Path
    """Where pages are staged, on local disk."""

    @property
    def at_once(self) -> int:
        """As many as requests."""
        return self.endpoint.settings.concurrency

    def staged(self, job: Job, number: int) -> StagedDay:
        """Return the staging of a pass over a job's day; further passes have other pages, so that no cache answers."""
        size = self.endpoint.settings.page_size
        size = size - number + 1 if size >= number else size + number - 1
        dialect = dialect_of(self.endpoint.settings, job.table)
        return StagedDay(self.folder, job, dialect, page_size=size, number=number)

    def units(self, wanted: Sequence[Job]) -> list[tuple[Job, ...]]:
        """Return the days one by one."""
        return [(job,) for job in wanted]

    async def stage(self, api: Api, staged: Mapping[Job, StagedDay], arrived: Callable[[Job, int], None]) -> str:
        """Stage a day; see `stage_day`."""
        ((job, each),) = staged.items()
        return await stage_day(api, each, lambda rows: arrived(job, rows))


class Ingest:
    """Works a queue of jobs through fetching, the gate and publishing. For one `run`."""

    def __init__(self, fetcher: Fetcher, gatekeeper: Gatekeeper, progress: Progress, *, alone: bool = True) -> None:
        """Connect the parts; nothing is fetched yet. `progress` is called for every page and every finished day.

        `alone` says that no other run stages pages in the same folder.
        """
        self._alone = alone
        self._fetcher = fetcher
        self._gatekeeper = gatekeeper
        self._progress = progress
        # Last in, first out: a day that needs another pass ends before a new day begins.
        self._todo: asyncio.LifoQueue[tuple[Sequence[Job], tuple[StagedDay, ...]]] = asyncio.LifoQueue()
        self._staged: asyncio.Queue[Staged | None] = asyncio.Queue(_STAGED_DAYS)
        self._results: dict[Job, DayResult] = {}
        self._left = 0
        self._finished = asyncio.Event()

    async def run(self, jobs: Sequence[Job]) -> list[DayResult]:
        """Work through the jobs; return their results in the jobs' order. A failed day does not stop the others."""
        if self._alone:
            await asyncio.to_thread(remove_stale, self._fetcher.folder)
        queue = list(dict.fromkeys(jobs))
        if not queue:
            return []
        self._left = len(queue)
        for unit in reversed(await asyncio.to_thread(self._fetcher.units, queue)):
            self._todo.put_nowait((unit, ()))
        async with Api(self._fetcher.endpoint) as api, asyncio.TaskGroup() as tasks:
            publishing = tasks.create_task(self._publish())
            fetching = [tasks.create_task(self._fetch_all(api)) for _ in range(self._fetcher.at_once)]
            await self._finished.wait()
            for fetcher in fetching:
                fetcher.cancel()
            await self._staged.put(None)
            await publishing
        return [self._results[job] for job in queue]

    async def _fetch_all(self, api: Api) -> None:
        """Fetch one unit after the other, until the task is cancelled."""
        while True:
            await self._fetch(api, *await self._todo.get())

    async def _fetch(self, api: Api, unit: Sequence[Job], before: tuple[StagedDay, ...]) -> None:
        """Stage a pass over a unit and queue its days for the gate; every expected failure becomes the days' result.

        `before` are the earlier passes over a day that is fetched again; such a day is a unit of its own.
        """
        passes = {job: (*before, self._fetcher.staged(job, len(before) + 1)) for job in unit}
        staged = {job: each[-1] for job, each in passes.items()}
        try:
            self._gatekeeper.check_store()
            note = await self._fetcher.stage(api, staged, lambda job, rows: self._progress.rows(job.table.name, rows))
            metrics = {job: await metrics_of(api, job.table, job.day) for job in unit}
        except IncompleteError as exc:
            for job, each in passes.items():
                each[0].clear()
                self._done(job, failed(job, exc, DayStatus.INCOMPLETE))
        except MootechError as exc:
            for job in unit:
                self._done(job, failed(job, exc, DayStatus.FAILED))
        else:
            for job, each in passes.items():
                await self._staged.put(Staged(job, each, note, metrics[job]))

    async def _publish(self) -> None:
        """Put staged days through the gate, in a thread, until the queue ends."""
        async for batch in self._batches():
            for staged, result in zip(batch, await asyncio.to_thread(self._gatekeeper.work, batch), strict=True):
                if result is None:
                    _LOG.info("%s %s falls short of the shop's metrics", staged.job.table, staged.job.day)
                    self._todo.put_nowait(((staged.job,), staged.passes))
                else:
                    self._done(staged.job, result)

    async def _batches(self) -> AsyncIterator[list[Staged]]:
        """Yield batches of staged days of one table, as many as wait and fit, until the queue ends."""
        first = await self._staged.get()
        while first is not None:
            batch, rows = [first], first.rows
            ahead: list[Staged | None] = []
            while not ahead and not self._staged.empty():
                following = self._staged.get_nowait()
                if (
                    following is None
                    or following.job.table is not first.job.table
                    or rows + following.rows > _BATCH_ROWS
                ):
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
        self._left -= 1
        if not self._left:
            self._finished.set()
