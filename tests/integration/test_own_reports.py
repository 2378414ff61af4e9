"""Reports that a person has written: they reach the lake's tables and nothing else, on a directory and on S3."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from mootech.definition import DefinitionError
from mootech.engines.duckdb import DuckDB
from mootech.errors import StoreError
from mootech.lake.lake import Lake
from mootech.layers.gold.header import parse
from mootech.layers.gold.report import Request, report
from mootech.layers.silver.build import Builder
from mootech.outcomes import ReportResult
from mootech.tables import PRODUCTS, TABLES, TRANSACTIONS
from tests.bronze import Workshop, workshop
from tests.rows import DAY, order, product

TODAY = date(2024, 3, 2)
HEADER = """\
-- Orders: orders by kind.
-- Grain       kind of transaction
-- Inputs      transactions: silver
-- Parameters  $least BIGINT = 1: kinds with fewer are left out
-- Columns     kind    VARCHAR
--             orders  BIGINT
-- Key         kind
"""
GOOD = "SELECT transaction_type AS kind, count(*) AS orders FROM transactions GROUP BY ALL HAVING orders >= $least"


@pytest.fixture
def shop(lake_url: str, state_dir: Path) -> Iterator[Workshop]:
    """A lake with silver of two orders and a product."""
    with workshop(lake_url, state_dir) as opened:
        rows = [order(), order("o2", transaction_type="return"), order("o3")]
        opened.publish(TRANSACTIONS, DAY, rows)
        opened.publish(PRODUCTS, DAY, [product()])
        Builder(opened.lake, opened.engine, TODAY).build(tuple(TABLES))
        yield opened


def _run(shop: Workshop, sql: str, *, room: int = 2**30, **given: str) -> ReportResult:
    definition = parse("orders", sql, "/reports/orders.sql")
    copies = shop.lake.copies(room)
    with DuckDB.opened(shop.lake.store, state_dir=shop.lake.workspace, copies=copies) as engine:
        [found] = report(shop.lake, engine, Request(definition, given=given), TODAY)
    return found


@pytest.mark.parametrize("room", [0, 2**30], ids=["from the store", "from copies"])
def test_a_person_s_report_is_computed_and_kept(shop: Workshop, room: int) -> None:
    """Its rows are sorted by its key and lie in results; asked for again, they are read, not written anew."""
    found = _run(shop, HEADER + GOOD, room=room)
    assert found.rows == (("purchase", 2), ("return", 1))
    assert (found.object_key, found.changed) == ("results/orders/data.parquet", True)
    assert shop.lake.read(found.object_key).rows() == list(found.rows)
    assert not _run(shop, HEADER + GOOD).changed


def test_a_default_in_the_comment_counts_as_an_input(shop: Workshop) -> None:
    """A default that was edited changes the rows, though the SQL below the comment is the same."""
    _run(shop, HEADER + GOOD)
    found = _run(shop, HEADER.replace("BIGINT = 1", "BIGINT = 2") + GOOD)
    assert (found.rows, found.changed) == ((("purchase", 2),), True)


def test_a_report_of_other_parameters_is_not_kept(shop: Workshop) -> None:
    """What lies in the lake is always the report as it is without options."""
    _run(shop, HEADER + GOOD)
    found = _run(shop, HEADER + GOOD, least="2")
    assert (found.rows, found.changed, found.object_key) == ((("purchase", 2),), False, "")
    assert shop.lake.read("results/orders/data.parquet").height == 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content AS kind, 1 AS orders FROM read_text('/etc/passwd') WHERE $least > 0",
        "SELECT * FROM read_csv('/etc/passwd') WHERE $least > 0",
        "SELECT file AS kind, 1 AS orders FROM glob('/etc/*') WHERE $least > 0",
        "SELECT * FROM read_parquet('s3://elsewhere/data.parquet') WHERE $least > 0",
        "SELECT * FROM read_parquet('http://127.0.0.1:9/data.parquet') WHERE $least > 0",
        "COPY (SELECT 1) TO '{out}'",
        "CREATE TABLE t AS SELECT 1",
        "ATTACH '{out}'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SELECT 'a' AS kind, 1 AS orders; COPY (SELECT 1) TO '{out}'",
        "",
    ],
)
def test_what_reads_elsewhere_or_writes_is_refused(shop: Workshop, tmp_path: Path, sql: str) -> None:
    """Files, other buckets, the network, settings, a second statement: refused by name, and nothing is written."""
    before = shop.stamps("")
    with pytest.raises(DefinitionError, match=r"^/reports/orders\.sql") as caught:
        _run(shop, HEADER + sql.format(out=tmp_path / "out"))
    assert "root:" not in f"{caught.value.message} {caught.value.__cause__}"
    assert not (tmp_path / "out").exists()
    assert shop.stamps("") == before


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT transaction_type AS kind,\n  count(*) AS orders\nFORM transactions", "line 10: .*FORM|line 9: .*"),
        ("SELECT nothing AS kind, 1 AS orders\nFROM transactions WHERE $least > 0", "line 8: .*nothing"),
        ("SELECT 'a' AS kind, 1 AS orders WHERE $least > 0", "it gives kind VARCHAR, orders INTEGER; its comment says"),
        ("SELECT 'a' AS kind, 1::BIGINT AS orders FROM transactions WHERE $least > 0", "its key, kind"),
        ("SELECT order_id AS kind, email::BIGINT AS orders FROM transactions WHERE $least > 0", "Could not convert"),
        ("SELECT 'a' AS kind, 1::BIGINT AS orders FROM users WHERE $least > 0", "users"),
        ("SELECT 'a' AS kind, 1::BIGINT AS orders", "least"),
    ],
)  # fmt: skip
def test_a_report_that_is_wrong_is_named_with_its_line(shop: Workshop, sql: str, told: str) -> None:
    """The error says which file, which line where DuckDB knows it, and what about it."""
    with pytest.raises(DefinitionError, match=told) as caught:
        _run(shop, HEADER + sql)
    assert "/reports/orders.sql" in caught.value.message
    assert "Inputs: transactions" in caught.value.hint


def test_a_person_s_report_may_be_one_object_per_product(shop: Workshop) -> None:
    """Each product has an object and a title of its own, is kept on its own, and compared with what it said before."""
    sql = """\
