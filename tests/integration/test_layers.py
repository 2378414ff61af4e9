"""Silver and gold on real stores: a directory and an S3 server."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from mootech.engines.duckdb import DuckDB
from mootech.errors import StoreError
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Entry
from mootech.layers.silver.build import Builder
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS
from tests.bronze import noon, sales, workshop
from tests.rows import DAY, hit, order, product

NEXT = date(2024, 3, 1)


def test_from_bronze_to_the_report(lake_url: str, state_dir: Path) -> None:
    """The report counts what was published; a second pass over the same bronze writes no byte in silver or gold."""
    with workshop(lake_url, state_dir) as shop:
        shop.publish(TRANSACTIONS, DAY, [order()])
        returned = order("o2", transaction_type="return", items=["p1"], total_item_quantity=1)
        shop.publish(TRANSACTIONS, NEXT, [{**returned, "transaction_timestamp": noon(NEXT)}])
        shop.publish(CLICKSTREAM, DAY, [hit()])
        shop.publish(PRODUCTS, DAY, [product()])
        shop.publish(PRODUCTS, NEXT, [])
        assert len(Builder(shop.lake, shop.engine, NEXT).build(tuple(TABLES))) == 4
        [report] = sales(shop.lake, shop.engine, ["tumbler"])
        assert report.rows[0][:4] == (2024, 2, 1, Decimal("17.68"))
        before = shop.stamps("silver/") | shop.stamps("results/")
        shop.lake.save_manifests()
    with workshop(lake_url, state_dir) as shop:
        assert Builder(shop.lake, shop.engine, date(2024, 3, 9)).build(tuple(TABLES)) == ()
        [again] = sales(shop.lake, shop.engine)
        assert (again.rows, again.changed) == (report.rows, False)
        assert shop.stamps("silver/") | shop.stamps("results/") == before


@pytest.mark.s3
def test_a_missing_object_on_s3_is_the_store_s_failure(s3_lake: str, state_dir: Path) -> None:
    """The error names what was being read and holds no credential."""
    with DuckDB.opened(open_store(s3_lake), state_dir=state_dir) as engine:
        with pytest.raises(StoreError, match=r"reading s3://.*/silver/products/data\.parquet failed") as caught:
            engine.view("products", [Entry("silver/products/data.parquet", 1000, "")], partitioned=False)
        assert "removed after it was listed" in caught.value.hint
        assert "test-secret-canary" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
