"""Stores with a fault, as tiny wrappers, and small days to publish into them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

import polars as pl

from mootech.errors import StoreError
from mootech.lake.lake import DayRows
from mootech.lake.store import Entry, Head, Store
from mootech.model import Table

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

    def put(self, key: str, file: Path, metadata: Mapping[str, str]) -> Entry:
        """Pass on."""
        return self.inner.put(key, file, metadata)

    def create(self, key: str, data: bytes) -> bool:
        """Pass on."""
        return self.inner.create(key, data)

    def delete(self, key: str) -> None:
        """Pass on."""
        self.inner.delete(key)

    def uri(self, key: str) -> str:
        """Pass on."""
        return self.inner.uri(key)


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

    def put(self, key: str, file: Path, metadata: Mapping[str, str]) -> Entry:
        """Note and pass on."""
        self.calls.append(("put", key))
        return super().put(key, file, metadata)

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

    def put(self, key: str, file: Path, metadata: Mapping[str, str]) -> Entry:
        """Pass on until the writes are used up."""
        return self._counted(lambda: self.inner.put(key, file, metadata))

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
class BlindStore(Wrapper):
    """Takes every create, as S3 servers do that ignore If-None-Match."""

    def create(self, key: str, data: bytes) -> bool:
        """Store the data whatever stands there."""
        self.inner.delete(key)
        self.inner.create(key, data)
        return True


def day_rows(
    amounts: list[int], *, rejects: tuple[str, ...] = (), duplicates: int = 0, table: Table = Table.TRANSACTIONS
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
