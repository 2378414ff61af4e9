"""What every store promises, proved on a directory, on a real S3 server and on the tests' own store in memory."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from mootech.errors import StoreError
from mootech.lake.disk import ScratchError
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import ABSENT, Entry, Store, put_bytes
from tests.stores import MemoryStore

KEY = "raw_data/users/utc_date=2023-03-01/data.parquet"


@pytest.fixture(params=["local", "memory", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Open an empty store."""
    if request.param == "memory":
        return MemoryStore()
    return open_store(str(tmp_path / "lake") if request.param == "local" else request.getfixturevalue("s3_lake"))


def test_an_object_reads_back_as_it_was_put(store: Store, tmp_path: Path) -> None:
    """What put stored is what head, list, read and read_tail answer."""
    entry = put_bytes(store, KEY, b"0123456789", tmp_path)
    head = store.head(KEY)
    assert head is not None
    assert head.entry == entry
    assert store.list("") == [entry]
    assert (entry.key, entry.size) == (KEY, 10)
    assert store.read(KEY) == b"0123456789"
    assert store.read_tail(KEY, 3) == b"789"
    assert store.read_tail(KEY, 99) == b"0123456789"


def test_a_part_of_an_object_comes_with_its_version(store: Store, tmp_path: Path) -> None:
    """A range is cut at the object's end, and names the version and size of the whole; what is missing is an error."""
    entry = put_bytes(store, KEY, b"0123456789", tmp_path)
    assert store.read_range(KEY, 0, 10) == (b"0123456789", entry)
    assert store.read_range(KEY, 3, 4) == (b"3456", entry)
    assert store.read_range(KEY, 8, 99) == (b"89", entry)
    assert store.read_range(KEY, 10, 1) == (b"", entry)
    replaced = put_bytes(store, KEY, b"abc", tmp_path)
    assert store.read_range(KEY, 1, 4) == (b"bc", replaced)
    with pytest.raises(StoreError):
        store.read_range(f"{KEY}.missing", 0, 1)


def test_an_object_is_downloaded_with_its_version(store: Store, tmp_path: Path) -> None:
    """A download writes the whole object over the file and says which version it is; what is missing is an error."""
    data = bytes(range(256)) * 10_000
    entry = put_bytes(store, KEY, data, tmp_path)
    file = tmp_path / "copy"
    file.write_bytes(b"what stood there before" * 200_000)
    assert store.download(KEY, file) == entry
    assert file.read_bytes() == data
    with pytest.raises(StoreError):
        store.download(f"{KEY}.missing", file)


def test_a_download_tells_its_own_disk_from_the_store(store: Store, tmp_path: Path) -> None:
    """A file that cannot be written is an error of this host's disk, which says nothing about the object."""
    put_bytes(store, KEY, b"0123456789", tmp_path)
    with pytest.raises(ScratchError):
        store.download(KEY, tmp_path / "missing" / "copy")


def test_an_empty_object_is_an_object(store: Store, tmp_path: Path) -> None:
    """An object without bytes is listed with its size and reads as nothing, whole, in part and from the end."""
    entry = put_bytes(store, KEY, b"", tmp_path)
    assert store.read_range(KEY, 0, 8) == (b"", entry)
    assert store.list("") == [entry]
    assert entry.size == 0
    assert store.read(KEY) == store.read_tail(KEY, 8) == b""


def test_metadata_comes_back_from_all_but_a_directory(store: Store, tmp_path: Path) -> None:
    """A store returns the metadata of a put; a directory, which keeps none, an empty mapping."""
    file = tmp_path / "file"
    file.write_bytes(b"x")
    wanted = {"mootech-content-hash": "ab12", "mootech-receipt": "cd34"}
    store.put(KEY, file, wanted)
    head = store.head(KEY)
    assert head is not None
    if isinstance(store, LocalStore):
        assert head.metadata == {}
    else:
        assert wanted.items() <= head.metadata.items()


def test_put_replaces_and_the_version_tells(store: Store, tmp_path: Path) -> None:
    """A second put of other bytes of the same size is read at once, under another version."""
    first = put_bytes(store, KEY, b"one", tmp_path)
    second = put_bytes(store, KEY, b"two", tmp_path)
    assert store.read(KEY) == b"two"
    assert first.version != second.version
    assert store.list("raw_data/") == [second]


def test_a_file_that_cannot_be_read_changes_nothing(store: Store, tmp_path: Path) -> None:
    """A put of a file that is not there is a StoreError, and the old object stands."""
    put_bytes(store, KEY, b"good", tmp_path)
    with pytest.raises(StoreError):
        store.put(KEY, tmp_path / "missing", {})
    assert store.read(KEY) == b"good"


def test_a_put_replaces_what_it_names(store: Store, tmp_path: Path) -> None:
    """A put that names what stands there, which may be nothing, publishes."""
    first = _put(store, tmp_path, b"one", ABSENT)
    second = _put(store, tmp_path, b"two", first.version)
    assert store.list("") == [second]
    assert store.read(KEY) == b"two"


