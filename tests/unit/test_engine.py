"""The DuckDB engine: which objects it reads, as what, and what its failures become."""

import sys
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any

import duckdb
import polars as pl
import pytest

from mootech.engines.duckdb import DuckDB
from mootech.engines.recipe import Recipe
from mootech.errors import MootechError, StoreError
from mootech.lake import pinned
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Entry, put_bytes
from mootech.layers.gold.library import packaged
from mootech.layers.gold.statements import PRODUCTS_KNOWN, recipe_of
from tests.stores import MemoryStore, Wrapper

PRODUCTS = pl.Schema({"product_id": pl.String(), "product_name": pl.String(), "valid_from": pl.Date()})
DAYS = (date(2024, 2, 29), date(2024, 3, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lake's folder with two partitions, the second one empty, beside a folder that a glob would take for it."""
    for name in ("lake[1]", "lake1"):
        for day in DAYS:
            rows = [("P1", f"{name} {day}", day)] if day == DAYS[0] else []
            file = tmp_path / name / f"t/utc_date={day}/data.parquet"
            file.parent.mkdir(parents=True)
            pl.DataFrame(rows, schema=PRODUCTS, orient="row").write_parquet(file)
    return tmp_path / "lake[1]"


@pytest.fixture
def engine(folder: Path, state_dir: Path) -> Iterator[DuckDB]:
    """An engine for that lake."""
    with DuckDB.opened(open_store(str(folder)), state_dir=state_dir) as opened:
        yield opened


def _entries(*days: date) -> list[Entry]:
    return [Entry(f"t/utc_date={day}/data.parquet", 0, "") for day in days]


def test_a_view_is_exactly_the_objects_named(engine: DuckDB) -> None:
    """Characters of a glob in the lake's own path mean themselves, and no other object is read."""
    engine.view("products", _entries(DAYS[0]), partitioned=True)
    assert engine.query(PRODUCTS_KNOWN).rows() == [("P1", "lake[1] 2024-02-29")]


def test_the_partition_s_day_is_a_date(engine: DuckDB) -> None:
    """utc_date is typed DATE for one object and for several, with an empty one first."""
    recipe = Recipe("days.sql", "SELECT *, typeof(utc_date) AS type FROM days WHERE utc_date <= $last")
    for entries in (_entries(DAYS[0]), _entries(*reversed(DAYS))):
        engine.view("days", entries, partitioned=True)
        [row] = engine.query(recipe, {"last": DAYS[0]}).rows(named=True)
        assert (row["utc_date"], row["type"]) == (DAYS[0], "DATE")


def test_an_object_that_was_replaced_is_read_anew(engine: DuckDB, folder: Path) -> None:
    """No cache stands between two statements, not even within the second in which a file was replaced."""
    engine.view("products", _entries(DAYS[0]), partitioned=True)
    file = folder / _entries(DAYS[0])[0].key
    for name in ("Mug", "Cup", "Jar", "Pot"):
        pl.read_parquet(file, hive_partitioning=False, glob=False).with_columns(
            product_name=pl.lit(name)
        ).write_parquet(file)
        assert engine.query(PRODUCTS_KNOWN).rows() == [("P1", name)]


def test_results_need_no_pyarrow(engine: DuckDB, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows come through the Arrow C stream; pyarrow is no dependency of mootech."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    engine.view("products", _entries(*DAYS), partitioned=True)
    assert engine.query(PRODUCTS_KNOWN).height == 1


def test_a_missing_or_damaged_object_is_the_store_s_failure(engine: DuckDB, folder: Path) -> None:
    """Exit code 5, with what was being read and a hint."""
    with pytest.raises(StoreError, match=r"reading products failed: .*No files found") as missing:
        engine.view("products", _entries(date(2024, 3, 2)), partitioned=True)
    assert "mootech verify" in missing.value.hint
    engine.view("products", _entries(DAYS[0]), partitioned=True)
    (folder / _entries(DAYS[0])[0].key).write_bytes(b"PAR1 not a Parquet file PAR1")
    with pytest.raises(StoreError, match=r"running products_known\.sql failed"):
        engine.query(PRODUCTS_KNOWN)


def test_objects_of_other_columns_are_mootech_s_failure(engine: DuckDB) -> None:
    """A view without a column that the statement needs names the statement, and how to rebuild silver."""
    engine.view("transactions", _entries(DAYS[0]), partitioned=True)
    engine.view("products", _entries(DAYS[0]), partitioned=True)
    with pytest.raises(MootechError, match=r"running sales\.sql failed: .*items") as caught:
        engine.query(recipe_of(packaged()["sales"]), {"product_ids": ["P1"], "held_days": list(DAYS)})
    assert not isinstance(caught.value, StoreError)
    assert "mootech silver --full" in caught.value.hint


def test_a_view_is_named_by_a_plain_word_and_has_objects(engine: DuckDB) -> None:
    """A name that could be SQL, and a list of nothing, are mistakes of the caller."""
    for name, entries in (("a; DROP VIEW b", _entries(DAYS[0])), ("products", [])):
        with pytest.raises(ValueError, match="a view needs"):
            engine.view(name, entries, partitioned=True)


def test_a_statement_that_reads_torn_text_is_run_again(engine: DuckDB, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file replaced while it is read may be half of each, and its texts none; it is read again, not for ever."""
    engine.view("products", _entries(DAYS[0]), partitioned=True)
    torn = UnicodeDecodeError("utf-8", b"\x92", 0, 1, "invalid start byte")
    connection = _Changing(engine._connection, torn, times=2)  # noqa: SLF001  # no file is torn on cue
    monkeypatch.setattr(engine, "_connection", connection)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    assert engine.query(PRODUCTS_KNOWN).height == 1
    assert connection.calls == 3
    connection.calls, connection.times = 0, 99
    with pytest.raises(StoreError, match="decode"):
        engine.query(PRODUCTS_KNOWN)
    assert connection.calls == 4


class _Changing:
    """A connection whose first statements fail the way a changed object makes them fail."""

    def __init__(self, inner: duckdb.DuckDBPyConnection, error: Exception, *, times: int) -> None:
        self.inner, self.error, self.times, self.calls = inner, error, times, 0

    def sql(self, statement: str, **arguments: Any) -> duckdb.DuckDBPyRelation:  # noqa: ANN401  # passed through
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.inner.sql(statement, **arguments)


def test_an_engine_leaves_nothing_in_the_state_folder(folder: Path, state_dir: Path) -> None:
    """Each engine spills into a folder of its own, which goes with it."""
    with (
        DuckDB.opened(open_store(str(folder)), state_dir=state_dir),
        DuckDB.opened(open_store(str(folder)), state_dir=state_dir),
    ):
        assert len(list(state_dir.iterdir())) == 2
    assert list(state_dir.iterdir()) == []


STATEMENTS = {
    "once": "SELECT utc_date, count(*), min(amount), max(amount), sum(number) FROM rows GROUP BY ALL ORDER BY ALL",
    "twice": "SELECT (SELECT sum(amount) FROM rows) - (SELECT sum(amount) FROM rows AS again)",
}


class Replacing(Wrapper):
    """Two days in a store that is not on this disk; one is replaced just before its piece number `at` is read."""

    def __init__(self, work: Path, at: int) -> None:
        """Put the days there. Their keys have characters that could be patterns or escapes."""
        super().__init__(MemoryStore())
        self.work, self.at, self.pieces = work, at, 0
        self.keys = [f"sil ver/t[1]*?{{%41}}'#/utc_date={day}/data.parquet" for day in DAYS]
        for key in self.keys:
            put_bytes(self.inner, key, _rows(1), work)

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Count, replace when it is time, and pass on."""
        self.pieces += key == self.keys[1]
        if self.pieces == self.at and key == self.keys[1]:
            put_bytes(self.inner, key, _rows(1000), self.work)
        return super().read_range(key, start, size)


def _rows(amount: int) -> bytes:
    file = BytesIO()
    pl.DataFrame({"number": range(4_000), "amount": [amount] * 4_000}).write_parquet(file, row_group_size=500)
    return file.getvalue()


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read small objects in pieces as well, and run a statement again at once."""
    monkeypatch.setattr(pinned, "WHOLE_BYTES", 0)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize("name", STATEMENTS)
def test_an_object_replaced_while_it_is_read_is_the_old_or_the_new_one(
    tmp_path: Path, state_dir: Path, name: str
) -> None:
    """Whichever piece is the first of another version: a statement has the old rows or the new ones, each time."""
    seen = []
    for at in count(1):
        store = Replacing(tmp_path, at)
        with DuckDB.opened(store, state_dir=state_dir) as engine:
            engine.view("rows", store.list(""), partitioned=True)
            seen.append(engine.query(Recipe(f"{name}.sql", STATEMENTS[name])).rows())
        if store.pieces < at:
            break
    assert len(seen) > 4
    old, new = ([(DAYS[0], 4_000, 1, 1, 7_998_000), (DAYS[1], 4_000, each, each, 7_998_000)] for each in (1, 1000))
    # It is replaced before the last piece at the latest, and then all of it is read once more.
    assert seen == ([[(0,)]] * len(seen) if name == "twice" else [new] * (len(seen) - 1) + [old])


@pytest.mark.usefixtures("in_pieces")
def test_an_object_replaced_without_end_is_the_store_s_failure(tmp_path: Path, state_dir: Path) -> None:
    """A statement is run four times, and then says what was replaced."""

    class Restless(Replacing):
        def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
            self.at = self.pieces + 1
            return super().read_range(key, start, size)

    store = Restless(tmp_path, 0)
    with DuckDB.opened(store, state_dir=state_dir) as engine:
        engine.view("rows", store.list(""), partitioned=True)
        with pytest.raises(StoreError, match=r"memory/lake/sil ver.* was replaced while it was read") as caught:
            engine.query(Recipe("once.sql", STATEMENTS["once"]))
    assert "Run the command again" in caught.value.hint
    assert store.pieces >= 4


def test_a_large_result_from_elsewhere_comes_and_in_its_order(tmp_path: Path, state_dir: Path) -> None:
    """Threads that read objects through Python, and the one that collects rows, do not wait for each other for ever."""

    class Slow(Wrapper):
        def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
            sleep(0.01)
            return super().read_range(key, start, size)

    store = Slow(MemoryStore())
    for number in range(40):
        file = BytesIO()
        first = number * 10_000
        pl.DataFrame({"id": [str(each) * 5 for each in range(first, first + 10_000)]}).write_parquet(file)
        put_bytes(store.inner, f"{number}.parquet", file.getvalue(), tmp_path)
    with DuckDB.opened(store, state_dir=state_dir) as engine:
        engine.view("rows", store.list(""), partitioned=False)
        found = [
            engine.query(Recipe("all.sql", sql), {"least": "1"})["id"]
            for sql in (
                "SELECT id FROM rows WHERE id >= $least",
                "SELECT id FROM rows WHERE id >= $least ORDER BY id DESC",
            )
        ]
    assert [len(each) for each in found] == [399_999] * 2
    assert found[1].is_sorted(descending=True)


def test_no_extension_is_loaded(folder: Path, tmp_path: Path, state_dir: Path) -> None:
    """Whether objects are on this disk or elsewhere, DuckDB has what its wheel has built in, and gets no more."""
    key = _entries(DAYS[0])[0].key
    remote = MemoryStore()
    put_bytes(remote, key, (folder / key).read_bytes(), tmp_path)
    for store in (open_store(str(folder)), remote):
        with DuckDB.opened(store, state_dir=state_dir) as engine, duckdb.connect() as bare:
            engine.view("products", [entry for entry in store.list("") if entry.key == key], partitioned=True)
            assert engine.query(PRODUCTS_KNOWN).height == 1
            # What a wheel loads by itself is known from a connection that has done nothing.
            loaded = "SELECT extension_name FROM duckdb_extensions() WHERE loaded ORDER BY ALL"
            assert engine._connection.sql(loaded).fetchall() == bare.sql(loaded).fetchall()  # noqa: SLF001  # no face shows it
            with pytest.raises(duckdb.Error):
                engine._connection.execute("SELECT * FROM read_parquet('s3://bucket/key.parquet')")  # noqa: SLF001  # the same
