"""The rows of one partition on their way into the lake: in memory, or in files where they are too many for that."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from mootech.errors import StoreError
from mootech.lake.disk import mapped

_BATCH_ROWS = 8192

POLARS_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What Polars raises about files; it panics on some damaged ones where it could raise."""


class Rows(Protocol):
    """What a pl.DataFrame is as well: rows in their order, to be read as often as needed."""

    @property
    def height(self) -> int:
        """How many."""

    @property
    def schema(self) -> pl.Schema:
        """Their columns and types."""

    def lazy(self) -> pl.LazyFrame:
        """Return them for a query."""

    def iter_slices(self, n_rows: int) -> Iterator[pl.DataFrame]:
        """Yield them in pieces of so many, the last one shorter."""


@dataclass(frozen=True)
class SpilledRows:
    """Rows that lie on local disk, and come into memory piece by piece."""

    frame: pl.LazyFrame
    """Scans their files."""
    height: int

    @property
    def schema(self) -> pl.Schema:
        """Their columns and types."""
        return self.frame.collect_schema()

    def lazy(self) -> pl.LazyFrame:
        """Return them for a query."""
        return self.frame

    def iter_slices(self, n_rows: int) -> Iterator[pl.DataFrame]:
        """Yield them in pieces of so many, the last one shorter."""
        for start in range(0, self.height, n_rows):
            yield collected(self.frame.slice(start, n_rows))


def write_spilled(rows: pl.DataFrame, file: Path) -> None:
    """Write rows to a new file, which only its owner may read; for `read_spilled`.

    Raises:
        StoreError: the disk failed.

    """
    with _local(f"writing {file}"):
        file.touch(mode=0o600)
        # Small batches, so that a slice of a file costs little more than its rows.
        rows.write_ipc(file, compression="lz4", record_batch_size=_BATCH_ROWS)


def read_spilled(*files: Path) -> pl.LazyFrame:
    """Return the rows of files, one after the other, for a query."""
    return pl.scan_ipc(list(files), glob=False)


def collected(frame: pl.LazyFrame) -> pl.DataFrame:
    """Bring spilled rows into memory; StoreError when the disk failed."""
    with _local("reading rows that wait on the local disk"):
        return frame.collect()


@contextmanager
def _local(doing: str) -> Iterator[None]:
    """Map what Polars raises where the local disk fails."""
    try:
        with mapped(doing):
            yield
    except POLARS_ERRORS as exc:
        hint = "What was published is intact. Free space there and run the command again."
        raise StoreError(f"{doing} failed: {next(iter(str(exc).splitlines()), '')}", hint=hint) from exc
