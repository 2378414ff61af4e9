"""The rows of one partition on their way into the lake: in memory, or in files when they are too many for memory."""

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
"""What Polars raises about files. On some damaged files it panics instead of raising a PolarsError."""


class Rows(Protocol):
    """Rows in a fixed order that can be read as often as needed. A pl.DataFrame has the same methods."""

    @property
    def height(self) -> int:
        """The number of rows."""

    @property
    def schema(self) -> pl.Schema:
        """The columns and their types."""

    def lazy(self) -> pl.LazyFrame:
        """Return the rows for a query."""

    def iter_slices(self, n_rows: int) -> Iterator[pl.DataFrame]:
        """Yield the rows in pieces of `n_rows`; the last one may be shorter."""


@dataclass(frozen=True)
class SpilledRows:
    """Rows on local disk that are loaded into memory piece by piece."""

    frame: pl.LazyFrame
    """A scan of the rows' files."""
    height: int

    @property
    def schema(self) -> pl.Schema:
        """The columns and their types."""
        return self.frame.collect_schema()

    def lazy(self) -> pl.LazyFrame:
        """Return the rows for a query."""
        return self.frame

    def iter_slices(self, n_rows: int) -> Iterator[pl.DataFrame]:
        """Yield the rows in pieces of `n_rows`; the last one may be shorter."""
        for start in range(0, self.height, n_rows):
            yield collected(self.frame.slice(start, n_rows))


def write_spilled(rows: pl.DataFrame, file: Path) -> None:
    """Write rows to a new file that only its owner may read. `read_spilled` reads it.

    Raises:
        StoreError: the disk failed.

    """
    with _local(f"writing {file}"):
        file.touch(mode=0o600)
        # Batches are small, so that reading a slice loads few rows beyond it.
        rows.write_ipc(file, compression="lz4", record_batch_size=_BATCH_ROWS)


def read_spilled(*files: Path) -> pl.LazyFrame:
    """Return the rows of the files, in the files' order, for a query."""
    return pl.scan_ipc(list(files), glob=False)


def collected(frame: pl.LazyFrame) -> pl.DataFrame:
    """Load spilled rows into memory; StoreError when the disk failed."""
    with _local("reading rows from the local disk"):
        return frame.collect()


@contextmanager
def _local(doing: str) -> Iterator[None]:
    """Turn what Polars raises when the local disk fails into StoreError."""
    try:
        with mapped(doing):
            yield
    except POLARS_ERRORS as exc:
        hint = "What was published is intact. Free space there and run the command again."
        raise StoreError(f"{doing} failed: {next(iter(str(exc).splitlines()), '')}", hint=hint) from exc
