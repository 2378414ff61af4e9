"""Other tools read the lake without us: Hive partitions of plain Parquet, utc_date a date."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from mootech.layers.silver.build import Builder
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS
from tests.bronze import noon, workshop
from tests.rows import DAY, hit, order, product

NEXT = date(2024, 3, 1)
EMPTY = date(2024, 3, 2)
EXPECTED = [(DAY, "o1", ["p1", "p1"]), (NEXT, "o2", ["p1", "p1"])]
FOLDERS = [f"{layer}/{table}" for layer in ("raw_data", "silver") for table in ("transactions", "clickstream")]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with two days of events and a third without any, in bronze and silver."""
    folder = tmp_path_factory.mktemp("readers") / "lake"
    with workshop(str(folder), tmp_path_factory.mktemp("state")) as shop:
        for number, day in enumerate((DAY, NEXT), start=1):
            shop.publish(TRANSACTIONS, day, [order(f"o{number}", transaction_timestamp=noon(day))])
            shop.publish(CLICKSTREAM, day, [hit(number, product_list=";p1;1;17.68")])
        for table in (TRANSACTIONS, CLICKSTREAM):
            shop.publish(table, EMPTY, [])
        shop.publish(PRODUCTS, DAY, [product()])
        Builder(shop.lake, shop.engine, EMPTY).build(tuple(TABLES))
    return folder


@pytest.mark.parametrize("layer", ["raw_data", "silver"])
def test_duckdb_reads_partitions(lake: Path, layer: str) -> None:
    """A glob and the default settings are enough; utc_date is typed DATE."""
    rows = duckdb.sql(f"FROM read_parquet('{lake}/{layer}/transactions/*/*.parquet') ORDER BY utc_date")
    assert rows is not None, "a query has rows"
    assert dict(zip(rows.columns, rows.types, strict=True))["utc_date"] == duckdb.sqltype("DATE")
    assert rows.project("utc_date, order_id, items").fetchall() == EXPECTED


@pytest.mark.parametrize("layer", ["raw_data", "silver"])
def test_polars_reads_partitions(lake: Path, layer: str) -> None:
    """A folder and the default settings are enough; utc_date is a Date."""
    frame = pl.scan_parquet(lake / layer / "transactions").sort("utc_date").collect()
    assert frame.schema["utc_date"] == pl.Date()
    assert frame.select("utc_date", "order_id", "items").rows() == EXPECTED


@pytest.mark.parametrize("layer", ["raw_data", "silver"])
def test_pyarrow_reads_partitions(lake: Path, layer: str) -> None:
    """A dataset takes utc_date as the date its schema says."""
    hive = pa.dataset.partitioning(pa.schema([("utc_date", pa.date32())]), flavor="hive")
    table = pa.dataset.dataset(lake / layer / "transactions", partitioning=hive).to_table().sort_by("utc_date")
    rows = table.select(["utc_date", "order_id", "items"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == EXPECTED


@pytest.mark.parametrize("layer", ["raw_data", "silver"])
def test_pandas_reads_partitions(lake: Path, layer: str) -> None:
    """It hands the partitioning through to pyarrow, and gets dates."""
    hive = pa.dataset.partitioning(pa.schema([("utc_date", pa.date32())]), flavor="hive")
    frame = pd.read_parquet(lake / layer / "transactions", partitioning=hive).sort_values("utc_date")
    assert list(zip(frame["utc_date"], frame["order_id"], map(list, frame["items"]), strict=True)) == EXPECTED


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_empty_day_has_the_types_of_the_others(lake: Path, folder: str) -> None:
    """Readers see one schema in every partition, nested types included, whatever engine asks."""
    files = sorted((lake / folder).rglob("*.parquet"))
    assert len(files) == 3
    assert len({str(pl.read_parquet_schema(file)) for file in files}) == 1
    types = {tuple(map(str, duckdb.read_parquet(str(file), hive_partitioning=False).types)) for file in files}
    assert len(types) == 1


def test_silver_s_types_are_those_of_its_definition_in_every_reader(lake: Path) -> None:
    """Timestamps without a zone, decimals and structs arrive in DuckDB as docs/silver.md lists them."""
    hits = duckdb.read_parquet(f"{lake}/silver/clickstream/*/*.parquet").order("hit_time").project("hit_time, products")
    assert [str(kind) for kind in hits.types] == [
        "TIMESTAMP",
        "STRUCT(category VARCHAR, product_id VARCHAR, quantity BIGINT, price DECIMAL(18,4))[]",
    ]
    first = {"category": None, "product_id": "p1", "quantity": 1, "price": Decimal("17.6800")}
    assert hits.fetchall()[0] == (datetime(2024, 2, 29, 12), [first])  # noqa: DTZ001  # UTC without a zone
    products = duckdb.read_parquet(f"{lake}/silver/products/data.parquet")
    assert dict(zip(products.columns, map(str, products.types), strict=True)) == {
        "product_id": "VARCHAR",
        "product_name": "VARCHAR",
        "price": "DECIMAL(18,4)",
        "valid_from": "DATE",
        "valid_to": "DATE",
        "last_modified": "DATE",
    }