@pytest.mark.parametrize("seen", ["nothing", "an older one", "one that is gone"])
def test_a_put_that_names_another_version(store: Store, tmp_path: Path, seen: str) -> None:
    """It is refused by a store that hosts share, which keeps what it has, and taken by a directory."""
    older = _put(store, tmp_path, b"one", ABSENT)
    newer = _put(store, tmp_path, b"two", older.version)
    if seen == "one that is gone":
        store.delete(KEY)
    before = store.list("")
    replaces = {"nothing": ABSENT, "an older one": older.version, "one that is gone": newer.version}[seen]
    if isinstance(store, LocalStore):
        put = _put(store, tmp_path, b"three", replaces)
        assert store.list("") == [put]
        assert store.read(KEY) == b"three"
    else:
        with pytest.raises(StoreError):
            _put(store, tmp_path, b"three", replaces)
        assert store.list("") == before


def _put(store: Store, work: Path, data: bytes, replaces: str) -> Entry:
    file = work / "file"
    file.write_bytes(data)
    return store.put(KEY, file, {}, replaces=replaces)


def test_recovering_touches_no_object(store: Store, tmp_path: Path) -> None:
    """Clearing away what is half done leaves every object as it is."""
    entry = put_bytes(store, KEY, b"good", tmp_path)
    store.recover()
    assert store.list("") == [entry]
    assert store.read(KEY) == b"good"


def test_listing_stays_below_the_folder_and_is_sorted(store: Store, tmp_path: Path) -> None:
    """A listing has every depth below the prefix, in the order of the keys, and no neighbour with a longer name."""
    keys = ["a/b/1", "a/b/c/2", "a/b0/3", "a/b.d/4", "z"]
    for key in keys:
        put_bytes(store, key, b"x", tmp_path)
    assert [entry.key for entry in store.list("a/b/")] == ["a/b/1", "a/b/c/2"]
    assert [entry.key for entry in store.list("")] == sorted(keys)
    assert store.list("nothing/") == []


def test_what_is_missing(store: Store) -> None:
    """An object that is not there: head says None, reading it is an error with a hint, deleting it is nothing."""
    assert store.head(KEY) is None
    store.delete(KEY)
    with pytest.raises(StoreError) as caught:
        store.read(KEY)
    assert KEY in caught.value.message
    assert caught.value.hint
    with pytest.raises(StoreError):
        store.read_tail(KEY, 8)


def test_delete_removes_the_object_and_its_empty_folders(store: Store, tmp_path: Path) -> None:
    """After a delete neither the object nor a listing of its folder is left, and its neighbour stands."""
    put_bytes(store, KEY, b"x", tmp_path)
    put_bytes(store, "raw_data/users/utc_date=2023-03-02/data.parquet", b"y", tmp_path)
    store.delete(KEY)
    assert store.head(KEY) is None
    assert [entry.key for entry in store.list("")] == ["raw_data/users/utc_date=2023-03-02/data.parquet"]


def test_create_happens_once(store: Store) -> None:
    """The first create stores its data; the second is told so and changes nothing."""
    assert store.create("lease/1", b"mine")
    assert not store.create("lease/1", b"yours")
    assert store.read("lease/1") == b"mine"


def test_of_many_creates_at_once_exactly_one_wins(store: Store) -> None:
    """Eight threads that create one key at the same moment have one winner, and its data stands."""
    barrier = Barrier(8)

    def attempt(number: int) -> bool:
        barrier.wait()
        return store.create("lease/1", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert won.count(True) == 1
    assert store.read("lease/1") == str(won.index(True)).encode()


def test_readers_see_the_old_or_the_new_object(store: Store, tmp_path: Path) -> None:
    """While an object is replaced again and again, every read is one whole version of it."""
    versions = [bytes([65 + n]) * 300_000 for n in range(12)]
    put_bytes(store, KEY, versions[0], tmp_path)
    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(lambda: [put_bytes(store, KEY, version, tmp_path) for version in versions])
        seen = {store.read(KEY)}
        while not writer.done():
            seen.add(store.read(KEY))
        writer.result()
    assert seen <= set(versions)


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/./b", "a\x00b", "a\nb", "a\\b", "a" * 1025]
)
def test_a_key_cannot_leave_the_lake(store: Store, key: str) -> None:
    """A key with dots, control characters, an absolute path or too many bytes is refused by every verb."""
    with pytest.raises(StoreError):
        store.read(key)
    with pytest.raises(StoreError):
        store.read_range(key, 0, 1)
    with pytest.raises(StoreError):
        store.create(key, b"x")
    with pytest.raises(StoreError):
        store.uri(key)


def test_the_uri_is_the_url_and_the_key(store: Store) -> None:
    """Other tools find an object at the lake's address, a slash and its key."""
    assert store.uri(KEY) == f"{store.url}/{KEY}"
