"""Silver: what its rows are, and which days are rebuilt."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from mootech.errors import EmptyLakeError, StoreError
from mootech.lake.paths import Layer, object_key, partition_key
from mootech.layers.silver.build import Builder, stale_objects
from mootech.model import DayResult, DayStatus
from mootech.qa.contract import bronze_schema
from mootech.tables import CLICKSTREAM, PRODUCTS, TABLES, TRANSACTIONS, USERS, TableSpec
from tests.bronze import Workshop, noon, silver_of, workshop
from tests.rows import DAY, NOON, hit, order, product

NEXT = date(2024, 3, 1)
TODAY = date(2024, 3, 2)
LATER = date(2024, 3, 9)


@pytest.fixture
def shop(tmp_path: Path, state_dir: Path) -> Iterator[Workshop]:
    """A local lake under its lock, empty."""
    with workshop(str(tmp_path / "lake"), state_dir) as opened:
        yield opened


def _build(shop: Workshop, *tables: TableSpec, full: bool = False, today: date = TODAY) -> list[tuple[str, date, str]]:
    results = Builder(shop.lake, shop.engine, today).build(tables or tuple(TABLES), full=full)
    return [(result.table, result.utc_date, result.status) for result in results]


def _stale(shop: Workshop, table: TableSpec) -> int:
    return stale_objects(shop.lake, table, shop.lake.held(Layer.RAW, table.name))


def _bronze(table: TableSpec, *rows: dict[str, object]) -> pl.DataFrame:
    schema = bronze_schema(table)
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def test_a_transaction_gets_a_timestamp_and_decimal_money() -> None:
    """Columns, types and values are the design's; the float's cents are exact."""
    silver = silver_of(TRANSACTIONS, _bronze(TRANSACTIONS, order()))
    assert silver.schema == pl.Schema(
        {
            "order_id": pl.String(),
            "email": pl.String(),
            "transaction_type": pl.String(),
            "items": pl.List(pl.String()),
            "total_item_quantity": pl.Int64(),
            "total_purchase_usd": pl.Decimal(18, 4),
            "timestamp": pl.Datetime("us"),
        }
    )
    assert silver.rows() == [
        ("o1", "ada@example.com", "purchase", ["p1", "p1"], 2, Decimal("35.3600"), datetime(2024, 2, 29, 12))  # noqa: DTZ001  # silver's timestamps are UTC without a zone
    ]


def test_a_hit_gets_ids_timestamps_and_lists() -> None:
    """The visitor joins both halves of its number, the visit adds its start; lists are parsed."""
    row = hit(event_list="1,20", product_list="Drinkware;p1;2;35.36,;p2", evar3="x")
    silver = silver_of(CLICKSTREAM, _bronze(CLICKSTREAM, row)).row(0, named=True)
    assert silver["hit_id"] == "1-7"
    assert silver["visitor_id"] == "18446744073709551615-2"
    assert silver["visit_id"] == f"18446744073709551615-2-{NOON - 60}"
    assert silver["hit_time"] == datetime(2024, 2, 29, 12)  # noqa: DTZ001  # silver's timestamps are UTC without a zone
    assert silver["events"] == [1, 20]
    assert silver["products"] == [
        {"category": "Drinkware", "product_id": "p1", "quantity": 2, "price": Decimal("35.3600")},
        {"category": None, "product_id": "p2", "quantity": None, "price": None},
    ]
    assert (silver["evar3"], silver["extra"]) == ("x", None)


def test_an_empty_day_has_the_types_of_any_other() -> None:
    """A day without a row makes a partition that reads together with the others."""
    for table in (TRANSACTIONS, CLICKSTREAM):
        rows = order() if table == TRANSACTIONS else hit(product_list=";p1")
        full = silver_of(table, _bronze(table, rows))
        empty = silver_of(table, _bronze(table))
        assert empty.schema == full.schema


def test_a_second_build_writes_nothing(shop: Workshop) -> None:
    """Silver that was made from this very bronze is neither listed nor written, however late the second build comes."""
    shop.publish(TRANSACTIONS, DAY, [order()])
    shop.publish(CLICKSTREAM, DAY, [hit()])
    shop.publish(PRODUCTS, DAY, [product()])
    published = DayStatus.PUBLISHED
    assert _build(shop) == [(table, DAY, published) for table in ("clickstream", "transactions", "products")]
    before = shop.stamps("silver/")
    assert _build(shop, today=LATER) == []
    assert shop.stamps("silver/") == before


def test_only_the_day_whose_bronze_changed_is_rebuilt(shop: Workshop) -> None:
    """Another day's partition stays, byte for byte, with the last_modified it had."""
    shop.publish(TRANSACTIONS, DAY, [order()])
    shop.publish(TRANSACTIONS, NEXT, [order(transaction_timestamp=noon(NEXT))])
    _build(shop, TRANSACTIONS)
    shop.publish(TRANSACTIONS, NEXT, [order("o9", transaction_timestamp=noon(NEXT))])
    assert _stale(shop, TRANSACTIONS) == 1
    assert _build(shop, TRANSACTIONS, today=LATER) == [("transactions", NEXT, "published")]
    assert _stale(shop, TRANSACTIONS) == 0
    read = {day: shop.lake.read(partition_key(Layer.SILVER, "transactions", day)) for day in (DAY, NEXT)}
    assert read[DAY]["last_modified"].to_list() == [TODAY]
    assert read[NEXT].select("order_id", "last_modified").rows() == [("o9", LATER)]


