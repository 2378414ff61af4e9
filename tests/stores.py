"""Stores with a fault, as tiny wrappers, and small days to publish into them."""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TypeVar

import polars as pl

from mootech.errors import StoreError
from mootech.lake.disk import ScratchError, mapped
from mootech.lake.lake import DayRows
from mootech.lake.stores.store import ABSENT, Entry, Head, Store, check_key, check_prefix
from mootech.tables import TRANSACTIONS, TableSpec

T = TypeVar("T")

DAY = date(2024, 2, 29)


@dataclass
class Wrapper:
    """A store that does what the one inside does; each subclass changes one thing."""

    inner: Store

    @property
    def url(self) -> str:
        """The inner store's address."""
        return self.inner.url

    @property
    def endpoint(self) -> str:
        """The inner store's server."""
        return self.inner.endpoint

    @property
    def folder(self) -> Path | None:
        """The inner store's directory."""
        return self.inner.folder

    def list(self, prefix: str) -> list[Entry]:
        """Pass on."""
        return self.inner.list(prefix)

    def head(self, key: str) -> Head | None:
        """Pass on."""
        return self.inner.head(key)

    def read(self, key: str) -> bytes:
        """Pass on."""
        return self.inner.read(key)

    def read_tail(self, key: str, size: int) -> bytes:
        """Pass on."""
        return self.inner.read_tail(key, size)

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Pass on."""
        return self.inner.read_range(key, start, size)

    def download(self, key: str, file: Path) -> Entry:
        """Pass on."""
        return self.inner.download(key, file)

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Pass on."""
        return self.inner.put(key, file, metadata, replaces=replaces)

    def create(self, key: str, data: bytes) -> bool:
        """Pass on."""
        return self.inner.create(key, data)

    def delete(self, key: str) -> None:
        """Pass on."""
        self.inner.delete(key)

    def recover(self) -> None:
        """Pass on."""
        self.inner.recover()

    def uri(self, key: str) -> str:
        """Pass on."""
        return self.inner.uri(key)


class MemoryStore:
    """Objects in memory, with everything a good S3 server does: user metadata, conditions, one winner per create.

    It is nobody's directory, so that a Lake on it takes the lease.
    """

    endpoint = ""
    folder: Path | None = None

    def __init__(self, url: str = "s3://memory/lake") -> None:
        """Begin empty."""
        self.url = url
        self._mutex = Lock()
        self._versions = count(1)
        self._objects: dict[str, tuple[Head, bytes]] = {}

    def list(self, prefix: str) -> list[Entry]:
        """Look through all."""
        check_prefix(prefix)
        with self._mutex:
            return sorted(head.entry for key, (head, _) in self._objects.items() if key.startswith(prefix))

    def head(self, key: str) -> Head | None:
        """Look it up."""
        with self._mutex:
            held = self._objects.get(check_key(key))
            return held[0] if held else None

    def read(self, key: str) -> bytes:
        """Look it up."""
        return self._held(key)[1]

    def read_tail(self, key: str, size: int) -> bytes:
        """Cut the end off."""
        return self.read(key)[-size:]

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Cut the part out."""
        head, data = self._held(key)
        return data[start : start + size], head.entry

    def download(self, key: str, file: Path) -> Entry:
        """Write it out, as it is at one moment."""
        head, data = self._held(key)
        with mapped(f"writing {file}", ScratchError):
            file.write_bytes(data)
        return head.entry

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Replace the object in one step."""
        with mapped(f"reading {file}"):
            data = file.read_bytes()
        with self._mutex:
            held = self._objects.get(check_key(key))
            if replaces not in {None, held[0].entry.version if held else ABSENT}:
                raise StoreError(f"somebody else has written {key}", hint="It is whole.")
            return self._keep(key, data, metadata)

    def create(self, key: str, data: bytes) -> bool:
        """Keep the first one's."""
        with self._mutex:
            if check_key(key) in self._objects:
                return False
            self._keep(key, data, {})
            return True

    def delete(self, key: str) -> None:
        """Drop it."""
        with self._mutex:
            self._objects.pop(check_key(key), None)

    def recover(self) -> None:
        """Do nothing: nothing is ever half done."""

    def uri(self, key: str) -> str:
        """Return an address that nobody else can read."""
        return f"{self.url}/{check_key(key)}"

    def _held(self, key: str) -> tuple[Head, bytes]:
        with self._mutex:
            if check_key(key) not in self._objects:
                raise StoreError(f"there is no {key}", hint="Publish it first.")
            return self._objects[key]

    def _keep(self, key: str, data: bytes, metadata: Mapping[str, str]) -> Entry:
        entry = Entry(key, len(data), str(next(self._versions)))
        self._objects[key] = (Head(entry, dict(metadata)), data)
        return entry


