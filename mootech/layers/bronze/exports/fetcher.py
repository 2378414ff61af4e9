"""Staging by way of exports: order ranges of days, wait for them, take the files from the destination, clean up.

An export that fails, vanishes or delivers files that are not whole is ordered again, into a new directory, a few times.
An export that does not end in time is left to the next run, which waits for it instead of ordering another one.
"""

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from mootech.config import JobsSettings
from mootech.errors import IncompleteError, RefusedError, SourceError, StoreError
from mootech.lake.disk import mapped, private_folder
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store
from mootech.layers.bronze.exports import service
from mootech.layers.bronze.exports.delivery import Delivery, NotWholeError, download, remove
from mootech.layers.bronze.exports.service import ExportState, ExportStatus
from mootech.layers.bronze.exports.tickets import Ticket, Tickets
from mootech.layers.bronze.staging import StagedDay
from mootech.model import DayRange, Job
from mootech.source.body import TransientError
from mootech.source.dialect import Dialect
from mootech.source.endpoint import Endpoint
from mootech.source.http import Api
from mootech.tables import TableSpec

_LOG = logging.getLogger(__name__)

_DOWNLOADS = "taken-"
_AGAIN = (
    "What was published before is intact. Run the same command again; if it stays, the shop's service needs mending."
)


class UndeliveredError(Exception):
    """An export came to nothing; another order may do better. `error` is for the case that none does."""

    def __init__(self, error: SourceError, *, ended: bool) -> None:
        """Keep the error, and whether the export has ended for sure."""
        super().__init__(error.message)
        self.error, self.ended = error, ended


