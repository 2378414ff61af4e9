"""One lake: open it, see what it holds, publish into it under its lock."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import polars as pl

from mootech.errors import EmptyLakeError, MootechError, StoreError, UsageError
from mootech.lake import parquet
from mootech.lake.catalog import Catalog, Held
from mootech.lake.copies import Copies
from mootech.lake.disk import UNFINISHED, make_folder, mapped, private_folder, scratch_file
from mootech.lake.locks.lease import LockPolicy
from mootech.lake.locks.runlock import BucketLock, DirectoryLock, Fence, HostLocks
from mootech.lake.locks.shard import Shard
from mootech.lake.paths import (
    FORMAT_KEY,
    OWN,
    PROBES,
    RUNS,
    TEMPORARY,
    Layer,
    aside_key,
    belongs,
    object_key,
    run_key,
    table_prefix,
)
from mootech.lake.publishing import DayRows, Publisher
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store, put_bytes
from mootech.model import FORMAT_VERSION, Lineage, Receipt
from mootech.tables import TableSpec

__all__ = ["DayRows", "Held", "Lake", "Layer"]

RUNS_KEPT = 100
_LEFTOVER_SECONDS = 3600


class Lake:
    """A lake in a directory or on S3. `warnings` collects what a person should be told at the end of the command.

    Reading needs no lock. Everything that publishes stands inside `with lake.lock(…)`, on a lake opened for writing.
    """

    def __init__(
        self,
        store: Store,
        *,
        state_dir: Path,
        write: bool = False,
        policy: LockPolicy | None = None,
        shard: Shard | None = None,
    ) -> None:
        """Open the lake that the store holds; `open` does it from an address, with the same errors.

        `policy` is that of the run lock, which only tests have a reason to set. `shard` is the slice of a backfill
        that this run works on, beside others.
        """
        self._shard = shard
        self.store = store
        self.warnings: list[str] = []
        self._write = write
        self._fence: Fence | None = None
        address = f"{store.endpoint} {store.url}"
        self._state = state_dir / "lakes" / hashlib.sha256(address.encode()).hexdigest()[:16]
        folder = store.folder
        # Files that are to be put are made on the store's own file system, where there is one.
        self._work = self._state / "work" if folder is None else folder / TEMPORARY
        self._lock: BucketLock | DirectoryLock
        if folder is None:
            host = HostLocks(self._state, policy or LockPolicy(), shard)
            self._lock = BucketLock(store, host, self._work, self.warnings)
        else:
            self._lock = DirectoryLock(HostLocks(folder / OWN, policy or LockPolicy(), shard))
        if write:
            self._make_writable()
        self._check_format()
        self._catalog = Catalog(store, self._work)
        self._publisher = Publisher(store, self._catalog, self._work, self._check_fence)

    @property
    def is_shared(self) -> bool:
        """Whether other runs may work on the lake at the same time, each on its own slice of days."""
        return self._shard is not None

    @property
    def workspace(self) -> Path:
        """The lake's own folder on this host's disk, which may not exist yet: staged pages, blocked days, scratch."""
        return self._state

    def own_folder(self, name: str) -> Path:
        """Return a folder of the workspace that no run beside this one uses; it may not exist yet."""
        return self._state / (name if self._shard is None else f"{name}-{self._shard.name}")

    @classmethod
    def open(
        cls,
        url: str,
        *,
        state_dir: Path,
        write: bool = False,
        policy: LockPolicy | None = None,
        shard: Shard | None = None,
    ) -> Self:
        """Open the lake at an address; `write` makes what is missing and proves that it can be written.

        Raises:
            EmptyLakeError: nothing is there (reading only).
            UsageError: the address is none, or a newer mootech made the lake.
            StoreError: not writable, bucket missing, no credentials, endpoint out of reach (within 15 seconds).

        """
        # What is open in the journal of a slice belongs to that slice: others are at work beside it.
        journal = state_dir / ("uploads" if shard is None else f"uploads-{shard.name}")
        store = open_store(url, journal=journal)
        return cls(store, state_dir=state_dir, write=write, policy=policy, shard=shard)

    def held(self, layer: Layer, table: str) -> dict[date, Held]:
        """Return the table's partitions by UTC day, oldest first, from one fresh listing."""
        return self._catalog.held(layer, table)

    def known(self, layer: Layer, table: str) -> Mapping[date, Held]:
        """Return the table's partitions as the last listing and what was published since say; list it if none has."""
        return self._catalog.known(layer, table)

    def partition(self, layer: Layer, table: str, day: date) -> Held | None:
        """Return one of the table's days, as the last listing and what was published since say."""
        return self._catalog.partition(layer, table, day)

    def held_object(self, layer: Layer, name: str) -> Held | None:
        """Return an object that has no days (silver/users, results/…), None when there is none."""
        return self._catalog.single(layer, name)

    def held_results(self) -> dict[str, Held]:
        """Return the reports' objects by name, from one fresh listing."""
        return self._catalog.results()

    def recorded(self, layer: Layer, name: str) -> frozenset[str]:
        """Return what the stored manifest says was published, gone or not: ISO days, or names of single objects."""
        return self._catalog.recorded(layer, name)

    def invalidate(self, layer: Layer, name: str, day: date | None) -> None:
        """Take an object's footer for unreadable, so that it is built again (`day` None: an object without days)."""
        self._catalog.invalidate(layer, name, day)

    def foreign(self, layer: Layer, table: TableSpec) -> list[str]:
        """Return the keys below the table's folder that mootech would not have put there, and readers would read."""
        entries = self.store.list(table_prefix(layer, table.name))
        return [entry.key for entry in entries if not belongs(layer, table, entry.key)]

    def read(self, key: str) -> pl.DataFrame:
        """Return an object's rows; StoreError when it is missing or not whole."""
        return parquet.read(self.store, key)

    def copies(self, limit_bytes: int) -> Copies | None:
        """Return this host's copies of the lake's objects; None for a lake that is on this host's disk itself."""
        return Copies(self.store, self._state / "copies", limit_bytes) if self.store.folder is None else None

    def publish_day(self, day: DayRows) -> tuple[Receipt, bool]:
        """Publish a day of raw_data; return its receipt, and whether it changed. See `Publisher.day`."""
        return self._publisher.day(day)

    def publish_silver(self, table: str, day: date, frame: pl.DataFrame, lineage: Lineage) -> bool:
        """Publish a day of silver; return whether it was written: only when its content changed."""
        return self._publisher.derived(Layer.SILVER, table, day, frame, lineage)

    def publish_object(self, layer: Layer, name: str, frame: pl.DataFrame, lineage: Lineage) -> bool:
        """Publish an object that has no days; return whether it was written: only when its content changed."""
        return self._publisher.derived(layer, name, None, frame, lineage)

    def set_aside(self, name: str) -> None:
        """Keep a report as it stands, before it is published anew. Needs the lock."""
        data = self.store.read(object_key(Layer.RESULTS, name))
        self._check_fence()
        put_bytes(self.store, aside_key(name), data, self._work)

    def read_aside(self, name: str) -> pl.DataFrame | None:
        """Return a report's rows as they were before it last changed; None where it never has."""
        key = aside_key(name)
        return None if self.store.head(key) is None else self.read(key)

    @contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold the lake's run lock for the body; `what` names the command to those who wait.

        Raises:
            LockHeldError: another run holds it; the message names its host, process, start and command.
            StoreError: the store failed.

        """
        if not self._write:
            raise MootechError("a lake opened for reading was asked for its lock")
        with self._lock.hold(what) as fence:
            if self._shard is None:
                # Beside other slices it could be theirs.
                self._remove_leftovers()
            # A killed run's open upload costs money, not truth: that it cannot be aborted now must not stop a run.
            with suppress(StoreError):
                self.store.recover()
            # What was read before the lock may have been written since.
            self._catalog.forget()
            self._fence = fence
            try:
                yield
            finally:
                self._fence = None

    def lock_holder(self) -> str | None:
        """Return who holds the run lock, as one line; None when nobody does."""
        holder = self._lock.holder()
        return None if holder is None else str(holder)

    def record_run(self, entry: dict[str, Any]) -> None:
        """Add an entry, with its sortable `run_id`, to the run history; the newest hundred stay."""
        put_bytes(self.store, run_key(entry["run_id"]), json.dumps(entry, sort_keys=True).encode(), self._work)
        for old in self.store.list(RUNS)[:-RUNS_KEPT]:
            self.store.delete(old.key)

    def last_run(self) -> dict[str, Any] | None:
        """Return the newest entry of the run history; None when there is none, or it is unreadable."""
        runs = self.store.list(RUNS)
        try:
            entry = json.loads(self.store.read(runs[-1].key)) if runs else None
        except ValueError:
            return None
        return entry if isinstance(entry, dict) else None

    def save_manifests(self) -> None:
        """Store what this run knows of the footers: last, and only where it changed. Needs the lock."""
        self._catalog.save(self._check_fence)

    def _check_fence(self) -> None:
        if self._fence is None:
            raise MootechError("something was to be published without the lake's lock")
        self._fence()

    def _make_writable(self) -> None:
        if self.store.folder is None:
            private_folder(self._work)
            probe = f"{PROBES}{uuid4().hex}"
            put_bytes(self.store, probe, b"", self._work)
            self.store.delete(probe)
        else:
            with mapped(f"writing to {self.store.url}"):
                make_folder(self._work)
                with scratch_file(self._work) as file:
                    file.touch()
        if self.store.head(FORMAT_KEY) is None:
            self.store.create(FORMAT_KEY, json.dumps({"format": FORMAT_VERSION}).encode())

    def _check_format(self) -> None:
        if self.store.head(FORMAT_KEY) is None:
            msg = f"there is no lake at {self.store.url}"
            raise EmptyLakeError(msg, hint="Fill it with `mootech ingest`, or check --lake and MOOTECH_LAKE.")
        try:
            version = json.loads(self.store.read(FORMAT_KEY))["format"]
            newer = version > FORMAT_VERSION
        except (ValueError, TypeError, KeyError) as exc:
            msg = f"{self.store.uri(FORMAT_KEY)} does not say what format the lake has"
            hint = f'Nothing was changed. If this is a lake of mootech, make it {{"format": {FORMAT_VERSION}}}.'
            raise StoreError(msg, hint=hint) from exc
        if newer:
            msg = f"the lake at {self.store.url} has format {version}; this mootech knows {FORMAT_VERSION}"
            raise UsageError(msg, hint="Nothing was changed. Upgrade mootech on this machine.")

    def _remove_leftovers(self) -> None:
        for folder in self._state.glob("*-shard-*"):
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
        # Of runs that were killed. Younger files may belong to a command that is just opening the lake.
        with suppress(OSError):
            folders = (self._work.parent, *self._state.glob("*"), *self._state.glob("*/*"))
            for file in chain(self._work.iterdir(), *(folder.glob(UNFINISHED) for folder in folders)):
                if time.time() - file.stat().st_mtime > _LEFTOVER_SECONDS:
                    file.unlink(missing_ok=True)
