"""Silver whose recipe has changed: an older one is rebuilt, a newer one is left alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from mootech.engines.recipe import Recipe
from mootech.errors import UsageError
from mootech.lake.paths import Layer, partition_key
from mootech.layers.silver import days
from mootech.layers.silver.build import Builder, stale_objects
from mootech.layers.silver.days import recipe_of, remaking
from mootech.model import DayRange, DayResult, Finding, Provenance
from mootech.tables import TRANSACTIONS, USERS, TableSpec
from mootech.verify.tables import verify_table
from tests.bronze import Workshop, workshop
from tests.rows import DAY, order, user

KEY = partition_key(Layer.SILVER, "transactions", DAY)
TODAY, LATER = DAY.replace(month=3), DAY.replace(month=4)


@pytest.fixture
def shop(tmp_path: Path, state_dir: Path) -> Iterator[Workshop]:
    """A local lake under its lock, with one order and one user, and their silver."""
    with workshop(str(tmp_path / "lake"), state_dir) as opened:
        opened.publish(TRANSACTIONS, DAY, [order()])
        opened.publish(USERS, DAY, [user()])
        build(opened, TRANSACTIONS, USERS)
        yield opened


def build(shop: Workshop, *tables: TableSpec) -> tuple[DayResult, ...]:
    """Bring silver up to date."""
    return Builder(shop.lake, shop.engine, LATER).build(tables or (TRANSACTIONS,))


def found(shop: Workshop, table: TableSpec) -> list[Finding]:
    """Verify a table."""
    with remaking() as remake:
        return list(verify_table(shop.lake, remake, table, DayRange(DAY, DAY)))


@contextmanager
def recipe(table: TableSpec, old: str, new: str, *, version: int = 1) -> Iterator[None]:
    """Let a table's recipe be another one: a part of its SQL reads otherwise, and its header says a version."""
    changed = recipe_of(table).sql.replace(old, new)
    real = days.recipe_of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            days,
            "recipe_of",
            lambda each: Recipe("edited.sql", f"-- Version  {version}\n{changed}") if each == table else real(each),
        )
        yield


def provenance(shop: Workshop) -> Provenance | None:
    """Return what the catalog has of the day's silver."""
    held = shop.lake.held(Layer.SILVER, "transactions").get(DAY)
    return held.provenance if held else None


def test_a_changed_recipe_makes_its_silver_stale(shop: Workshop) -> None:
    """Days made by an older recipe are behind, no broken promise, and rebuilt; then everything is clean."""
    with recipe(TRANSACTIONS, "    email,\n", "    upper(email) AS email,\n"):
        assert stale_objects(shop.lake, TRANSACTIONS, shop.lake.held(Layer.RAW, TRANSACTIONS.name)) == 1
        [told] = [each for each in found(shop, TRANSACTIONS) if each.check == "recipe"]
        assert told.ok
        assert "made by an older recipe: run `mootech silver`" in told.message
        assert all(each.ok for each in found(shop, TRANSACTIONS))
        [result] = build(shop)
        assert result.status == "published"
        assert shop.lake.read(KEY)["email"].to_list() == ["ADA@EXAMPLE.COM"]
        assert stale_objects(shop.lake, TRANSACTIONS, shop.lake.held(Layer.RAW, TRANSACTIONS.name)) == 0
        assert [each.check for each in found(shop, TRANSACTIONS)] == ["raw_data", "silver"]


def test_a_snapshot_table_s_recipe_counts_too(shop: Workshop) -> None:
    """The one object of a snapshot table is stale when its recipe changes."""
    with recipe(
        USERS, "    email,\n    first_time,\n    min(day)", "    lower(email) AS email,\n    first_time,\n    min(day)"
    ):
        assert stale_objects(shop.lake, USERS, shop.lake.held(Layer.RAW, USERS.name)) == 1
        assert "recipe" in {each.check for each in found(shop, USERS)}
        build(shop, USERS)
        assert stale_objects(shop.lake, USERS, shop.lake.held(Layer.RAW, USERS.name)) == 0


def test_a_recipe_that_gives_the_same_values_writes_nothing(shop: Workshop) -> None:
    """last_modified moves only where values change: the manifest learns of the recipe, the object stays."""
    before = shop.stamps("silver/transactions/")
    with recipe(TRANSACTIONS, "    email,\n", "    email || '' AS email,\n"):
        [result] = build(shop)
        assert result.status == "unchanged"
        assert shop.stamps("silver/transactions/") == before
        assert stale_objects(shop.lake, TRANSACTIONS, shop.lake.held(Layer.RAW, TRANSACTIONS.name)) == 0
        assert all(each.ok for each in found(shop, TRANSACTIONS))


def test_silver_of_before_recipes_had_fingerprints_is_fresh(shop: Workshop) -> None:
    """An object whose footer names no recipe is not rebuilt until its content is next touched."""
    file = Path(shop.lake.store.uri(KEY))
    made = provenance(shop)
    assert made is not None
    older = Provenance(made.content_hash, made.inputs_hash).to_json()
    assert "recipe" not in older
    pl.read_parquet(file, hive_partitioning=False).write_parquet(file, metadata={"mootech.provenance": older})
    with recipe(TRANSACTIONS, "    email,\n", "    upper(email) AS email,\n"):
        assert stale_objects(shop.lake, TRANSACTIONS, shop.lake.held(Layer.RAW, TRANSACTIONS.name)) == 0


def test_a_newer_recipe_s_silver_is_left_alone(shop: Workshop) -> None:
    """An older mootech says so, and does not rebuild what a newer one made from the same bronze."""
    with recipe(TRANSACTIONS, "    email,\n", "    upper(email) AS email,\n", version=2):
        build(shop)
    before = shop.stamps("silver/transactions/")
    [result] = build(shop)
    assert (result.status, shop.stamps("silver/transactions/")) == ("unchanged", before)
    assert "newer mootech's recipe" in result.note
    [told] = [each for each in found(shop, TRANSACTIONS) if each.check == "recipe"]
    assert told.ok
    assert "newer recipe" in told.message
    assert stale_objects(shop.lake, TRANSACTIONS, shop.lake.held(Layer.RAW, TRANSACTIONS.name)) == 0


def test_silver_of_a_newer_recipe_that_is_behind_is_an_error(shop: Workshop) -> None:
    """Where bronze has changed since, an older mootech fails the day and says what to do; it writes nothing."""
    with recipe(TRANSACTIONS, "    email,\n", "    upper(email) AS email,\n", version=2):
        build(shop)
    before = shop.stamps("silver/transactions/")
    shop.publish(TRANSACTIONS, DAY, [order(), order("o2")])
    [result] = build(shop)
    assert (result.status, shop.stamps("silver/transactions/")) == ("failed", before)
    assert isinstance(result.error, UsageError)
    assert "upgrade it on this machine" in result.error.hint
    assert stale_objects(shop.lake, TRANSACTIONS, shop.lake.held(Layer.RAW, TRANSACTIONS.name)) == 1