class ExportFetcher:
    """Stages days by way of exports. For one run, under the lake's lock."""

    at_once = service.AT_ONCE

    def __init__(
        self,
        endpoint: Endpoint,
        settings: JobsSettings,
        destination: str,
        workspace: Path,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Connect the parts; nothing is opened or asked yet.

        Args:
            endpoint: the service.
            settings: how exports are ordered and waited for.
            destination: where they deliver to: s3://bucket/directory, or a folder, whose name is then the bucket's.
            workspace: this host's own folder for the lake. `stage` in it holds staged days, `jobs` holds tickets and
                downloads.
            sleep: waits out the seconds between two questions for an export's status.

        """
        self.endpoint = endpoint
        self.folder = workspace / "stage"
        self._settings = settings
        self._destination = destination
        self._private = workspace / "jobs"
        self._tickets = Tickets(self._private)
        self._sleep = sleep

    def staged(self, job: Job, number: int = 1) -> StagedDay:
        """Return the staging of a pass over a job's day, as pages of mootech's own protocol."""
        # An address of its own, so that pages fetched over HTTP are not resumed.
        dialect = Dialect(job.table.name, url=f"{self.endpoint.url} (jobs)")
        return StagedDay(self.folder, job, dialect, page_size=self.endpoint.settings.page_size, number=number)

    def units(self, wanted: Sequence[Job]) -> list[tuple[Job, ...]]:
        """Return the units to stage: each day that is staged whole already alone, the others in ranges.

        Exports that earlier runs have ordered, and that deliver none of these days, are removed from the destination.

        Raises:
            StoreError: the destination cannot be reached.

        """
        _ = self._store  # opened now: one that cannot be reached ends the run before anything is ordered
        for left in self._private.glob(f"{_DOWNLOADS}*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        whole = [job for job in wanted if _is_whole(self.staged(job))]
        there = set(whole)
        ranges = consecutive((job for job in wanted if job not in there), self._settings.days_per_job)
        for ticket in self._tickets.all():
            if not any(self._is_ours(ticket, unit[0].table, _span(unit)) for unit in ranges):
                self._forget(ticket, ended=False)
        return [*((job,) for job in whole), *ranges]

    async def stage(self, api: Api, staged: Mapping[Job, StagedDay], arrived: Callable[[Job, int], None]) -> str:
        """Stage days of one table; see `units`. Return a note for a person, or nothing.

        Raises:
            SourceError: no export delivered them; IncompleteError when the files were not whole.
            StoreError: the destination or the local disk failed.

        """
        if all([await asyncio.to_thread(_is_whole, each) for each in staged.values()]):
            pages = sum(each.position.pages for each in staged.values())
            return f"resumed: {pages} of {pages} pages were staged"
        table, span = next(iter(staged)).table, _span(tuple(staged))
        known = await asyncio.to_thread(self._tickets.all)
        ticket = next((each for each in known if self._is_ours(each, table, span)), None)
        note = "taken from the job that an earlier run had ordered" if ticket else ""
        for attempt in range(1, self._settings.attempts + 1):
            if ticket is None:
                ticket = await self._order(api, table, span)
            try:
                await self._take(api, ticket, staged, arrived)
            except UndeliveredError as exc:
                _LOG.info("%s %s to %s: %s", table, span.first, span.last, exc)
                await asyncio.to_thread(self._forget, ticket, ended=exc.ended)
                if attempt == self._settings.attempts:
                    raise exc.error from exc
                ticket, note = None, "ordered again, because a job came to nothing"
                await api.pause(attempt)
            else:
                await asyncio.to_thread(self._forget, ticket, ended=True)
                break
        return note

    def _is_ours(self, ticket: Ticket, table: TableSpec, days: DayRange) -> bool:
        here = (ticket.source, ticket.destination) == (self.endpoint.url, self._destination)
        return here and ticket.is_good_for(table, days)

    async def _order(self, api: Api, table: TableSpec, days: DayRange) -> Ticket:
        """Order an export; its ticket is on disk before the service hears of it."""
        place = self.endpoint.url, self._destination
        ticket = Ticket(*place, table.name, days.first, days.last, ordered=time.time())

        def destination() -> tuple[str, str]:
            nonlocal ticket
            ticket = ticket.elsewhere()
            self._tickets.keep(ticket)
            return address(self._destination, ticket.directory)

        try:
            export_id = await service.order(api, table, days, destination)
        except RefusedError:
            if ticket.directories:
                await asyncio.to_thread(self._tickets.drop, ticket)
            raise
        ticket = ticket.answered(export_id)
        await asyncio.to_thread(self._tickets.keep, ticket)
        _LOG.info("%s %s to %s: job %s was ordered", table, days.first, days.last, export_id)
        return ticket

    async def _take(
        self, api: Api, ticket: Ticket, staged: Mapping[Job, StagedDay], arrived: Callable[[Job, int], None]
    ) -> None:
        """Wait for an export and stage the wanted days from its files.

        Raises:
            UndeliveredError: it came to nothing.
            SourceError: the service does not answer, or the export does not end.

        """
        status = await self._ended(api, ticket)
        if status.state is not ExportState.COMPLETE:
            error = SourceError(f"job {ticket.export_id} {status.state}: {status.message}", hint=_AGAIN)
            raise UndeliveredError(error, ended=status.state is ExportState.FAILED)
        private_folder(self._private)
        with mapped(f"making a folder in {self._private}"):
            work = TemporaryDirectory(dir=self._private, prefix=_DOWNLOADS)
        with work:
            try:
                files = await asyncio.to_thread(download, self._store, ticket.directory, Path(work.name))
                delivery = Delivery(next(iter(staged)).table, ticket.days, files, status.rows)
                await asyncio.to_thread(delivery.check)
                for job, each in staged.items():
                    await asyncio.to_thread(each.clear)
                    await asyncio.to_thread(delivery.stage, job.day, each)
                    arrived(job, each.position.rows)
            except (NotWholeError, TransientError, IncompleteError) as exc:
                distrusted = IncompleteError(f"job {ticket.export_id} is not believed: {exc}", hint=_AGAIN)
                raise UndeliveredError(distrusted, ended=True) from exc

    async def _ended(self, api: Api, ticket: Ticket) -> ExportStatus:
        """Return the status of an export that is no longer under way."""
        if ticket.export_id is None:
            return ExportStatus(ExportState.VANISHED, message="it was never answered for")
        deadline, longest_wait = self._settings.deadline_seconds, self._settings.poll_seconds
        try:
            async with asyncio.timeout(deadline):
                return await service.wait_for_end(api, ticket.export_id, longest_wait=longest_wait, sleep=self._sleep)
        except TimeoutError as exc:
            raise SourceError(
                f"job {ticket.export_id} has not ended within {deadline:g} s",
                hint="What was published before is intact. Run the same command later: it goes on waiting for this "
                "job. deadline_seconds under [jobs] says how long.",
            ) from exc

    def _forget(self, ticket: Ticket, *, ended: bool) -> None:
        """Remove an export's files, then its ticket. Where the files cannot be removed, the next run tries again.

        The next run also tries again when the export may not have `ended` and may still write files, until it is too
        old for that.

        Raises:
            StoreError: the state folder cannot be written.

        """
        # The ticket loses its export first, so that nobody takes half of the files that are being removed.
        self._tickets.keep(ticket.answered(None))
        if ticket.destination == self._destination:
            try:
                for directory in ticket.directories:
                    remove(self._store, directory)
            except StoreError as exc:
                _LOG.warning("%s stays in %s for now: %s", ticket.directory, ticket.destination, exc.message)
                return
        if ended or not ticket.is_fresh or ticket.destination != self._destination:
            self._tickets.drop(ticket)

    @cached_property
    def _store(self) -> Store:
        return open_store(self._destination)


def address(destination: str, directory: str) -> tuple[str, str]:
    """Return the bucket and the directory in it, as an order names them."""
    parts = urlsplit(destination)
    if parts.scheme == "s3":
        return parts.netloc, f"{parts.path.strip('/')}/{directory}".lstrip("/")
    return Path(destination).name, directory


def consecutive(wanted: Iterable[Job], most: int) -> list[tuple[Job, ...]]:
    """Cut days into ranges of one table without a gap, of at most `most` days each; the order is kept."""
    ranges: list[list[Job]] = []
    following: Job | None = None
    for job in wanted:
        if job == following and len(ranges[-1]) < most:
            ranges[-1].append(job)
        else:
            ranges.append([job])
        following = Job(job.table, job.day + timedelta(days=1))
    return [tuple(each) for each in ranges]


def _span(unit: Sequence[Job]) -> DayRange:
    return DayRange(unit[0].day, unit[-1].day)


def _is_whole(staged: StagedDay) -> bool:
    """Resume the staging of a day; say whether all of its pages are there."""
    return staged.resume() > 0 and staged.position.next_cursor is None
