"""DuckDB and Spark give the same rows in the same types: on the nasty cases of every other property test here."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mootech.definition import Definition
from mootech.engines.duckdb import DuckDB
from mootech.engines.engine import Engine
from mootech.engines.spark import Spark
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Entry
from mootech.layers.gold.header import parse
from mootech.layers.silver import days as silver_days
from mootech.qa.contract import bronze_schema
from mootech.tables import CLICKSTREAM, PRODUCTS, TRANSACTIONS, USERS, TableSpec
from tests.property.hits_oracle import Hit
from tests.property.orders import SOLD, orders, ranges
from tests.property.sales_oracle import Order, Range
from tests.property.test_hit_reports import HELD, some_hits
from tests.property.test_order_reports import HELD as HELD_OF_ORDERS
from tests.property.test_silver_clickstream import EVENT_LISTS, PRODUCT_LISTS
from tests.property.test_silver_ranges import PRODUCT_SNAPSHOTS as SNAPSHOTS
from tests.property.test_silver_ranges import Snapshots
from tests.property.views import Views
from tests.rows import DAY, NOON, hit, order

EXAMPLES = settings(max_examples=4)
"""Few, because each costs Spark seconds; so each of them holds many."""
TEXTS = st.text(max_size=8) | st.sampled_from([" a ", "İ", "ΣΑΣ", "\\", "'", "$1", "a\tb", "%", "\N{TROPICAL DRINK}"])
MONEY = st.floats(0, 1e12) | st.integers(0, 10**7).map(lambda n: n / 20_000) | st.sampled_from([1.00005, 0.00035, 1e-9])
SECONDS = st.integers(NOON - 43_200, NOON + 43_199)


@dataclass(frozen=True)
class Both:
    """One folder, read by both engines."""

    folder: Path
    engines: tuple[Engine, Engine]

    def views(self) -> tuple[Views, Views]:
        """Return silver for each, in one folder."""
        first, second = self.engines
        return Views(self.folder, first), Views(self.folder, second)

    def day(self, table: TableSpec, bronze: pl.DataFrame) -> list[pl.DataFrame]:
        """Return the silver that each makes of a day of bronze."""
        entry = self._written(f"{table}/utc_date={DAY}", bronze)
        return [
            silver_days.finished(table, DAY, engine.days(silver_days.recipe_of(table), {DAY: entry})(DAY))
            for engine in self.engines
        ]

    def ranges(self, table: TableSpec, days: Mapping[date, pl.DataFrame]) -> list[pl.DataFrame]:
        """Return the validity ranges that each makes of snapshots."""
        entries = [self._written(f"{table}/utc_date={day}", frame) for day, frame in days.items()]
        made = []
        for engine in self.engines:
            engine.view("snapshots", entries, partitioned=True)
            made.append(engine.query(silver_days.recipe_of(table), {"held_days": sorted(days)}))
        return made

    def report(self, definition: Definition) -> list[pl.DataFrame]:
        """Return what each says of a report of a person's own; it is the last that DuckDB says."""
        return [engine.report(definition, {}) for engine in self.engines]

    def _written(self, name: str, frame: pl.DataFrame) -> Entry:
        key = f"bronze/{name}/data.parquet"
        (self.folder / key).parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(self.folder / key)
        return Entry(key, (self.folder / key).stat().st_size, "")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, spark_remote: str) -> Iterator[Both]:
    """DuckDB and Spark, over one folder for all examples."""
    folder = tmp_path_factory.mktemp("both") / "a lake [of {odd}] names"
    folder.mkdir()
    store = open_store(str(folder))
    state_dir = tmp_path_factory.mktemp("state")
    with DuckDB.opened(store, state_dir=state_dir) as ours, Spark.opened(store, spark_remote) as theirs:
        yield Both(folder, (ours, theirs))


def _same(frames: Sequence[pl.DataFrame]) -> None:
    ours, theirs = frames
    assert ours.schema == theirs.schema
    assert ours.rows() == theirs.rows()


def _renamed(found: Sequence[Sequence[Any]], name: str) -> list[Any]:
    """Return everything that was drawn together, each with a name of its own."""
    numbers = count()
    return [replace(each, **{name: f"{next(numbers)}-7"}) for some in found for each in some]