def test_bronze_that_differs_only_in_what_silver_leaves_out_is_looked_at_once(shop: Workshop) -> None:
    """The same silver comes out: nothing is written, and the next build has nothing to do."""
    shop.publish(TRANSACTIONS, DAY, [order()])
    _build(shop, TRANSACTIONS)
    before = shop.stamps("silver/")
    shop.publish(TRANSACTIONS, DAY, [order(extra='{"coupon": "X"}')])
    assert _build(shop, TRANSACTIONS, today=LATER) == [("transactions", DAY, "unchanged")]
    assert shop.stamps("silver/") == before
    assert _build(shop, TRANSACTIONS, today=LATER) == []


def test_a_full_build_looks_at_everything_and_writes_what_differs(shop: Workshop) -> None:
    """--full lists every day; with the same content nothing is written."""
    for table, row in ((TRANSACTIONS, order()), (PRODUCTS, product())):
        shop.publish(table, DAY, [row])
    _build(shop)
    before = shop.stamps("silver/")
    unchanged = [("transactions", DAY, "unchanged"), ("products", DAY, "unchanged")]
    assert _build(shop, full=True, today=LATER) == unchanged
    assert shop.stamps("silver/") == before


def test_a_deleted_day_of_silver_comes_back(shop: Workshop) -> None:
    """Silver is derived: what is missing is made again."""
    shop.publish(TRANSACTIONS, DAY, [order()])
    _build(shop)
    shop.lake.store.delete(partition_key(Layer.SILVER, "transactions", DAY))
    assert _build(shop) == [("transactions", DAY, "published")]


def test_a_bad_day_does_not_stop_the_others(shop: Workshop) -> None:
    """A partition that mootech did not write fails alone, with the command that fetches it again."""
    shop.publish(TRANSACTIONS, NEXT, [order(transaction_timestamp=noon(NEXT))])
    foreign = Path(shop.lake.store.uri(partition_key(Layer.RAW, "transactions", DAY)))
    foreign.parent.mkdir(parents=True)
    pl.DataFrame({"order_id": ["o1"]}).write_parquet(foreign)
    bad, good = Builder(shop.lake, shop.engine, TODAY).build([TRANSACTIONS])
    assert (bad.utc_date, bad.status, good.utc_date, good.status) == (DAY, "failed", NEXT, "published")
    assert isinstance(bad.error, StoreError)
    assert "mootech ingest -t transactions --start 2024-02-29 --end 2024-02-29" in bad.error.hint


