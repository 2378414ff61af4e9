"""Parquet files as the lake writes and reads them, on a disk that may fail."""

import uuid
from pathlib import Path

import polars as pl
import pytest

from mootech.errors import StoreError
from mootech.lake import canonical, parquet
from mootech.lake.disk import ScratchError
from mootech.lake.rows import Rows, SpilledRows, read_spilled, write_spilled
from mootech.lake.stores.local import LocalStore


def test_a_footer_longer_than_the_first_read_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of very many row groups gives its metadata back, though they begin before the last 32 KB."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 1)
    parquet.write(pl.DataFrame({"a": range(2000)}), tmp_path / "file", {"mootech.receipt": "x" * 1000})
    assert parquet.footer(LocalStore(tmp_path), "file")["mootech.receipt"] == "x" * 1000


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1\xff\xff\xff\xffPAR1", b"x" * 100_000, b"x" * 99_996 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_damaged(tmp_path: Path, data: bytes) -> None:
    """Whatever stands in a file, its footer is either read or called damaged."""
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(parquet.DamagedError):
        parquet.footer(LocalStore(tmp_path), "file")


def test_a_full_disk_is_a_store_error(tmp_path: Path) -> None:
    """A disk without space stops the writing with a hint, and whatever stood under the final name stays."""
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(StoreError) as caught:
        parquet.write(pl.DataFrame({"a": range(100_000)}), full, {})
    assert "Free space" in caught.value.hint


def test_rows_in_pieces_give_the_bytes_of_rows_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a day is written from does not show in the file, nor in the content hash; lists of any length included."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 20_000)
    monkeypatch.setattr(parquet, "_LARGE_BYTES", 1)
    count = 70_001
    rows = pl.DataFrame(
        {
            "a": range(count),
            "b": [None if n % 7 else str(n) for n in range(count)],
            "c": [None if n % 97 == 0 else [f"p{n * k % 1013}" for k in range(n % 9)] for n in range(count)],
        }
    )
    ways: dict[str, Rows] = {"whole": rows, "pieces": pl.concat(list(rows.iter_slices(777)), rechunk=False)}
    ways["sorted"] = rows.reverse().sort("a")
    for size in (7_919, 20_000, 33_333):
        files = []
        for start in range(0, count, size):
            files.append(tmp_path / f"{size}-{start}.arrow")
            write_spilled(rows.slice(start, size), files[-1])
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        ways[f"files of {size}"] = SpilledRows(read_spilled(*files), count)
    store, wanted = LocalStore(tmp_path), None
    for name, each in ways.items():
        parquet.write(each, tmp_path / "file", {"mootech.receipt": "{}"})
        written = (tmp_path / "file").read_bytes()
        wanted = wanted or written
        assert written == wanted, name
        assert canonical.content_hash(each) == canonical.content_hash(rows), name
    assert parquet.inspect(store, "file").intact
    assert parquet.inspect(store, "file", scratch=tmp_path).intact


def test_a_disk_without_space_for_spilled_rows_is_a_store_error(tmp_path: Path) -> None:
    """The error says which file, and that nothing published was touched."""
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(StoreError, match=r"writing .*full") as caught:
        write_spilled(pl.DataFrame({"a": range(100_000)}), full)
    assert "intact" in caught.value.hint


def test_a_file_that_lost_its_rows_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is read back before it is published: a file with other metadata is refused."""
    monkeypatch.setattr(pl, "read_parquet_metadata", lambda _file: {})
    with pytest.raises(StoreError, match="does not hold"):
        parquet.write(pl.DataFrame({"a": [1]}), tmp_path / "file", {"mootech.receipt": "{}"})


def test_a_file_system_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store whose file system has no hard links still creates once, and leaves no temporary file."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    store = LocalStore(tmp_path)
    assert store.create("format.json", b"1")
    assert not store.create("format.json", b"2")
    assert [entry.key for entry in store.list("")] == ["format.json"]
    assert store.read("format.json") == b"1"


def test_a_large_object_is_inspected_as_a_small_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece, and still to the last byte: whole, or not, with the same rows."""
    rows = pl.DataFrame({"a": range(5000), "b": [str(n) for n in range(5000)]})
    parquet.write(rows, tmp_path / "file", {"mootech.receipt": "{}"})
    store = LocalStore(tmp_path)
    small = parquet.inspect(store, "file")
    monkeypatch.setattr(parquet, "_LARGE_BYTES", 1)
    large = parquet.inspect(store, "file", scratch=tmp_path)
    assert small.intact
    assert large.intact
    assert large.footer == small.footer
    assert (large.rows.height, large.rows.lazy().collect().equals(rows)) == (5000, True)
    assert canonical.content_hash(large.rows) == canonical.content_hash(rows)
    data = bytearray((tmp_path / "file").read_bytes())
    # The least value that readers skip a page by: it is in the statistics, and no row has changed.
    data[data.rindex((0).to_bytes(8, "little"))] ^= 1
    (tmp_path / "file").write_bytes(data)
    assert not parquet.inspect(store, "file", scratch=tmp_path).intact
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_scratch_disk_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a large object cannot be taken apart for want of space, nothing is said of the object."""
    parquet.write(pl.DataFrame({"a": range(200_000)}), tmp_path / "file", {})
    full = tmp_path / "scratch"
    full.mkdir()
    (full / f"{'0' * 32}.parquet").symlink_to("/dev/full")
    monkeypatch.setattr("mootech.lake.disk.uuid4", lambda: uuid.UUID(int=0))
    monkeypatch.setattr(parquet, "_LARGE_BYTES", 1)
    with pytest.raises(ScratchError, match="os error 28"):
        parquet.inspect(LocalStore(tmp_path), "file", scratch=full)


def test_a_large_object_that_cannot_be_read_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is taken apart piece by piece."""
    parquet.write(pl.DataFrame({"a": [str(n * 7919 % 10_007) for n in range(50_000)]}), tmp_path / "file", {})
    data = bytearray((tmp_path / "file").read_bytes())
    data[50:400] = bytes(350)
    (tmp_path / "file").write_bytes(data)
    monkeypatch.setattr(parquet, "_LARGE_BYTES", 1)
    with pytest.raises(parquet.DamagedError):
        parquet.inspect(LocalStore(tmp_path), "file", scratch=tmp_path)
