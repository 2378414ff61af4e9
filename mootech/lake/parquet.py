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
"""DuckDB's own row group: one thread's work there, and a few MB of memory here."""

SEAL = "mootech.seal"
"""Key of the metadata with the sha256 of mootech's other metadata: a receipt proves the rows, this one the receipt."""

_OWN_METADATA = "mootech."
_WRITER = b"Polars (python) version"
_WRITER_DAMAGE = 8

_MAGIC = b"PAR1"
_TRAILER_BYTES = 8
"""Four bytes of footer length, four of magic."""
_LARGE_BYTES = 32 * 2**20
"""Of an object that is no longer taken apart in memory, where it would be ten times as large."""
_TAIL_BYTES = 32 * 2**10
"""Holds the whole footer of a partition of a few row groups, so that one request reads it."""


class DamagedError(StoreError):
    """An object is there and is not the Parquet file it was."""


def write(rows: Rows, file: Path, metadata: Mapping[str, str]) -> None:
    """Write the rows with their footer metadata, and read back what a reader looks at first: rows and metadata.

    Raises:
        StoreError: the disk failed, or what stands in the file is not what was written.

    """
    with mapped(f"writing {file}"), _writing(file):
        _encode(rows, file, {**metadata, SEAL: _seal(metadata)})
        found = pl.scan_parquet(file, glob=False).select(pl.len()).collect().item()
        held = pl.read_parquet_metadata(file)
    if found != rows.height or not metadata.items() <= held.items():
        msg = f"{file} does not hold what was written to it"
        raise StoreError(msg, hint="Nothing was published. Check the disk and run the command again.")


def _encode(rows: Rows, target: Path | io.BytesIO, metadata: Mapping[str, str]) -> None:
    # The bytes may not depend on the pieces that the rows come in: a spilled day has to give those of one in memory.
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
    """Return rows in memory so that each row group has memory of its own, as it has when they come from files.

    How the writer cuts a list column into pages depends on it: a slice counts with all that it is a slice of.
    """
    if not isinstance(rows, pl.DataFrame) or not rows.height or not any(each.is_nested() for each in rows.dtypes):
        return rows
    groups = [each[pl.int_range(each.height, eager=True)] for each in rows.iter_slices(ROW_GROUP_ROWS)]
    return pl.concat(groups, rechunk=False)


@dataclass(frozen=True)
class Inspected:
    """An object, read whole and taken apart."""

    rows: Rows
    footer: Mapping[str, str]
    """Key-value metadata."""
    intact: bool
    """False when a byte is not as it was written, be it only in the statistics that readers skip rows by; True also
    where that cannot be known, because another version of Polars wrote the object."""


def inspect(store: Store, key: str, *, scratch: Path | None = None) -> Inspected:
    """Read an object once and compare every byte; DamagedError when it cannot be read, StoreError when missing.

    A large one is taken apart piece by piece when there is a local folder for it, `scratch`.
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
    """Say whether an object is byte for byte what its rows give, or was written by another version."""
    writer = again.rfind(_WRITER) - len(again)
    ours, theirs = again[writer:], data[writer:]
    # Two versions differ in most digits of their build; a damaged byte or two in this very text are damage.
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
        # A footer of many row groups. One that claims to be longer than its object comes back short, and is damaged.
        tail = store.read_tail(key, length)
    with _reading(store, key):
        # The reader insists on a file's head; the metadata are all in the tail.
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
    """Tell a local disk that fails from an object that cannot be read; in one query both are Polars' errors."""
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
        hint = "Run `mootech verify` to see what else is, and `mootech ingest --repair` to rebuild it."
        raise DamagedError(msg, hint=hint) from exc


def _first_line(exc: BaseException) -> str:
    return next(iter(str(exc).splitlines()), type(exc).__name__)
