"""The older service's jobs: a range of days as Parquet files in a bucket, made in the background, two at a time."""

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock
from typing import Final, Self
from uuid import uuid4

import polars as pl

from mootech.errors import MootechError
from mootech.model import DayRange
from mootech.sandbox.buckets import Buckets
from mootech.sandbox.faults import JOBS, Draw, Fault
from mootech.sandbox.shop import Shop
from mootech.tables import TableSpec

_LOG = logging.getLogger(__name__)

AT_ONCE: Final = 2
"""Jobs that run at the same time; more of them wait for their turn."""
JOB_SECONDS: Final = 0.2
"""How long a job takes at least."""

_FILE_ROWS: Final = 20_000
"""Rows after which a new file begins."""


class Status(StrEnum):
    """What `execution_status` can be."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Order:
    """What one job is to deliver, and where."""

    table: TableSpec
    days: DayRange
    bucket: str
    directory: str
    """Below the bucket; "" is its root."""
    today: date
    """The UTC day on which it was ordered."""


@dataclass(frozen=True)
class Standing:
    """How far a job is."""

    status: Status
    rows: int | None = None
    """Rows in its files, once they are all there."""
    error: str | None = None
    """Why it failed."""


class Jobs:
    """The service's jobs, from the order to the last file. A context manager, which gives up what is not done."""

    def __init__(
        self, shop: Shop, buckets: Buckets, *, seconds: float = JOB_SECONDS, faults: Draw | None = None
    ) -> None:
        """Open the service; `faults` decides which jobs go wrong."""
        self._shop, self._buckets, self._seconds, self._faults = shop, buckets, seconds, faults
        self._workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mootech-job")
        self._closing = Event()
        self._mutex = Lock()
        self._jobs: dict[str, Future[int] | None] = {}

    def __enter__(self) -> Self:
        """Serve."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give up the jobs that are not done."""
        self._closing.set()
        self._workers.shutdown(cancel_futures=True)

    def start(self, order: Order) -> str:
        """Take an order; return the job's id."""
        job_id = uuid4().hex
        with self._mutex:
            fault = self._fault(order)
            if fault is Fault.JOB_STUCK:
                self._jobs[job_id] = None
            elif fault is not Fault.JOB_LOST:
                self._jobs[job_id] = self._workers.submit(self._deliver, order, fault)
        return job_id

    def standing(self, job_id: str) -> Standing | None:
        """Return how far a job is; None when there is no such job."""
        with self._mutex:
            if job_id not in self._jobs:
                return None
            job = self._jobs[job_id]
        if job is None:
            return Standing(Status.RUNNING)
        if not job.done():
            return Standing(Status.RUNNING if job.running() else Status.QUEUED)
        failure = job.exception()
        if failure is None:
            return Standing(Status.COMPLETE, rows=job.result())
        return Standing(Status.FAILED, error=str(failure))

    def _fault(self, order: Order) -> Fault | None:
        if self._faults is None:
            return None
        days = f"{order.days.first} {order.days.last}"
        return self._faults.fault(f"job {order.table} {days}", JOBS)[0]

    def _deliver(self, order: Order, fault: Fault | None) -> int:
        """Make the files and put them into the bucket; return their rows."""
        if self._closing.wait(self._seconds) or fault is Fault.JOB_FAILED:
            raise MootechError("the job was ended before it had delivered anything")
        rows = 0
        with TemporaryDirectory(prefix="mootech-job-") as work:
            for number, frame in enumerate(self._files(order)):
                file = Path(work) / f"part-{number:05d}.parquet"
                frame.write_parquet(file)
                rows += frame.height
                if number == 0 and fault is Fault.JOB_SHORT:
                    continue
                if number == 0 and fault is Fault.JOB_TRUNCATED:
                    whole = file.read_bytes()
                    file.write_bytes(whole[: len(whole) // 2])
                key = f"{order.directory}/{file.name}".lstrip("/")
                self._buckets.put(order.bucket, key, file)
        return rows

    def _files(self, order: Order) -> Iterator[pl.DataFrame]:
        """Yield the rows of each file: those of several days, as long as these have the same columns and are few."""
        held: list[pl.DataFrame] = []
        for day in order.days:
            frame = self._shop.frame(order.table, day, today=order.today)
            if held and (held[0].schema != frame.schema or sum(each.height for each in held) >= _FILE_ROWS):
                yield pl.concat(held)
                held = []
            held.append(frame)
        yield pl.concat(held)