@pytest.mark.parametrize("report", ["sales", "products", "revenue", "retention"])
@EXAMPLES
@given(found=st.lists(orders(), min_size=4, max_size=12), known=ranges(), held=HELD_OF_ORDERS)
def test_reports_of_orders(
    both: Both, found: list[list[Order]], known: list[Range], held: list[date], report: str
) -> None:
    """Reports of many customers' purchases and returns are alike, row by row."""
    asked = {"product_ids": [*SOLD, "P4"][: len(found) - 3]} if report == "sales" else {}
    frames = []
    for views in both.views():
        views.give(TRANSACTIONS, map(asdict, _renamed(found, "order_id")))
        views.give(PRODUCTS, map(asdict, known))
        frames.append(views.run(report, held, **asked))
    _same(frames)


@pytest.mark.parametrize("report", ["traffic", "funnel", "sessions"])
@EXAMPLES
@given(found=st.lists(some_hits(), min_size=4, max_size=12), held=HELD)
def test_reports_of_hits(both: Both, found: list[list[Hit]], held: list[date], report: str) -> None:
    """Reports of many visits are alike, row by row."""
    frames = []
    for views in both.views():
        views.give(CLICKSTREAM, [each.row for each in _renamed(found, "hit_id")])
        frames.append(views.run(report, held))
    _same(frames)


@EXAMPLES
@given(cells=st.lists(st.tuples(st.none() | EVENT_LISTS, st.none() | PRODUCT_LISTS, TEXTS), min_size=20, max_size=60))
def test_silver_of_hits(both: Both, cells: list[tuple[str | None, str | None, str]]) -> None:
    """A day of clickstream is the same silver: lists that hold nonsense, texts of every kind, and nothing at all."""
    rows = [
        hit(number, event_list=events, product_list=products or text, campaign=text, evar1=text)
        for number, (events, products, text) in enumerate(cells)
    ]
    schema = bronze_schema(CLICKSTREAM)
    for some in (rows, []):
        _same(both.day(CLICKSTREAM, pl.DataFrame([{**row, "extra": None} for row in some], schema=schema)))


@EXAMPLES
@given(cells=st.lists(st.tuples(MONEY, SECONDS, st.lists(TEXTS, max_size=3), TEXTS), min_size=50, max_size=200))
def test_silver_of_orders(both: Both, cells: list[tuple[float, int, list[str], str]]) -> None:
    """A day of transactions is the same silver, to the hundredth of a cent and the second."""
    rows = [
        order(f"o{n}", total_purchase_usd=money, transaction_timestamp=second, items=items, email=email, extra=None)
        for n, (money, second, items, email) in enumerate(cells)
    ]
    _same(both.day(TRANSACTIONS, pl.DataFrame(rows, schema=bronze_schema(TRANSACTIONS))))


@EXAMPLES
@given(snapshots=SNAPSHOTS)
def test_ranges_of_snapshots(both: Both, snapshots: Snapshots) -> None:
    """Products and users that change, vanish and come back have the same validity ranges."""
    schema = bronze_schema(PRODUCTS)
    days = {
        day: pl.DataFrame([(name, *told, None) for name, told in rows.items()], schema=schema, orient="row")
        for day, rows in snapshots.items()
    }
    _same(both.ranges(PRODUCTS, days))
    users = {
        day: frame.select(
            account_id="product_id",
            email="product_name",
            first_time_time_stamp=(pl.col("price") * 10**8).cast(pl.Int64),
            extra="extra",
        )
        for day, frame in days.items()
    }
    _same(both.ranges(USERS, users))


def test_customers_of_every_character(both: Both) -> None:
    """Letters in lower case are the same letters, whichever of all that Python knows stands in an email."""
    # Spark knows a newer Unicode than DuckDB: only the letters of a script of 2024 differ, and Python lacks them too.
    points = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) not in {"Cs", "Cn"}]
    some = [f" {''.join(points[n : n + 64])}a " for n in range(0, len(points), 64)]
    orders_of = [order(f"o{n}", email=email, extra=None) for n, email in enumerate(some)]
    frame = pl.DataFrame(orders_of, schema=bronze_schema(TRANSACTIONS))
    [rows, _] = both.day(TRANSACTIONS, frame)
    for views in both.views():
        views.give_days(TRANSACTIONS, {DAY: rows.with_columns(last_modified=pl.lit(DAY))})
    sql = """\
-- Customers: what an email is matched by.
-- Grain    order
-- Inputs   transactions: silver
-- Columns  order_id  VARCHAR
--          customer  VARCHAR
-- Key      order_id
SELECT order_id, lower(trim(email, ' ')) AS customer FROM transactions
"""
    _same(both.report(parse("customers", sql, "customers.sql")))
