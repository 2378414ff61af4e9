"""Silver's event tables: one UTC day of bronze becomes the same rows with real types. Columns: docs/silver.md."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache

import polars as pl

from mootech.engines.duckdb import Derive, deriving
from mootech.engines.recipe import Recipe, read_recipe
from mootech.tables import TableSpec
from mootech.tables.spec import UTC_DATE


@cache
def recipe_of(table: TableSpec) -> Recipe:
    """Return the recipe of the table's silver: `<name>.sql` beside this file."""
    return read_recipe(__package__, f"{table}.sql")


def finished(table: TableSpec, day: date, rows: pl.DataFrame) -> pl.DataFrame:
    """Return one day's rows as they are published: sorted, and without `utc_date`, which is in the path.

    Raises:
        ValueError: some rows are of another day. This happens when `utc_date` was not read from bronze's partitions.

    """
    if (rows[UTC_DATE] != day).any():
        raise ValueError(f"rows of other days than {day}")
    rows = rows.drop(UTC_DATE)
    order = table.silver.order
    return rows if _is_sorted(rows.select(order)) else rows.sort(order)


def _is_sorted(rows: pl.DataFrame) -> bool:
    """Say whether each row comes after the one before it, comparing all columns from the first to the last."""
    # Rows from bronze are usually sorted, and this check takes a tenth of the time of sorting.
    follows = pl.lit(value=False)
    for name in reversed(rows.columns):
        now, before = pl.col(name), pl.col(name).shift(1)
        follows = (now > before) | ((now == before) & follows)
    return bool(rows.select(follows.slice(1).all()).item())


@dataclass(frozen=True)
class Remaking:
    """Makes silver again from bronze rows in memory, without an engine for the lake: see verify.objects.Remake."""

    derive: Derive

    def __call__(self, table: TableSpec, day: date, bronze: pl.DataFrame) -> pl.DataFrame:
        """Return a UTC day's silver as it is published, without `last_modified`, from the day's bronze rows."""
        return finished(table, day, self.derive(recipe_of(table), day, bronze))

    def recipe(self, table: TableSpec) -> Recipe:
        """Return the recipe of the table's silver."""
        return recipe_of(table)


@contextmanager
def remaking() -> Iterator[Remaking]:
    """Yield a Remaking that works until the end of the block."""
    with deriving() as derive:
        yield Remaking(derive)
