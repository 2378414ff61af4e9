"""Silver's event tables: one UTC day of bronze in, the same rows out with real types. Columns: docs/silver.md."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import polars as pl

from mootech.engines.duckdb import deriving
from mootech.tables import TableSpec
from mootech.tables.spec import UTC_DATE


def file(table: TableSpec) -> str:
    """Return the .sql file that makes the table's silver."""
    return f"silver_{table}.sql"


def finished(table: TableSpec, day: date, rows: pl.DataFrame) -> pl.DataFrame:
    """Return one day's rows as they are published: sorted, and without the day, which stands in the path.

    Raises:
        ValueError: rows of another day are among them, as they are when bronze was not read by its partitions.

    """
    if (rows[UTC_DATE] != day).any():
        raise ValueError(f"rows of other days than {day}")
    rows = rows.drop(UTC_DATE)
    order = table.silver.order
    return rows if _is_sorted(rows.select(order)) else rows.sort(order)


def _is_sorted(rows: pl.DataFrame) -> bool:
    """Say whether each row comes after the one before it, by all columns from the first to the last."""
    # Mostly they do, coming from bronze; asking costs a tenth of sorting.
    follows = pl.lit(value=False)
    for name in reversed(rows.columns):
        now, before = pl.col(name), pl.col(name).shift(1)
        follows = (now > before) | ((now == before) & follows)
    return bool(rows.select(follows.slice(1).all()).item())


@contextmanager
def remaking() -> Iterator[Callable[[TableSpec, date, pl.DataFrame], pl.DataFrame]]:
    """Yield what makes a day of silver from the rows of its bronze, as it is published, without a lake open for it."""
    with deriving() as derive:
        yield lambda table, day, bronze: finished(table, day, derive(file(table), day, bronze))
