"""The files of an export: they are downloaded from the destination, split into days and staged like pages.

A delivery is accepted only when every file is whole and, where the service declares a number of rows, has them all.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from mootech.errors import RefusedError
from mootech.lake.disk import mapped
from mootech.lake.rows import POLARS_ERRORS
from mootech.lake.stores.store import Store
from mootech.layers.bronze.exports.rows import DAY, day_of_row, json_rows, shaped
from mootech.layers.bronze.staging import StagedDay
from mootech.model import DayRange
from mootech.qa.contract import delivered_schema
from mootech.source.pages import parse_page
from mootech.tables import TableSpec

_MOST_BYTES = 2**30
"""Limit of one file, which passes through memory."""
_PATH_DAY = re.compile(r"/utc_date=([0-9]{4}-[0-9]{2}-[0-9]{2})/")


class NotWholeError(Exception):
    """The service calls an export complete, and its files are not all there, or not whole."""


@dataclass(frozen=True)
class DeliveredFile:
    """One file of a delivery, on local disk."""

    path: Path
    name: str
    """Its name in the destination, for messages."""
    day: str | None
    """The day in the name of its folder (`utc_date=…`), for files without that column."""


@dataclass(frozen=True)
class Delivery:
    """The files of one export: rows of one table and a range of days."""

    table: TableSpec
    days: DayRange
    files: Sequence[DeliveredFile]
    declared: int | None
    """Rows as declared by the service; None when it declares none."""

    def check(self) -> None:
        """Compare the rows that are there with the number declared.

        Raises:
            NotWholeError: the numbers differ, or there is no file and the service did not declare zero rows.

        """
        if not self.files and self.declared != 0:
            raise NotWholeError("it delivered no file")
        rows = 0
        for file in self.files:
            with _reading(file):
                rows += (
                    pl.scan_parquet(file.path, glob=False, hive_partitioning=False).select(pl.len()).collect().item()
                )
        if self.declared is not None and rows != self.declared:
            raise NotWholeError(f"its files hold {rows:,} rows, {self.declared:,} were declared")

    def stage(self, day: date, staged: StagedDay) -> None:
        """Stage the rows of one day as pages.

        Raises:
            NotWholeError: a file cannot be read.
            IncompleteError, RefusedError: no page could hold such rows.
            StoreError: the pages cannot be kept on local disk.

        """
        # The declared number is of the whole range; a day has a total only where it is the whole range.
        total = self.declared if len(self.days) == 1 else None
        number, held = 1, None
        for rows in self._pages(day, staged.page_size):
            if held is not None:
                _add(staged, number, held, total, last=False)
                number += 1
            held = rows
        _add(staged, number, held or [], total, last=True)

    def _pages(self, day: date, size: int) -> Iterator[list[str]]:
        """Yield the JSON rows of a day, file by file."""
        contract = delivered_schema(self.table)
        for file in self.files:
            with _reading(file):
                rows = self._of_day(file, day)
                for first in range(0, rows.height, size):
                    yield json_rows(shaped(rows[first : first + size], contract))

    def _of_day(self, file: DeliveredFile, day: date) -> pl.DataFrame:
        """Return a file's rows of one day.

        Rows of days that were not ordered go to the first day, where the gate rejects them.
        """
        lazy = _scan(file)
        schema = lazy.collect_schema()
        named, ordered = day_of_row(schema, file.day), [each.isoformat() for each in self.days]
        belongs = pl.when(named.is_in(ordered)).then(named).otherwise(pl.lit(self.days.first.isoformat()))
        rows = lazy.filter(belongs == day.isoformat()).collect()
        return rows if DAY in schema or file.day is None else rows.with_columns(pl.lit(file.day).alias(DAY))


def download(store: Store, directory: str, work: Path) -> list[DeliveredFile]:
    """Copy the Parquet files of a directory into a local folder, in the order of their names.

    Raises:
        NotWholeError: a file changed while it was read.
        RefusedError: a file is too large.
        StoreError: the destination or the local disk failed.

    """
    files: list[DeliveredFile] = []
    for entry in store.list(f"{directory}/"):
        name = entry.key.rpartition("/")[2]
        # Spark leaves files of its own (_SUCCESS, .crc) beside the data.
        if not name.endswith(".parquet") or name.startswith(("_", ".")):
            continue
        if entry.size > _MOST_BYTES:
            raise RefusedError(
                f"{store.uri(entry.key)} is larger than {_MOST_BYTES // 2**20:,} MB",
                hint="Nothing was published. Ask for fewer days in one job (days_per_job under [jobs]).",
            )
        data = store.read(entry.key)
        if len(data) != entry.size:
            raise NotWholeError(f"{name} was still written to")
        path = work / f"{len(files):05d}.parquet"
        with mapped(f"writing {path}"):
            path.write_bytes(data)
        day = _PATH_DAY.search(entry.key)
        files.append(DeliveredFile(path, name, day[1] if day else None))
    return files


def remove(store: Store, directory: str) -> None:
    """Remove everything in a directory of the destination.

    Raises:
        StoreError: the destination failed.

    """
    for entry in store.list(f"{directory}/"):
        store.delete(entry.key)


def _add(staged: StagedDay, number: int, rows: Sequence[str], total: int | None, *, last: bool) -> None:
    cursor = None if number == 1 else str(number)
    following = "null" if last else f'"{number + 1}"'
    declared = "null" if total is None else total
    body = f'{{"data":[{",".join(rows)}],"next_cursor":{following},"total":{declared}}}'.encode()
    # Parsed exactly like a network page, so that a resume accepts it.
    staged.add(parse_page(body, number, cursor))


def _scan(file: DeliveredFile) -> pl.LazyFrame:
    return pl.scan_parquet(file.path, glob=False, hive_partitioning=False)


@contextmanager
def _reading(file: DeliveredFile) -> Iterator[None]:
    try:
        yield
    except POLARS_ERRORS as exc:
        raise NotWholeError(f"{file.name} is damaged") from exc
