"""Bronze for tests of what is built on it: days of rows published into a real lake, without a source or a gate."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from mootech.engines.duckdb import DuckDB, deriving
from mootech.lake.lake import DayRows, Lake
from mootech.lake.paths import Layer, partition_key
from mootech.layers.gold.library import packaged
from mootech.layers.gold.report import Request, report
from mootech.layers.silver import days as silver_days
from mootech.outcomes import ReportResult
from mootech.qa.contract import bronze_schema
from mootech.tables import TableSpec
from tests.rows import DAY

REJECTS = pl.Schema({"reasons": pl.List(pl.String()), "raw": pl.String()})


@dataclass(frozen=True)
class Workshop:
    """A lake under its lock, and an engine that reads it."""

    lake: Lake
    engine: DuckDB

    def publish(self, table: TableSpec, day: date, rows: Sequence[dict[str, Any]], *, bad: int = 0) -> str:
        """Publish rows, as tests/rows.py makes them, as bronze of the day; return their content hash.

        `bad` rows beside them go to quarantine.
        """
        schema = bronze_schema(table)
        frame = pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
        raw = [f'{{"bad": {number}}}' for number in range(bad)]
        rejects = pl.DataFrame({"reasons": [["row:not_an_object"]] * bad, "raw": raw}, schema=REJECTS)
        receipt, _ = self.lake.publish_day(
            DayRows(table, day, frame, rejects, fetched=len(rows) + bad, duplicates=0, source_total=None)
        )
        return receipt.content_hash

    def stamps(self, prefix: str) -> dict[str, str]:
        """Return the version of every object below a folder: equal stamps mean that nothing was written."""
        return {entry.key: entry.version for entry in self.lake.store.list(prefix)}

    def remove(self, table: TableSpec, day: date) -> None:
        """Delete a day of bronze, as somebody with access to the store could."""
        self.lake.store.delete(partition_key(Layer.RAW, table.name, day))


@contextmanager
def workshop(url: str, state_dir: Path) -> Iterator[Workshop]:
    """Open a lake for writing, take its lock, and open an engine for it."""
    lake = Lake.open(url, state_dir=state_dir, write=True)
    copies = lake.copies(2**30)
    with lake.lock("test"), DuckDB.opened(lake.store, state_dir=state_dir, copies=copies) as engine:
        yield Workshop(lake, engine)


def noon(day: date) -> int:
    """Return the Unix seconds of a day's noon, UTC."""
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())


def silver_of(table: TableSpec, bronze: pl.DataFrame, day: date = DAY) -> pl.DataFrame:
    """Return what rows of bronze, all of one day, are in silver, without last_modified."""
    with deriving() as derive:
        return silver_days.finished(table, day, derive(silver_days.recipe_of(table), day, bronze))


def sales(lake: Lake, engine: DuckDB, products: Sequence[str] = ()) -> tuple[ReportResult, ...]:
    """Make the sales report on 31 March 2024."""
    return report(lake, engine, Request(packaged()["sales"], products), date(2024, 3, 31))
