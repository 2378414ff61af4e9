"""A process that reads one table of a lake again and again, as people's own tools do, until its stdin ends.

    python -m tests.faults.reader duckdb|polars|mootech LAKE STATE_DIR

Every line it prints is one read: {"days": {"<utc_date>": [rows, sum of amount, least and greatest difference of amount
and the number in order_id]}, "repeated": reads before it that failed}. DuckDB and Polars open an object more than once
for one read, and fail when it was replaced in between; then they are asked again, which a person would do as well.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import duckdb
import polars as pl
import s3fs

from mootech.lake.lake import Lake
from mootech.lake.paths import Layer

TABLE = "transactions"
_MOST_FAILURES = 100
"""In a row; an object is not replaced that often."""

Read = Callable[[], dict[str, list[int]]]

_SQL = """
    SELECT utc_date::VARCHAR, count(*), sum(amount), min(amount - order_id[2:]::BIGINT),
           max(amount - order_id[2:]::BIGINT)
    FROM {} GROUP BY ALL
"""


def _duckdb(lake: str, _: Path) -> Read:
    def read() -> dict[str, list[int]]:
        # One for each read: by default an open one keeps blocks of files, and looks at seconds to see a change.
        with duckdb.connect() as connection:
            if "://" in lake:
                connection.register_filesystem(s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True))
                # Several would share the one position of a file that s3fs has opened, and read at each other's places.
                connection.execute("SET threads = 1")
            rows = f"read_parquet('{lake}/raw_data/{TABLE}/*/*.parquet', hive_partitioning = true)"
            return {day: list(map(int, found)) for day, *found in connection.sql(_SQL.format(rows)).fetchall()}

    return read


def _summed(rows: pl.LazyFrame) -> pl.DataFrame:
    difference = pl.col("amount") - pl.col("order_id").str.slice(1).cast(pl.Int64)
    sums = (pl.len(), pl.col("amount").sum(), difference.min().alias("least"), difference.max().alias("greatest"))
    return rows.group_by("utc_date").agg(sums).collect()


def _polars(lake: str, _: Path) -> Read:
    options = {"aws_allow_http": "true"} if "://" in lake else None

    def read() -> dict[str, list[int]]:
        rows = pl.scan_parquet(f"{lake}/raw_data/{TABLE}/", storage_options=options)
        return {str(day): found for day, *found in _summed(rows).rows()}

    return read


def _mootech(lake: str, state: Path) -> Read:
    opened = Lake.open(lake, state_dir=state)

    def read() -> dict[str, list[int]]:
        held = opened.held(Layer.RAW, TABLE)
        rows = [opened.read(each.key).lazy().with_columns(utc_date=day) for day, each in held.items()]
        return {str(day): found for frame in rows for day, *found in _summed(frame).rows()}

    return read


ENGINES = {"duckdb": _duckdb, "polars": _polars, "mootech": _mootech}


def main(engine: str, lake: str, state: str) -> None:
    """Read until stdin ends."""
    read = ENGINES[engine](lake, Path(state))
    end = Thread(target=sys.stdin.read)
    end.start()
    failures = 0
    while end.is_alive():
        try:
            line = json.dumps({"days": read(), "repeated": failures})
        # Polars panics on some files that change while it reads them; DuckDB quotes bytes of them that are no UTF-8.
        except (duckdb.Error, UnicodeDecodeError, pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
            failures += 1
            if failures == _MOST_FAILURES:
                raise
        else:
            failures = 0
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
