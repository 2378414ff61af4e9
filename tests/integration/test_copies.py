"""Copies of a remote lake's objects: what is downloaded again, what is not trusted, and what never fails for them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mootech.errors import StoreError
from mootech.lake.copies import Copies
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Entry, Store, put_bytes
from tests.stores import MemoryStore, Wrapper

DAYS = [f"silver/transactions/utc_date=2024-03-0{day}/data.parquet" for day in (1, 2, 3)]
PRODUCTS = "silver/products/data.parquet"
AMPLE = 2**20


class Counting(Wrapper):
    """A store that counts what is downloaded."""

    downloaded = 0

    def download(self, key: str, file: Path) -> Entry:
        """Count and pass on."""
        self.downloaded += 1
        return super().download(key, file)


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Counting:
    """Three days and a table without days, in a store that counts."""
    inner: Store = MemoryStore() if request.param == "memory" else open_store(request.getfixturevalue("s3_lake"))
    for key in (*DAYS, PRODUCTS):
        put_bytes(inner, key, key.encode(), tmp_path)
    return Counting(inner)


def _read(copies: Copies, entries: Sequence[Entry]) -> dict[str, bytes]:
    return {key: path.read_bytes() for key, path in copies.of(entries).items()}


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_only_what_changed_is_downloaded(store: Counting, tmp_path: Path) -> None:
    """A second look downloads nothing; after one day is replaced, that day alone; its old copy is gone."""
    folder = tmp_path / "copies"
    before = store.list("silver/transactions/")
    assert _read(Copies(store, folder, AMPLE), before) == {key: key.encode() for key in DAYS}
    assert store.downloaded == 3
    assert _read(Copies(store, folder, AMPLE), before) == {key: key.encode() for key in DAYS}
    assert store.downloaded == 3
    put_bytes(store.inner, DAYS[1], b"late rows", tmp_path)
    after = store.list("silver/transactions/")
    assert _read(Copies(store, folder, AMPLE), after)[DAYS[1]] == b"late rows"
    assert store.downloaded == 4
    assert len(_files(folder)) == 3


@pytest.mark.parametrize("harm", [b"", b"torn", None], ids=["empty", "other bytes", "gone"])
def test_a_copy_that_was_touched_is_downloaded_again(store: Counting, tmp_path: Path, harm: bytes | None) -> None:
    """A copy that is not byte for byte what was downloaded is never read."""
    copies = Copies(store, tmp_path / "copies", AMPLE)
    entries = store.list("silver/transactions/")
    path = copies.of(entries)[DAYS[0]]
    path.unlink()
    if harm is not None:
        path.write_bytes(harm)
    assert _read(copies, entries) == {key: key.encode() for key in DAYS}
    assert store.downloaded == 4


def test_a_day_that_left_the_lake_leaves_the_disk(store: Counting, tmp_path: Path) -> None:
    """Other copies of the table go, with what a killed download left; another table's stay."""
    copies = Copies(store, tmp_path / "copies", AMPLE)
    products = copies.of(store.list("silver/products/"))
    entries = store.list("silver/transactions/")
    found = copies.of(entries)
    left = found[DAYS[0]].with_name("killed.part")
    left.write_bytes(b"half")
    rest = copies.of(entries[:2])
    assert _files(tmp_path / "copies") == {*rest.values(), *products.values()}


def test_what_does_not_fit_is_read_from_the_store(store: Counting, tmp_path: Path) -> None:
    """A table larger than the room beside other tables has no copies, and takes none away from the others."""
    entries = store.list("silver/transactions/")
    size = sum(entry.size for entry in entries)
    products = store.list("silver/products/")
    assert len(Copies(store, tmp_path / "copies", size + products[0].size).of(products)) == 1
    assert Copies(store, tmp_path / "copies", size + products[0].size).of(entries).keys() == set(DAYS)
    assert Copies(store, tmp_path / "copies", size + products[0].size - 1).of(entries) == {}
    assert len(_files(tmp_path / "copies")) == 1
    assert Copies(store, tmp_path / "none", 0).of(entries) == {}
    assert not (tmp_path / "none").exists()
    assert Copies(store, tmp_path / "none", AMPLE).of([]) == {}


def test_a_disk_that_cannot_hold_them_is_no_failure(store: Counting, tmp_path: Path) -> None:
    """Where the copies cannot be written there are none, and the objects are read from the store."""
    (tmp_path / "copies").write_text("a file where the folder should be")
    assert Copies(store, tmp_path / "copies", AMPLE).of(store.list("silver/transactions/")) == {}


def test_an_object_that_is_gone_is_the_store_s_failure(store: Counting, tmp_path: Path) -> None:
    """What a listing named and the store no longer has is an error, not a missing day."""
    entries = store.list("silver/transactions/")
    store.delete(DAYS[2])
    with pytest.raises(StoreError, match="2024-03-03"):
        Copies(store, tmp_path / "copies", AMPLE).of(entries)