-- Stock: what each product costs.
-- Grain       product
-- Inputs      products: silver
-- Parameters  $product_ids VARCHAR[]: the products
-- Columns     product  VARCHAR
--             price    DECIMAL(18,2)
-- Key         product
-- Objects     one per product, product: Price of {product}
SELECT product_id AS product, price::DECIMAL(18, 2) AS price
FROM products
WHERE list_contains($product_ids, product_id) AND valid_to IS NULL
"""
    definition = parse("stock", sql, "stock.sql")

    def made(request: Request) -> tuple[ReportResult, ...]:
        with DuckDB.opened(shop.lake.store, state_dir=shop.lake.workspace, copies=shop.lake.copies(0)) as engine:
            return report(shop.lake, engine, request, TODAY)

    [tumbler] = made(Request(definition, ["tumbler"]))
    assert (tumbler.title, tumbler.object_key) == ("Price of Tumbler", "results/stock_report_tumbler/data.parquet")
    assert [row[0] for row in tumbler.rows] == ["p1"]
    shop.publish(PRODUCTS, DAY, [product(price=18.0), product("p2", product_name="Mug")])
    Builder(shop.lake, shop.engine, TODAY).build([PRODUCTS])
    tumbler, mug = made(Request(definition))
    assert tumbler.changed
    assert (mug.title, mug.rows[0][0]) == ("Price of Mug", "p2")
    [changed] = made(Request(definition, ["p1"], changes=True))
    assert [row[1] for row in changed.rows] == ["price"]


def test_a_damaged_lake_is_not_the_report_s_fault(tmp_path: Path, state_dir: Path) -> None:
    """An object that cannot be read is the store's failure, as for every report."""
    with workshop(str(tmp_path / "lake"), state_dir) as shop:
        shop.publish(TRANSACTIONS, DAY, [order()])
        Builder(shop.lake, shop.engine, TODAY).build([TRANSACTIONS])
        [file] = (tmp_path / "lake").glob("silver/transactions/*/data.parquet")
        data = file.read_bytes()
        footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        file.write_bytes(data[:4] + bytes(footer - 4) + data[footer:])
        with pytest.raises(StoreError, match=re.escape("orders.sql")):
            _run(shop, HEADER + GOOD)


def test_a_lake_with_odd_characters_in_its_path_is_within_reach(tmp_path: Path, state_dir: Path) -> None:
    """Brackets and quotes in the folder's name are neither patterns nor the end of a text."""
    with workshop(str(tmp_path / "la[k]e's *"), state_dir) as opened:
        opened.publish(TRANSACTIONS, DAY, [order()])
        Builder(opened.lake, opened.engine, TODAY).build([TRANSACTIONS])
        assert _run(opened, HEADER + GOOD).rows == (("purchase", 1),)
        assert isinstance(opened.lake, Lake)


def test_the_example_in_the_docs_works(shop: Workshop) -> None:
    """The report that docs/reports.md shows can be pasted into a folder and run."""
    text = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()
    [sql] = re.findall(r"```sql\n(-- .*?)```", text, re.DOTALL)
    definition = parse("orders_a_day", sql, "orders_a_day.sql")
    with DuckDB.opened(shop.lake.store, state_dir=shop.lake.workspace, copies=shop.lake.copies(0)) as engine:
        [found] = report(shop.lake, engine, Request(definition), TODAY)
    assert [row[:2] for row in found.rows] == [(DAY, 2)]


def test_returns_are_netted_for_a_person_s_report_too(shop: Workshop) -> None:
    """What the reports of sales have in common can be asked for by name, for one product or all."""
    header = """\
-- Units: units sold of each product.
-- Grain       product
-- Inputs      transactions: silver
--             products: silver
-- Parameters  $only VARCHAR[] = p1: products
-- Columns     product  VARCHAR
--             units    BIGINT
-- Key         product
"""
    sql = "SELECT product_id AS product, sum(purchased - returned)::BIGINT AS units FROM sold_by_month({}) GROUP BY ALL"
    every = _run(shop, header.replace("-- Parameters  $only VARCHAR[] = p1: products\n", "") + sql.format("NULL"))
    assert every.rows == _run(shop, header + sql.format("$only")).rows == (("p1", 2),)