def test_a_day_without_its_contract_s_columns_fails_alone(shop: Workshop) -> None:
    """A partition with a receipt and other columns is the store's failure, not a bug's traceback."""
    shop.publish(CLICKSTREAM, DAY, [hit()])
    own = Path(shop.lake.store.uri(partition_key(Layer.RAW, "clickstream", DAY)))
    receipt = pl.read_parquet_metadata(own)["mootech.receipt"]
    pl.read_parquet(own, hive_partitioning=False).drop("os").write_parquet(own, metadata={"mootech.receipt": receipt})
    [result] = Builder(shop.lake, shop.engine, TODAY).build([CLICKSTREAM])
    assert result.status == "failed"
    assert isinstance(result.error, StoreError)
    assert "columns of its contract" in result.error.message


def test_silver_outlives_its_bronze(shop: Workshop) -> None:
    """Nothing is thrown away: a day whose bronze is gone keeps its silver, and the result says so."""
    for day in (DAY, NEXT):
        shop.publish(TRANSACTIONS, day, [order(transaction_timestamp=noon(day))])
    _build(shop)
    before = shop.stamps("silver/")
    shop.remove(TRANSACTIONS, DAY)
    [result] = Builder(shop.lake, shop.engine, TODAY).build([TRANSACTIONS])
    assert (result.utc_date, result.status) == (DAY, "unchanged")
    assert "kept" in result.note
    assert shop.stamps("silver/") == before


def test_an_empty_snapshot_closes_every_range(shop: Workshop) -> None:
    """A held day without a product is a day on which the shop had none; a day that is not held says nothing."""
    shop.publish(PRODUCTS, DAY, [product()])
    shop.publish(PRODUCTS, LATER, [])
    assert _build(shop, PRODUCTS) == [("products", LATER, "published")]
    silver = shop.lake.read(object_key(Layer.SILVER, "products"))
    assert silver.rows() == [("p1", "Tumbler", Decimal("17.6800"), DAY, LATER, TODAY)]
    assert silver.schema["price"] == pl.Decimal(18, 4)


def test_a_new_snapshot_rewrites_the_ranges_only_when_they_change(shop: Workshop) -> None:
    """A snapshot that says the same extends an open range without writing it."""
    shop.publish(PRODUCTS, DAY, [product()])
    _build(shop, PRODUCTS)
    shop.publish(PRODUCTS, NEXT, [product()])
    assert _build(shop, PRODUCTS, today=LATER) == [("products", NEXT, "unchanged")]
    assert _build(shop, PRODUCTS, today=LATER) == []
    shop.publish(PRODUCTS, TODAY, [product(price=19.99)])
    assert _build(shop, PRODUCTS, today=LATER) == [("products", TODAY, "published")]


def test_silver_of_nothing_is_a_usage_error(shop: Workshop) -> None:
    """An empty lake exits 2 and says how to fill it."""
    with pytest.raises(EmptyLakeError, match="bronze holds no day of transactions, users") as caught:
        _build(shop, TRANSACTIONS, USERS)
    assert "mootech ingest" in caught.value.hint


def test_progress_is_told_of_every_rebuilt_day(shop: Workshop) -> None:
    """How many days are planned comes first, then each day's result."""

    class Log:
        def __init__(self) -> None:
            self.lines: list[str] = []

        def planned(self, table: str, days: int) -> None:
            self.lines.append(f"{table} {days}")

        def rows(self, table: str, count: int) -> None:
            raise AssertionError((table, count))

        def done(self, result: DayResult) -> None:
            self.lines.append(f"{result.utc_date} {result.published}")

        def on_interrupt(self, callback: Callable[[], str]) -> None:
            raise AssertionError(callback())

    shop.publish(TRANSACTIONS, DAY, [order()])
    log = Log()
    Builder(shop.lake, shop.engine, TODAY).build([TRANSACTIONS], progress=log)
    assert log.lines == ["transactions 1", "2024-02-29 1"]