@dataclass
class RecordingStore(Wrapper):
    """Writes down every verb that asks or changes the store, as ("put", key)."""

    calls: list[tuple[str, str]] = field(default_factory=list)

    @property
    def writes(self) -> list[tuple[str, str]]:
        """What changed the store, in order."""
        return [call for call in self.calls if call[0] in {"put", "create", "delete"}]

    def list(self, prefix: str) -> list[Entry]:
        """Note and pass on."""
        self.calls.append(("list", prefix))
        return super().list(prefix)

    def head(self, key: str) -> Head | None:
        """Note and pass on."""
        self.calls.append(("head", key))
        return super().head(key)

    def read(self, key: str) -> bytes:
        """Note and pass on."""
        self.calls.append(("read", key))
        return super().read(key)

    def read_tail(self, key: str, size: int) -> bytes:
        """Note and pass on."""
        self.calls.append(("read_tail", key))
        return super().read_tail(key, size)

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Note and pass on."""
        self.calls.append(("read_range", key))
        return super().read_range(key, start, size)

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Note and pass on."""
        self.calls.append(("put", key))
        return super().put(key, file, metadata, replaces=replaces)

    def create(self, key: str, data: bytes) -> bool:
        """Note and pass on."""
        self.calls.append(("create", key))
        return super().create(key, data)

    def delete(self, key: str) -> None:
        """Note and pass on."""
        self.calls.append(("delete", key))
        super().delete(key)


@dataclass
class CutAfter(Wrapper):
    """Fails for good after so many writes; the last one may have happened without its answer (`lost`)."""

    writes: int = 0
    lost: bool = False

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Pass on until the writes are used up."""
        return self._counted(lambda: self.inner.put(key, file, metadata, replaces=replaces))

    def delete(self, key: str) -> None:
        """Pass on until the writes are used up."""
        self._counted(lambda: self.inner.delete(key))

    def _counted(self, write: Callable[[], T]) -> T:
        if self.writes <= 0:
            if self.lost:
                self.lost = False
                write()
            raise StoreError("the store is gone")
        self.writes -= 1
        return write()


@dataclass
class EveryCall(Wrapper):
    """Hands every verb to `through`, which does it, or does not; each subclass decides."""

    def list(self, prefix: str) -> list[Entry]:
        """List by way of `through`."""
        return self.through(lambda: self.inner.list(prefix))

    def head(self, key: str) -> Head | None:
        """Look by way of `through`."""
        return self.through(lambda: self.inner.head(key))

    def read(self, key: str) -> bytes:
        """Read by way of `through`."""
        return self.through(lambda: self.inner.read(key))

    def read_tail(self, key: str, size: int) -> bytes:
        """Read by way of `through`."""
        return self.through(lambda: self.inner.read_tail(key, size))

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Read by way of `through`."""
        return self.through(lambda: self.inner.read_range(key, start, size))

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Put by way of `through`."""
        return self.through(lambda: self.inner.put(key, file, metadata, replaces=replaces))

    def create(self, key: str, data: bytes) -> bool:
        """Create by way of `through`."""
        return self.through(lambda: self.inner.create(key, data))

    def delete(self, key: str) -> None:
        """Delete by way of `through`."""
        self.through(lambda: self.inner.delete(key))

    def through(self, call: Callable[[], T]) -> T:
        """Do the call."""
        return call()


@dataclass
class FlakyStore(EveryCall):
    """Fails its call number `failing` (from 1; 0: none): that one only, or all from there on (`for_good`).

    The call fails before anything happened, or after it happened and its answer was lost (`lost`).
    """

    failing: int = 0
    for_good: bool = False
    lost: bool = False
    calls: int = 0
    mutex: Lock = field(default_factory=Lock)

    def through(self, call: Callable[[], T]) -> T:
        """Count, and fail when it is time."""
        with self.mutex:
            self.calls += 1
            number = self.calls
        fails = number == self.failing or (self.for_good and number > self.failing > 0)
        if fails and not self.lost:
            raise StoreError(f"call {number} failed", hint="What was published before is intact.")
        result = call()
        if fails:
            raise StoreError(f"the answer to call {number} was lost", hint="What was published before is intact.")
        return result


@dataclass
class DyingStore(Wrapper):
    """Kills its own process with SIGKILL just before its write number `dying` (from 1)."""

    dying: int
    writes: int = 0

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Put, or die."""
        self._live()
        return super().put(key, file, metadata, replaces=replaces)

    def create(self, key: str, data: bytes) -> bool:
        """Create, or die."""
        self._live()
        return super().create(key, data)

    def delete(self, key: str) -> None:
        """Delete, or die."""
        self._live()
        super().delete(key)

    def _live(self) -> None:
        self.writes += 1
        if self.writes == self.dying:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class BlindStore(Wrapper):
    """Takes every create, as S3 servers do that ignore If-None-Match."""

    def create(self, key: str, data: bytes) -> bool:
        """Store the data whatever stands there."""
        self.inner.delete(key)
        self.inner.create(key, data)
        return True


def day_rows(
    amounts: list[int], *, rejects: tuple[str, ...] = (), duplicates: int = 0, table: TableSpec = TRANSACTIONS
) -> DayRows:
    """Return a day of DAY with one row per amount and one reject per raw text."""
    rows = pl.DataFrame(
        {"order_id": [f"o{n}" for n in range(len(amounts))], "amount": amounts, "extra": [None] * len(amounts)},
        schema={"order_id": pl.String, "amount": pl.Int64, "extra": pl.String},
    )
    return DayRows(
        table=table,
        day=DAY,
        rows=rows,
        rejects=pl.DataFrame(
            {"reasons": [["currency"]] * len(rejects), "raw": list(rejects)},
            schema={"reasons": pl.List(pl.String), "raw": pl.String},
        ),
        fetched=len(amounts) + len(rejects) + duplicates,
        duplicates=duplicates,
        source_total=len(amounts) + len(rejects) + duplicates,
    )
