"""Silver rebuilt from bronze, all days and one changed day, beside one COPY ... PARTITION_BY of DuckDB."""

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count

import polars as pl

from benchmarks.bench import ROOT, Bench, Contender, Place, check_rows
from benchmarks.child import Run, measured
from benchmarks.data import lakes
from benchmarks.data.orders import transactions
from benchmarks.figures import Limit, Line, Measure
from benchmarks.machine import PYTHON
from mootech.lake.paths import Layer
from mootech.tables import TRANSACTIONS

ROWS = 10_000_000
_FLOOR = Limit(Measure.TIME, 1.5)


def lines(bench: Bench) -> Iterator[Line]:
    """Measure the rebuilding of everything, then of one day."""
    rows = bench.rows(ROWS)
    place = lakes.sales(bench, rows)
    mine, plain = bench.compared(
        Contender("mootech silver", lambda: _everything(place, rows), rows),
        Contender("DuckDB COPY", lambda: _copy(bench, place, rows), rows),
    )
    yield Line("silver", f"silver of {rows:,} transactions, all days", mine, plain, (_FLOOR,))

    # The second day of a fresh draw of orders is the same, whatever comes after it.
    day, frame = lakes.FIRST + timedelta(days=1), _second_day(rows, bench.days(lakes.DAYS))
    changes = count(1)
    mine, plain = bench.compared(
        Contender("mootech silver", lambda: _one_day(place, day, frame, next(changes)), frame.height),
        Contender("DuckDB COPY", lambda: _copy(bench, place, frame.height, day), frame.height),
    )
    lakes.publish(place, [(TRANSACTIONS, day, frame)])
    yield Line("silver", "silver of one changed day", mine, plain)


def _everything(place: Place, rows: int) -> Run:
    """Build all of silver where there is none."""
    shutil.rmtree(lakes.partitions(place, Layer.SILVER, TRANSACTIONS), ignore_errors=True)
    run = place.mootech("silver", "-t", "transactions", "--json")
    check_rows(rows, _written(run), "silver")
    return run


def _one_day(place: Place, day: date, frame: pl.DataFrame, change: int) -> Run:
    """Change a day of bronze, then bring silver up to date."""
    # Cents that no day had before: content that comes back would not be written.
    changed = frame.with_columns(pl.col("total_purchase_usd") + change / 100)
    lakes.publish(place, [(TRANSACTIONS, day, changed)])
    run = place.mootech("silver", "-t", "transactions", "--json")
    check_rows(frame.height, _written(run), "silver")
    return run


def _written(run: Run) -> int:
    days = [day for table in run.told["tables"] for day in table["days"]]
    return sum(day["published"] for day in days if day["status"] == "published")


def _second_day(rows: int, days: int) -> pl.DataFrame:
    made = transactions(lakes.FIRST, days, rows)
    next(made)
    return next(made)[1]


def _copy(bench: Bench, place: Place, rows: int, day: date | None = None) -> Run:
    script = ROOT / "benchmarks" / "peers" / "duckdb_copy.py"
    with bench.fresh() as folder:
        asked = {
            "bronze": str(lakes.partitions(place, Layer.RAW, TRANSACTIONS)),
            "target": str(folder / "silver"),
        }
        if day is not None:
            asked["day"] = day.isoformat()
        run = measured([PYTHON, script, json.dumps(asked)])
    check_rows(rows, run.told["rows"], "DuckDB")
    return run
