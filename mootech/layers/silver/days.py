"""Silver's event tables: one UTC day of bronze in, the same rows out with real types. Columns: docs/silver.md."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date

import polars as pl

from mootech.engines.duckdb import deriving
from mootech.model import Table

UTC_DATE = "utc_date"
ORDER: Mapping[Table, tuple[str, str]] = {
    Table.TRANSACTIONS: ("timestamp", "order_id"),
    Table.CLICKSTREAM: ("hit_time", "hit_id"),
}
"""The tables that have one partition per day in silver, and the time and key that sort its rows, as in bronze."""


def file(table: Table) -> str:
    """Return the .sql file that makes the table's silver."""
    return f"silver_{table}.sql"


def finished(table: Table, day: date, rows: pl.DataFrame) -> pl.DataFrame:
    """Return one day's rows as they are published: sorted, and without the day, which stands in the path.

    Raises:
        ValueError: rows of another day are among them, as they are when bronze was not read by its partitions.

    """
    if (rows[UTC_DATE] != day).any():
        raise ValueError(f"rows of other days than {day}")
    rows = rows.drop(UTC_DATE)
    time, key = ORDER[table]
    return rows if _is_sorted(rows[time], rows[key]) else rows.sort(time, key)


def _is_sorted(time: pl.Series, key: pl.Series) -> bool:
    # Mostly they are, coming from bronze; asking costs a tenth of sorting.
    later = time[1:] > time[:-1]
    return bool((later | ((time[1:] == time[:-1]) & (key[1:] > key[:-1]))).all())


@contextmanager
def remaking() -> Iterator[Callable[[Table, date, pl.DataFrame], pl.DataFrame]]:
    """Yield what makes a day of silver from the rows of its bronze, as it is published, without a lake open for it."""
    with deriving() as derive:
        yield lambda table, day, bronze: finished(table, day, derive(file(table), day, bronze))
