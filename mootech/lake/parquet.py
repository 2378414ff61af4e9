"""Parquet as the lake writes it: the same frame gives the same bytes, checked before it is published."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from mootech.errors import StoreError
from mootech.lake.disk import mapped
from mootech.lake.store import Store

ROW_GROUP_ROWS = 122_880
"""DuckDB's own row group: one thread's work there, and a few MB of memory here."""

_MAGIC = b"PAR1"
_TRAILER_BYTES = 8
"""Four bytes of footer length, four of magic."""
_TAIL_BYTES = 32 * 2**10
"""Holds the whole footer of a partition of a few row groups, so that one request reads it."""

# Polars panics on some damaged files where it could raise.
_POLARS_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


class DamagedError(StoreError):
    """An object is there and is not the Parquet file it was."""


def write(frame: pl.DataFrame, file: Path, metadata: Mapping[str, str]) -> None:
    """Write the frame with its footer metadata, and read back what a reader looks at first: rows and metadata.

    Raises:
        StoreError: the disk failed, or what stands in the file is not what was written.

    """
    with mapped(f"writing {file}"), _writing(file):
        frame.rechunk().write_parquet(
            file,
            compression="zstd",
            # Level 3 takes 40 % more time for a few percent of size.
            compression_level=1,
            row_group_size=ROW_GROUP_ROWS,
            statistics=True,
            metadata=dict(metadata),
        )
        rows = pl.scan_parquet(file, glob=False).select(pl.len()).collect().item()
        held = pl.read_parquet_metadata(file)
    if rows != frame.height or not metadata.items() <= held.items():
        msg = f"{file} does not hold what was written to it"
        raise StoreError(msg, hint="Nothing was published. Check the disk and run the command again.")


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
    except _POLARS_ERRORS as exc:
        msg = f"writing {file} failed: {_first_line(exc)}"
        raise StoreError(msg, hint="What was published is intact. Free space there and run the command again.") from exc


@contextmanager
def _reading(store: Store, key: str) -> Iterator[None]:
    try:
        yield
    except _POLARS_ERRORS as exc:
        msg = f"{store.uri(key)} is damaged: {_first_line(exc)}"
        hint = "Run `mootech verify` to see what else is, and `mootech ingest` for that day to rebuild it."
        raise DamagedError(msg, hint=hint) from exc


def _first_line(exc: BaseException) -> str:
    return next(iter(str(exc).splitlines()), type(exc).__name__)
