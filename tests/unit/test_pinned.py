"""Objects read in pieces: each in one version, in bounded memory, with the store's own failures."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mootech.errors import StoreError
from mootech.lake import pinned
from mootech.lake.filesystem import ObjectFiles, address
from mootech.lake.pinned import PinnedObjects, ReplacedError
from mootech.lake.stores.store import Entry, put_bytes
from tests.stores import FlakyStore, MemoryStore, RecordingStore, Wrapper

KEY = "silver/users/data.parquet"


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    """A store with one object of ten bytes."""
    inner = MemoryStore()
    put_bytes(inner, KEY, b"0123456789", tmp_path)
    return RecordingStore(inner)


@pytest.fixture(params=[0, 2**20], ids=["in pieces", "whole"])
def objects(request: pytest.FixtureRequest, store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> PinnedObjects:
    """That object, pinned, as one of those read in pieces and as one of those read whole."""
    monkeypatch.setattr(pinned, "WHOLE_BYTES", request.param)
    found = PinnedObjects(store)
    found.pin(store.inner.list("")[0])
    return found


def test_pieces_are_cut_at_the_end(objects: PinnedObjects, store: RecordingStore) -> None:
    """Beyond the end there is nothing, for which nobody asks the store."""
    assert objects.size(KEY) == 10
    assert objects.read(KEY, 0, 4) + objects.read(KEY, 4, 99) == b"0123456789"
    asked = len(store.calls)
    assert objects.read(KEY, 10, 5) == objects.read(KEY, 0, 0) == b""
    assert len(store.calls) == asked


def _failing(objects: PinnedObjects, mistake: str = "") -> None:
    """Read in a statement as an engine does, which makes an error of its own of one of the store's."""
    with objects.statement():
        try:
            objects.read(KEY, 0, 4)
        except StoreError as exc:
            raise RuntimeError("quoted by an engine") from exc
        raise RuntimeError(mistake)


def test_a_statement_reads_one_version(objects: PinnedObjects, store: RecordingStore, tmp_path: Path) -> None:
    """A statement that meets another version fails; the next one reads that version, all of it."""
    put_bytes(store.inner, KEY, b"abcdefghijkl", tmp_path)
    with pytest.raises(ReplacedError, match="was replaced while it was read") as caught:
        _failing(objects)
    assert caught.value.hint
    assert objects.size(KEY) == 10
    with objects.statement():
        assert objects.size(KEY) == 12
        assert objects.read(KEY, 8, 99) == b"ijkl"


def test_what_the_store_said_is_what_is_raised(store: RecordingStore) -> None:
    """A statement that fails because a read failed has the read's error; one that fails otherwise has its own."""
    objects = PinnedObjects(FlakyStore(store, failing=1))
    objects.pin(store.inner.list("")[0])
    with pytest.raises(StoreError, match="call 1 failed"):
        _failing(objects)
    with pytest.raises(RuntimeError, match="of its own"):
        _failing(objects, "of its own")


class Short(Wrapper):
    """A store that sends a byte too few."""

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Drop the last byte."""
        data, entry = super().read_range(key, start, size)
        return data[:-1], entry


def test_missing_bytes_are_an_error(store: RecordingStore) -> None:
    """What a store leaves out is not read as whatever is in memory."""
    objects = PinnedObjects(Short(store))
    objects.pin(store.inner.list("")[0])
    with pytest.raises(StoreError, match="sent 9 of 10 bytes"):
        objects.read(KEY, 0, 4)


def test_small_objects_are_asked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that want one object wait for one request; only as many bytes are kept as there is room for."""
    monkeypatch.setattr(pinned, "_RECENT_BYTES", 25)
    store = RecordingStore(MemoryStore())
    for name in "abc":
        put_bytes(store.inner, name, name.encode() * 10, tmp_path)
    objects = PinnedObjects(store)
    for entry in store.inner.list(""):
        objects.pin(entry)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: objects.read("a", 0, 10), range(64))) == {b"a" * 10}
    for name in "bacba":
        assert objects.read(name, 9, 1) == name.encode()
    assert [key for _, key in store.calls] == ["a", "b", "c", "b", "a"]


def test_threads_have_positions_of_their_own(objects: PinnedObjects) -> None:
    """Of two threads that share an open file, each reads where it has seeked to: DuckDB lets several share one."""
    file = ObjectFiles(objects).open(address(KEY))
    file.seek(2)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(file.seek, 7).result() == 7
        assert file.read(3) == b"234"
        assert other.submit(file.read, 3).result() == b"789"
    assert file.tell() == 5


@pytest.mark.parametrize("key", ["a b/data.parquet", "a[1]*?{x}/%41#&+=é", "utc_date=2024-02-29/data.parquet"])
def test_an_address_is_no_pattern(tmp_path: Path, key: str) -> None:
    """Whatever characters a key has, its address has none that could mean something else, and leads to it."""
    store = MemoryStore()
    objects = PinnedObjects(store)
    objects.pin(put_bytes(store, key, b"0123", tmp_path))
    files = ObjectFiles(objects)
    assert not set(address(key)) & set("[]*?{}#& ")
    assert files.glob(address(key)) == [address(key)]
    assert files.size(address(key)) == 4
    assert files.open(address(key)).read(9) == b"0123"


def test_files_can_only_be_read(objects: PinnedObjects) -> None:
    """No statement writes into a lake past its lock."""
    with pytest.raises(PermissionError):
        ObjectFiles(objects).open(address(KEY), "wb")
