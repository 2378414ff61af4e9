"""Silver for tests of reports: rows as the views that a report reads, by way of Parquet files and a real engine."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from mootech.definition import HELD_DAYS
from mootech.engines.engine import Engine
from mootech.lake.stores.store import Entry
from mootech.layers.gold.library import packaged
from mootech.layers.gold.statements import recipe_of
from mootech.qa.contract import bronze_schema
from mootech.tables import CLICKSTREAM, PRODUCTS, TRANSACTIONS, USERS, TableSpec
from tests.bronze import silver_of

_TIMES = {CLICKSTREAM: "hit_time", TRANSACTIONS: "timestamp"}
"""What says in which day's partition a row lies."""
_RANGES = {"valid_from": pl.Date(), "valid_to": pl.Date(), "last_modified": pl.Date()}
_NO_DAY = date(2023, 1, 1)
"""A partition without a row: a view needs one object at least."""

SCHEMAS: Mapping[TableSpec, pl.Schema] = {
    **{
        table: pl.Schema(
            {**silver_of(table, pl.DataFrame(schema=bronze_schema(table))).schema, "last_modified": pl.Date()}
        )
        for table in _TIMES
    },
    USERS: pl.Schema({"account_id": pl.String(), "email": pl.String(), "first_time": pl.Datetime("us"), **_RANGES}),
    PRODUCTS: pl.Schema(
        {"product_id": pl.String(), "product_name": pl.String(), "price": pl.Decimal(18, 4), **_RANGES}
    ),
}
"""The columns of silver; those of `utc_date` stand in a partition's path."""


class Views:
    """The tables of silver, in a folder, and the reports over them."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        """Write below the folder that the engine's store is."""
        self._folder = folder
        self._engine = engine

    def give(self, table: TableSpec, rows: Iterable[Mapping[str, Any]]) -> None:
        """Let the table consist of these rows; a column that a row does not name is NULL."""
        if table not in _TIMES:
            self._engine.view(table.name, [self._write(f"{table}", _frame(table, rows))], partitioned=False)
            return
        days: dict[date, list[Mapping[str, Any]]] = {_NO_DAY: []}
        for row in rows:
            days.setdefault(row[_TIMES[table]].date(), []).append(row)
        self.give_days(table, {day: _frame(table, some) for day, some in days.items()})

    def give_days(self, table: TableSpec, days: Mapping[date, pl.DataFrame]) -> None:
        """Let the table consist of these partitions."""
        entries = [self._write(f"{table}/utc_date={day}", frame) for day, frame in days.items()]
        self._engine.view(table.name, entries, partitioned=True)

    def run(self, report: str, held_days: Sequence[date] = (), **values: Any) -> pl.DataFrame:  # noqa: ANN401  # whatever can be bound
        """Return the rows of a packaged report; parameters that are not given have their defaults."""
        definition = packaged()[report]
        bound: dict[str, Any] = {**definition.arguments({}), HELD_DAYS: list(held_days), **values}
        return self._engine.query(
            recipe_of(definition), {parameter.name: bound[parameter.name] for parameter in definition.parameters}
        )

    def _write(self, name: str, frame: pl.DataFrame) -> Entry:
        (self._folder / name).mkdir(parents=True, exist_ok=True)
        frame.write_parquet(self._folder / name / "data.parquet")
        return Entry(f"{name}/data.parquet", 0, "")


def in_order(report: str, frame: pl.DataFrame) -> bool:
    """Say whether the key that the report declares tells all rows apart, and they are sorted by it."""
    keys = frame.select(packaged()[report].key).rows()
    return keys == sorted(set(keys))


def _frame(table: TableSpec, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    schema = SCHEMAS[table]
    return pl.DataFrame([[row.get(name) for name in schema] for row in rows], schema=schema, orient="row")
