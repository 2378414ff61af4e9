"""Gold: which products a report is asked for, and what lies in the lake afterwards. Its numbers: tests/property."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from mootech.definition import Value
from mootech.engines.duckdb import DuckDB
from mootech.engines.recipe import Recipe
from mootech.errors import EmptyLakeError, UsageError
from mootech.layers.gold.products import object_slugs, resolve
from mootech.layers.silver.build import Builder
from mootech.tables import PRODUCTS, TABLES, TRANSACTIONS
from tests.bronze import Workshop, noon, sales, workshop
from tests.rows import DAY, order, product

_query = DuckDB.query

MARCH = date(2024, 3, 31)
NAMES = {"p1": "Tumbler", "p2": "Travel Mug", "p3": "Travel  mug", "p4": "Café Cup", "p5": "水筒"}


@pytest.fixture
def shop(tmp_path: Path, state_dir: Path) -> Iterator[Workshop]:
    """A local lake under its lock, empty."""
    with workshop(str(tmp_path / "lake"), state_dir) as opened:
        yield opened


@pytest.fixture
def sold(shop: Workshop) -> Workshop:
    """A lake with silver: a tumbler sold in February and two in March, and a mug that nobody bought."""
    shop.publish(TRANSACTIONS, DAY, [order(items=["p1", "x"])])
    shop.publish(TRANSACTIONS, MARCH, [order("o2", transaction_timestamp=noon(MARCH))])
    shop.publish(PRODUCTS, DAY, [product(), product("p2", product_name="Travel Mug", price=20.0)])
    Builder(shop.lake, shop.engine, MARCH).build(tuple(TABLES))
    return shop


def test_a_report_says_from_which_months_its_quarantined_rows_are(shop: Workshop) -> None:
    """Each input's rejected rows are counted by month, those of days without an order of the product included."""
    shop.publish(TRANSACTIONS, DAY, [order()], bad=2)
    shop.publish(TRANSACTIONS, MARCH.replace(day=1), [], bad=1)
    shop.publish(TRANSACTIONS, MARCH, [order("o2", transaction_timestamp=noon(MARCH))], bad=3)
    shop.publish(PRODUCTS, DAY, [product()])
    Builder(shop.lake, shop.engine, MARCH).build(tuple(TABLES))
    transactions, products = sales(shop.lake, shop.engine)[0].coverage
    assert (transactions.quarantined, transactions.fetched) == (6, 8)
    assert [(each.month, each.rows) for each in transactions.months] == [(date(2024, 2, 1), 2), (date(2024, 3, 1), 4)]
    assert (products.quarantined, products.months) == (0, ())


def test_a_product_is_named_by_id_or_by_name_in_any_case() -> None:
    """Surrounding and doubled spaces do not matter; each product comes once, in the order asked for."""
    assert resolve([" tumbler ", "p4", "TUMBLER"], NAMES) == ["p1", "p4"]


def test_a_name_of_several_products_means_all_of_them() -> None:
    """A product that was listed again under a new id has one report per id."""
    assert resolve(["travel mug"], NAMES) == ["p2", "p3"]


def test_an_id_goes_before_a_name() -> None:
    """A product called like another one's id does not hide it."""
    assert resolve(["p1"], {"p1": "Tumbler", "p2": "P1"}) == ["p1"]


def test_no_product_asked_for_means_every_one() -> None:
    """The report without options is about the whole shop."""
    assert resolve([], NAMES) == list(NAMES)


def test_an_unknown_product_is_an_error_that_lists_the_nearest() -> None:
    """A slip of the finger finds its product; something else is answered with what there is."""
    with pytest.raises(UsageError, match="there is no product 'tumblr'") as near:
        resolve(["tumblr"], NAMES)
    assert near.value.hint == "The nearest names: Tumbler."
    with pytest.raises(UsageError) as far:
        resolve(["zzz"], NAMES)
    assert far.value.hint == "The products are: Café Cup, Travel Mug, Tumbler, 水筒."


def test_an_object_is_named_by_the_slug_unless_it_is_empty_or_ambiguous() -> None:
    """Accents go, spaces become underscores; two products with one slug are named by their ids."""
    assert object_slugs(NAMES) == {"p1": "tumbler", "p2": "p2", "p3": "p3", "p4": "cafe_cup", "p5": "p5"}


def test_a_slug_never_takes_the_name_that_an_id_needs() -> None:
    """A product called "P5" gives way to the product p5 that has no slug of its own; no two share an object."""
    slugs = object_slugs(NAMES | {"q": "P5"})
    assert slugs["p5"] == "p5"
    assert slugs["q"] == "q"


def test_an_id_that_is_no_plain_word_is_written_in_hexadecimal() -> None:
    """A slash in an id cannot lead out of results/."""
    assert object_slugs({"../x": "水筒"}) == {"../x": "2e2e2f78"}


