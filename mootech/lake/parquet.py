"""Parquet as the lake writes it: the same frame gives the same bytes, checked before it is published."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

import polars as pl

from mootech.errors import StoreError
from mootech.lake.disk import ScratchError, mapped, scratch_file
from mootech.lake.rows import POLARS_ERRORS, Rows, SpilledRows
from mootech.lake.stores.store import Store

ROW_GROUP_ROWS = 122_880
"""DuckDB's default row group size: one thread reads one group, and writing one takes a few MB of memory."""

SEAL = "mootech.seal"
"""Metadata key of the sha256 of mootech's other metadata. The receipt proves the rows, the seal proves the receipt."""

_OWN_METADATA = "mootech."
_WRITER = b"Polars (python) version"
_WRITER_DAMAGE = 8

_MAGIC = b"PAR1"
_TRAILER_BYTES = 8
"""Four bytes of footer length, four of magic."""
_LARGE_BYTES = 32 * 2**20
"""From this size on, an object is checked in pieces on disk, because in memory it would be ten times as large."""
_TAIL_BYTES = 32 * 2**10
"""Holds the whole footer of a partition of a few row groups, so that one request reads it."""


class DamagedError(StoreError):
    """An object exists, but it is not the Parquet file that was written."""


def write(rows: Rows, file: Path, metadata: Mapping[str, str]) -> None:
    """Write the rows with their footer metadata, then check the row count and the metadata in the file.

    Raises:
        StoreError: the disk failed, or the file does not hold what was written.

    """
    with mapped(f"writing {file}"), _writing(file):
        _encode(rows, file, {**metadata, SEAL: _seal(metadata)})
        found = pl.scan_parquet(file, glob=False).select(pl.len()).collect().item()
        held = pl.read_parquet_metadata(file)
    if found != rows.height or not metadata.items() <= held.items():
        msg = f"{file} does not hold what was written to it"
        raise StoreError(msg, hint="Nothing was published. Check the disk and run the command again.")


def _encode(rows: Rows, target: Path | io.BytesIO, metadata: Mapping[str, str]) -> None:
    # The bytes must not depend on how the rows are chunked: a spilled day must give the same bytes as one in memory.
    _in_groups(rows).lazy().sink_parquet(
        target,
        compression="zstd",
        # Level 3 takes 40 % more time for a few percent of size.
        compression_level=1,
        row_group_size=ROW_GROUP_ROWS,
        statistics=True,
        metadata=dict(metadata),
    )


def _in_groups(rows: Rows) -> Rows:
    """Return rows whose row groups each have memory of their own, as they have when they come from files.

    The writer counts a slice of a list column as large as the whole column, and cuts it into other pages.
    """
    if not isinstance(rows, pl.DataFrame) or not rows.height or not any(each.is_nested() for each in rows.dtypes):
        return rows
    groups = [each[pl.int_range(each.height, eager=True)] for each in rows.iter_slices(ROW_GROUP_ROWS)]
    return pl.concat(groups, rechunk=False)


@dataclass(frozen=True)
class Inspected:
    """The rows and the footer of an object, and whether every byte of it is right."""

    rows: Rows
    footer: Mapping[str, str]
    """Key-value metadata."""
    intact: bool
    """False when any byte differs from what was written, also in the statistics that readers use to skip rows. True
    also when that cannot be known, because another version of Polars wrote the object."""


def inspect(store: Store, key: str, *, scratch: Path | None = None) -> Inspected:
    """Read an object once and compare every byte; DamagedError when it cannot be read, StoreError when missing.

    A large object is written again in pieces, to a file in the local folder `scratch`; without it, in memory.
    """
    data = store.read(key)
    with _reading(store, key):
        footer = pl.read_parquet_metadata(io.BytesIO(data))
        own = {name: text for name, text in footer.items() if name.startswith(_OWN_METADATA)}
        sealed = own.get(SEAL) == _seal({name: text for name, text in own.items() if name != SEAL})
        if scratch is None or len(data) < _LARGE_BYTES:
            rows = pl.read_parquet(io.BytesIO(data), hive_partitioning=False)
            again = io.BytesIO()
            _encode(rows, again, own)
            return Inspected(rows, footer, sealed and _as_written(data, again.getvalue()))
        scan = pl.scan_parquet(io.BytesIO(data), hive_partitioning=False)
        pieces = SpilledRows(scan, scan.select(pl.len()).collect().item())
        with scratch_file(scratch, ".parquet") as file:
            with _scratching(file):
                _encode(pieces, file, own)
            with file.open("rb") as handle, mmap(handle.fileno(), 0, access=ACCESS_READ) as written:
                return Inspected(pieces, footer, sealed and _as_written(data, written))


def _seal(metadata: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode()).hexdigest()


def _as_written(data: bytes, again: bytes | mmap) -> bool:
    """Say whether writing the rows again gives the same bytes, or another version of Polars wrote the object."""
    writer = again.rfind(_WRITER) - len(again)
    ours, theirs = again[writer:], data[writer:]
    # Two versions differ in most digits of their build id. If only a few bytes of the text differ, they are damage.
    another = sum(a != b for a, b in zip(ours, theirs, strict=False)) > _WRITER_DAMAGE
    return memoryview(data) == memoryview(again) or another


def read(store: Store, key: str) -> pl.DataFrame:
    """Return the object's rows; DamagedError when they cannot be read, StoreError when it is missing."""
    data = store.read(key)
    with _reading(store, key):
        return pl.read_parquet(io.BytesIO(data), hive_partitioning=False)


def footer(store: Store, key: str) -> dict[str, str]:
    """Return the object's key-value metadata.

    Raises:
        DamagedError: it has no readable footer.
        StoreError: it is missing, or the store failed.

    """
    tail = store.read_tail(key, _TAIL_BYTES)
    length = int.from_bytes(tail[-_TRAILER_BYTES:-4], "little") + _TRAILER_BYTES
    if tail.endswith(_MAGIC) and length > len(tail) == _TAIL_BYTES:
        # The footer has many row groups. If its length is wrong and exceeds the object, reading it fails as damaged.
        tail = store.read_tail(key, length)
    with _reading(store, key):
        # Polars requires the magic bytes at a file's start. All metadata are in the tail.
        return pl.read_parquet_metadata(io.BytesIO(_MAGIC + tail))


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    # Polars reports a full disk as an error of its own.
    try:
        yield
    except POLARS_ERRORS as exc:
        msg = f"writing {file} failed: {_first_line(exc)}"
        raise StoreError(msg, hint="What was published is intact. Free space there and run the command again.") from exc


@contextmanager
def _scratching(file: Path) -> Iterator[None]:
    """Raise ScratchError when the local disk fails. Polars reports that and a damaged object with the same errors."""
    try:
        yield
    except (OSError, *POLARS_ERRORS) as exc:
        if not isinstance(exc, OSError) and "os error" not in str(exc):
            raise
        msg = f"writing {file} failed: {_first_line(exc)}"
        hint = "What was published is intact. Free space there and run the command again."
        raise ScratchError(msg, hint=hint) from exc


@contextmanager
def _reading(store: Store, key: str) -> Iterator[None]:
    try:
        yield
    except POLARS_ERRORS as exc:
        msg = f"{store.uri(key)} is damaged: {_first_line(exc)}"
        hint = "Run `mootech verify` to see what else is damaged, and `mootech ingest --repair` to rebuild it."
        raise DamagedError(msg, hint=hint) from exc


def _first_line(exc: BaseException) -> str:
    return next(iter(str(exc).splitlines()), type(exc).__name__)
