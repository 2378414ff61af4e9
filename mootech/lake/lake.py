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
from mootech.lake import acknowledged, parquet
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
    """A lake in a directory or on S3. `warnings` collects what to tell a person at the end of the command.

    Reading needs no lock. Code that publishes runs inside `with lake.lock(…)`, on a lake opened for writing.
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
        """Open the lake that the store holds. `open` does the same from an address, with the same errors.

        `policy` is the policy of the run lock; only tests set it. `shard` is this run's slice of a backfill; other runs
        may work on the other slices at the same time.
        """
        self._shard = shard
        self.store = store
        self.warnings: list[str] = []
        self._write = write
        self._fence: Fence | None = None
        address = f"{store.endpoint} {store.url}"
        self._state = state_dir / "lakes" / hashlib.sha256(address.encode()).hexdigest()[:16]
        folder = store.folder
        # Files to publish are written on the store's own file system, if it has one, so that a rename publishes them.
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
        """Whether other runs may work on the lake at the same time, each on its own slice of a backfill."""
        return self._shard is not None

    @property
    def workspace(self) -> Path:
        """The lake's own folder on this host's disk, which may not exist yet: staged pages, blocked days, scratch."""
        return self._state

    def own_folder(self, name: str) -> Path:
        """Return a folder of the workspace that no other running command uses; it may not exist yet."""
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
        """Open the lake at an address. With `write`, make what is missing and prove that the lake can be written.

        Raises:
            EmptyLakeError: there is no lake (only without `write`).
            UsageError: the address is not one of a lake, or a newer mootech made the lake.
            StoreError: the lake is not writable, the bucket is missing, there are no credentials, or the endpoint did
                not answer within 15 seconds.

        """
        # Each slice has its own journal, because the uploads of another slice may still be running.
        journal = state_dir / ("uploads" if shard is None else f"uploads-{shard.name}")
        store = open_store(url, journal=journal)
        return cls(store, state_dir=state_dir, write=write, policy=policy, shard=shard)

    def held(self, layer: Layer, table: str) -> dict[date, Held]:
        """Return the table's partitions by UTC day, oldest first, from one fresh listing."""
        return self._catalog.held(layer, table)

    def known(self, layer: Layer, table: str) -> Mapping[date, Held]:
        """Return the partitions of the last listing with what was published since; list the table the first time."""
        return self._catalog.known(layer, table)

    def partition(self, layer: Layer, table: str, day: date) -> Held | None:
        """Return one of the table's days from `known`; None when the lake does not hold it."""
        return self._catalog.partition(layer, table, day)

    def held_object(self, layer: Layer, name: str) -> Held | None:
        """Return an object without days (silver/users, results/…); None when there is none."""
        return self._catalog.single(layer, name)

    def held_results(self) -> dict[str, Held]:
        """Return the reports' objects by name, from one fresh listing."""
        return self._catalog.results()

    def recorded(self, layer: Layer, name: str) -> frozenset[str]:
        """Return what the stored manifest says was published, even if it is gone: ISO days, or names of objects."""
        return self._catalog.recorded(layer, name)

    def invalidate(self, layer: Layer, name: str, day: date | None) -> None:
        """Treat an object's footer as unreadable, so that it is built again. An object without days has `day` None."""
        self._catalog.invalidate(layer, name, day)

    def foreign(self, layer: Layer, table: TableSpec) -> list[str]:
        """Return the keys below the table's folder that mootech did not write but that readers would read."""
        entries = self.store.list(table_prefix(layer, table.name))
        return [entry.key for entry in entries if not belongs(layer, table, entry.key)]

    def read(self, key: str) -> pl.DataFrame:
        """Return an object's rows; StoreError when it is missing or damaged."""
        return parquet.read(self.store, key)

    def copies(self, limit_bytes: int) -> Copies | None:
        """Return this host's copies of the lake's objects; None for a lake in a directory, which needs none."""
        return Copies(self.store, self._state / "copies", limit_bytes) if self.store.folder is None else None

    def publish_day(self, day: DayRows) -> tuple[Receipt, bool]:
        """Publish a day of raw_data; return its receipt and whether it was written. See `Publisher.day`."""
        return self._publisher.day(day)

    def publish_silver(self, table: str, day: date, frame: pl.DataFrame, lineage: Lineage) -> bool:
        """Publish a day of silver if its content changed; return whether it was written."""
        return self._publisher.derived(Layer.SILVER, table, day, frame, lineage)

    def publish_object(self, layer: Layer, name: str, frame: pl.DataFrame, lineage: Lineage) -> bool:
        """Publish an object without days if its content changed; return whether it was written."""
        return self._publisher.derived(layer, name, None, frame, lineage)

    def set_aside(self, name: str) -> None:
        """Keep a copy of a report's present version before a new one is published. Needs the lock."""
        data = self.store.read(object_key(Layer.RESULTS, name))
        self._check_fence()
        put_bytes(self.store, aside_key(name), data, self._work)

    def read_aside(self, name: str) -> pl.DataFrame | None:
        """Return a report's rows as they were before it last changed; None when it never changed."""
        key = aside_key(name)
        return None if self.store.head(key) is None else self.read(key)

    def acknowledged(self, table: str) -> dict[date, str]:
        """Return which of the table's quarantine objects a person has acknowledged: their names by UTC day."""
        return acknowledged.load(self.store, table)

    def acknowledge(self, table: str, day: date, name: str) -> None:
        """Note that a person has acknowledged the day's quarantine object. Needs the lock."""
        known = acknowledged.load(self.store, table) | {day: name}
        self._check_fence()
        acknowledged.save(self.store, table, known, self._work)

    @contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold the lake's run lock for the body; `what` is the command that other runs name as the holder's.

        Raises:
            LockHeldError: another run holds it; the message names its host, process, start and command.
            StoreError: the store failed.

        """
        if not self._write:
            raise MootechError("the lock was asked for on a lake that is open for reading only")
        with self._lock.hold(what) as fence:
            if self._shard is None:
                # A slice removes nothing, because the files may belong to another slice that is running.
                self._remove_leftovers()
            # An open upload of a killed run costs money but does no harm. A failure to abort it must not stop this run.
            with suppress(StoreError):
                self.store.recover()
            # Another run may have written since the catalog was read, because the lock was not held yet.
            self._catalog.forget()
            self._fence = fence
            try:
                yield
            finally:
                self._fence = None

    def lock_holder(self) -> str | None:
        """Return who holds the run lock, as one line of text; None when nobody does."""
        holder = self._lock.holder()
        return None if holder is None else str(holder)

    def record_run(self, entry: dict[str, Any]) -> None:
        """Add an entry, with its sortable `run_id`, to the run history; the newest hundred stay."""
        put_bytes(self.store, run_key(entry["run_id"]), json.dumps(entry, sort_keys=True).encode(), self._work)
        for old in self.store.list(RUNS)[:-RUNS_KEPT]:
            self.store.delete(old.key)

    def last_run(self) -> dict[str, Any] | None:
        """Return the newest entry of the run history; None when there is none or it cannot be read."""
        runs = self.store.list(RUNS)
        try:
            entry = json.loads(self.store.read(runs[-1].key)) if runs else None
        except ValueError:
            return None
        return entry if isinstance(entry, dict) else None

    def save_manifests(self) -> None:
        """Store the manifests that changed. A command does this last. Needs the lock."""
        self._catalog.save(self._check_fence)

    def _check_fence(self) -> None:
        if self._fence is None:
            raise MootechError("the lake's lock is needed to publish, and this run does not hold it")
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
            hint = f'Nothing was changed. If mootech made this lake, write {{"format": {FORMAT_VERSION}}} there.'
            raise StoreError(msg, hint=hint) from exc
        if newer:
            msg = f"the lake at {self.store.url} has format {version}; this mootech knows {FORMAT_VERSION}"
            raise UsageError(msg, hint="Nothing was changed. Upgrade mootech on this machine.")

    def _remove_leftovers(self) -> None:
        for folder in self._state.glob("*-shard-*"):
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
        # Killed runs leave these files behind. Younger ones may belong to a command that is just opening the lake.
        with suppress(OSError):
            folders = (self._work.parent, *self._state.glob("*"), *self._state.glob("*/*"))
            for file in chain(self._work.iterdir(), *(folder.glob(UNFINISHED) for folder in folders)):
                if time.time() - file.stat().st_mtime > _LEFTOVER_SECONDS:
                    file.unlink(missing_ok=True)
