"""Lakes to measure on: days published straight into bronze, without a source or a gate."""

import shutil
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from benchmarks.bench import Bench, Place
from benchmarks.data import orders
from mootech.lake.lake import DayRows, Lake
from mootech.lake.paths import Layer
from mootech.qa.contract import bronze_schema
from mootech.tables import PRODUCTS, TRANSACTIONS, TableSpec

FIRST = date(2023, 1, 1)
DAYS = 1_095
_REJECTS = pl.Schema({"reasons": pl.List(pl.String()), "raw": pl.String()})


def publish(place: Place, days: Iterable[tuple[TableSpec, date, pl.DataFrame]]) -> None:
    """Publish days as bronze; the frames are sorted as bronze is, columns that they have not are NULL."""
    lake = Lake.open(place.lake, state_dir=place.state, write=True)
    with lake.lock("benchmark"):
        for table, day, frame in days:
            schema = bronze_schema(table)
            missing = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in frame]
            rows = frame.with_columns(missing).select(schema.names()).cast(schema)
            lake.publish_day(
                DayRows(table, day, rows, pl.DataFrame(schema=_REJECTS), frame.height, 0, source_total=frame.height)
            )
        lake.save_manifests()


def sales(bench: Bench, transactions: int) -> Place:
    """Return a lake with three years of so many transactions and the products' snapshots, in bronze."""
    days = bench.days(DAYS)
    folder = bench.folder(f"sales-{transactions}-in-{days}-days")
    place = Place(str(folder / "lake"), folder / "state")
    whole = folder / "whole"
    if not whole.exists():
        made = orders.transactions(FIRST, days, transactions)
        publish(place, ((TRANSACTIONS, day, frame) for day, frame in made))
        snapshots = (FIRST + timedelta(days=number) for number in range(days))
        publish(place, ((PRODUCTS, day, orders.products(day)) for day in snapshots))
        whole.touch()
    return place


def with_silver(place: Place) -> Place:
    """Bring the lake's silver up to date; nothing is done where it is."""
    place.mootech("silver", "-q")
    return place


def forget_results(place: Place) -> None:
    """Remove the reports of a lake on the disk, which would otherwise be read instead of computed."""
    shutil.rmtree(Path(place.lake) / Layer.RESULTS, ignore_errors=True)


def partitions(place: Place, layer: Layer, table: TableSpec) -> Path:
    """Return the folder with a table's partitions."""
    return Path(place.lake) / layer / table.name
