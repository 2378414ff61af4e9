"""Exports: a range of days as Parquet files in a bucket, made in the background, two at a time.

The older service calls an export a job: its requests and answers, the faults' names and the options keep that word.
"""

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
from mootech.sandbox.faults import EXPORT_FAULTS, Draw, Fault
from mootech.sandbox.shop import Shop
from mootech.tables import TableSpec

AT_ONCE: Final = 2
"""Exports that run at the same time; more of them wait for their turn."""
EXPORT_SECONDS: Final = 0.2
"""How long an export takes at least."""

_FILE_ROWS: Final = 20_000
"""Rows after which a new file begins."""


class Status(StrEnum):
    """What `execution_status` can be."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


@dataclass(frozen=True)
class ExportOrder:
    """What one export delivers, and where."""

    table: TableSpec
    days: DayRange
    bucket: str
    directory: str
    """Below the bucket; "" is its root."""
    today: date
    """The UTC day on which it was ordered."""


@dataclass(frozen=True)
class ExportPhase:
    """How far an export is."""

    status: Status
    rows: int | None = None
    """Rows in its files, once they are all there."""
    error: str | None = None
    """Why it failed."""


@dataclass(frozen=True)
class ExportSettings:
    """Where exports go, and how long one takes."""

    buckets: str
    """A folder, or `s3://`; see Buckets."""
    seconds: float = EXPORT_SECONDS
    """How long an export takes at least."""


class Exports:
    """Every export, from its order to its last file. A context manager; leaving it cancels what is not done."""

    def __init__(self, shop: Shop, settings: ExportSettings, faults: Draw | None = None) -> None:
        """Open the service; `faults` decides which exports go wrong."""
        self._shop, self._faults = shop, faults
        self._buckets, self._seconds = Buckets(settings.buckets), settings.seconds
        self._workers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mootech-export")
        self._closing = Event()
        self._mutex = Lock()
        self._exports: dict[str, Future[int] | None] = {}

    def __enter__(self) -> Self:
        """Serve."""
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel the exports that are not done."""
        self._closing.set()
        self._workers.shutdown(cancel_futures=True)

    def start(self, order: ExportOrder) -> str:
        """Take an order; return the export's id."""
        export_id = uuid4().hex
        with self._mutex:
            fault = self._fault(order)
            if fault is Fault.JOB_STUCK:
                self._exports[export_id] = None
            elif fault is not Fault.JOB_LOST:
                self._exports[export_id] = self._workers.submit(self._deliver, order, fault)
        return export_id

    def state(self, export_id: str) -> ExportPhase | None:
        """Return how far an export is; None when there is none with that id."""
        with self._mutex:
            if export_id not in self._exports:
                return None
            export = self._exports[export_id]
        if export is None:
            return ExportPhase(Status.RUNNING)
        if not export.done():
            return ExportPhase(Status.RUNNING if export.running() else Status.QUEUED)
        failure = export.exception()
        if failure is None:
            return ExportPhase(Status.COMPLETE, rows=export.result())
        return ExportPhase(Status.FAILED, error=str(failure))

    def _fault(self, order: ExportOrder) -> Fault | None:
        if self._faults is None:
            return None
        days = f"{order.days.first} {order.days.last}"
        return self._faults.fault(f"job {order.table} {days}", EXPORT_FAULTS)[0]

    def _deliver(self, order: ExportOrder, fault: Fault | None) -> int:
        """Make the files and put them into the bucket; return their rows."""
        if self._closing.wait(self._seconds) or fault is Fault.JOB_FAILED:
            raise MootechError("the job was ended before it had delivered anything")
        rows = 0
        with TemporaryDirectory(prefix="mootech-export-") as work:
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

    def _files(self, order: ExportOrder) -> Iterator[pl.DataFrame]:
        """Yield the rows of each file: those of several days, as long as these have the same columns and are few."""
        held: list[pl.DataFrame] = []
        for day in order.days:
            frame = self._shop.frame(order.table, day, today=order.today)
            if held and (held[0].schema != frame.schema or sum(each.height for each in held) >= _FILE_ROWS):
                yield pl.concat(held)
                held = []
            held.append(frame)
        yield pl.concat(held)