def test_a_report_has_plain_values_and_lies_in_the_lake(sold: Workshop) -> None:
    """Rows are ints, Decimals, dates, text and booleans; the object in results/ has the same."""
    [report] = sales(sold.lake, sold.engine, ["TUMBLER"])
    assert report.title == "Sales of Tumbler, month over month"
    assert report.object_key == "results/sales_report_tumbler/data.parquet"
    assert report.changed
    money = Decimal("17.68")
    feb = (2024, 2, 1, money, None, date(2024, 2, 1), "p1", "Tumbler", 1, 0, None, None, None, True)
    mar = (2024, 3, 2, 2 * money, 67, date(2024, 3, 1), "p1", "Tumbler", 2, 0, money, money, Decimal("100.00"), True)
    assert report.rows == (feb, mar)
    stored = sold.lake.read(report.object_key)
    assert tuple(stored.columns) == report.columns
    assert stored.rows() == list(report.rows)


def test_every_product_has_its_report_also_one_that_was_never_sold(sold: Workshop) -> None:
    """Its object holds the columns and no month."""
    tumbler, mug = sales(sold.lake, sold.engine)
    assert (len(tumbler.rows), mug.rows) == (2, ())
    assert sold.lake.read("results/sales_report_travel_mug/data.parquet").columns == list(tumbler.columns)


def test_the_same_report_is_not_written_again(sold: Workshop) -> None:
    """Asked for anew, equal, and left alone; a changed price writes it again."""
    sales(sold.lake, sold.engine)
    before = sold.stamps("results/")
    assert [report.changed for report in sales(sold.lake, sold.engine)] == [False, False]
    assert sold.stamps("results/") == before
    sold.publish(PRODUCTS, DAY, [product(price=18.0), product("p2", product_name="Travel Mug", price=20.0)])
    Builder(sold.lake, sold.engine, MARCH).build([PRODUCTS])
    assert [report.changed for report in sales(sold.lake, sold.engine)] == [True, False]


def test_a_report_is_computed_where_its_inputs_changed_or_its_object_did(
    sold: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it is read from the lake, with the same values; one that is damaged or not what it was is no answer."""
    first = sales(sold.lake, sold.engine)
    computed: list[object] = []

    def query(self: DuckDB, recipe: Recipe, parameters: Mapping[str, Value] | None = None) -> pl.DataFrame:
        computed.extend(parameters["product_ids"] if parameters else ())  # type: ignore[arg-type]  # a list of ids
        return _query(self, recipe, parameters)

    monkeypatch.setattr(DuckDB, "query", query)
    assert [replace(report, changed=True) for report in sales(sold.lake, sold.engine)] == list(first)
    assert computed == []
    file = tmp_path / "lake" / first[0].object_key
    rows, footer = pl.read_parquet(file), pl.read_parquet_metadata(file)
    for broken in (file.read_bytes()[:-9], None):
        if broken is None:  # another row under the old footer
            rows.head(1).write_parquet(file, metadata={"mootech.provenance": footer["mootech.provenance"]})
        else:
            file.write_bytes(broken)
        assert [report.rows for report in sales(sold.lake, sold.engine)] == [report.rows for report in first]
        assert computed == ["p1"]
        computed.clear()
    assert pl.read_parquet(file).equals(rows)
    for foreign in ("results/note.txt", "results/a b/data.parquet", "results/sales_report_tumbler/old.parquet"):
        (tmp_path / "lake" / foreign).parent.mkdir(exist_ok=True)
        (tmp_path / "lake" / foreign).write_bytes(b"not ours")
    sales(sold.lake, sold.engine)
    assert computed == []
    sold.publish(TRANSACTIONS, DAY, [order()])
    Builder(sold.lake, sold.engine, MARCH).build([TRANSACTIONS])
    sales(sold.lake, sold.engine)
    assert computed == ["p1", "p2"]


def test_a_product_s_name_is_never_part_of_the_sql(shop: Workshop) -> None:
    """A name full of quotes is a name."""
    name = "'; DROP VIEW transactions; --"
    shop.publish(TRANSACTIONS, DAY, [order()])
    shop.publish(PRODUCTS, DAY, [product(product_name=name)])
    Builder(shop.lake, shop.engine, MARCH).build(tuple(TABLES))
    [report] = sales(shop.lake, shop.engine, [name])
    assert report.rows[0][7] == name
    assert report.object_key == "results/sales_report_drop_view_transactions/data.parquet"


def test_a_lake_without_silver_says_which_command_comes_next(shop: Workshop) -> None:
    """No bronze: ingest. Bronze without silver: silver. Each names the table that is missing."""
    with pytest.raises(EmptyLakeError, match="silver holds no transactions") as empty:
        sales(shop.lake, shop.engine)
    assert "mootech ingest -t transactions" in empty.value.hint
    shop.publish(TRANSACTIONS, DAY, [order()])
    with pytest.raises(EmptyLakeError) as behind:
        sales(shop.lake, shop.engine)
    assert "mootech silver -t transactions" in behind.value.hint
    Builder(shop.lake, shop.engine, MARCH).build([TRANSACTIONS])
    with pytest.raises(EmptyLakeError, match="silver holds no products"):
        sales(shop.lake, shop.engine)


def test_a_shop_that_never_had_a_product_has_no_report(shop: Workshop) -> None:
    """Snapshots without a row are held, and still nothing can be reported."""
    shop.publish(TRANSACTIONS, DAY, [order()])
    shop.publish(PRODUCTS, DAY, [])
    Builder(shop.lake, shop.engine, MARCH).build(tuple(TABLES))
    with pytest.raises(EmptyLakeError, match="silver holds no products"):
        sales(shop.lake, shop.engine)
