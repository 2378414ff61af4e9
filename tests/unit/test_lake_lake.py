"""Opening a lake, its lock between processes, its manifests and its run history; in a directory."""

import json
import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from mootech.errors import EmptyLakeError, LockHeldError, MootechError, StoreError, UsageError
from mootech.lake.lake import DayRows, Lake, Layer
from mootech.lake.paths import partition_key
from mootech.lake.stores.local import LocalStore
from mootech.tables import TRANSACTIONS
from tests.stores import DAY, RecordingStore, day_rows

MANIFEST = "_mootech/manifests/raw_data-transactions.json"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the address of a lake that is not there yet."""
    return str(tmp_path / "lake")


def fill(url: str, state_dir: Path, days: int = 3) -> None:
    """Publish some days of transactions."""
    lake = Lake.open(url, state_dir=state_dir, write=True)
    with lake.lock("test"):
        for number in range(days):
            sample = day_rows([number])
            day = DAY + timedelta(days=number)
            lake.publish_day(DayRows(sample.table, day, sample.rows, sample.rejects, 1, 0, 1))
        lake.save_manifests()


def test_a_lake_that_is_not_there_is_empty(url: str, state_dir: Path) -> None:
    """Opening nothing for reading says so, with what to type, and makes nothing."""
    with pytest.raises(EmptyLakeError) as caught:
        Lake.open(url, state_dir=state_dir)
    assert "mootech ingest" in caught.value.hint
    assert not Path(url).exists()


def test_opening_for_writing_makes_a_lake(url: str, state_dir: Path) -> None:
    """A lake opened for writing says its format, holds nothing, and can be opened for reading."""
    Lake.open(url, state_dir=state_dir, write=True)
    assert json.loads((Path(url) / "_mootech/format.json").read_text()) == {"format": 1}
    assert Lake.open(url, state_dir=state_dir).held(Layer.RAW, "users") == {}


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ('{"format": 2}', UsageError, "Upgrade"),
        ("", StoreError, "format"),
        ("[]", StoreError, "format"),
        ('{"format": "x"}', StoreError, "format"),
    ],
)
def test_a_format_that_is_newer_or_unreadable_is_refused(
    url: str, state_dir: Path, text: str, error: type[MootechError], hint: str
) -> None:
    """A lake of a newer mootech, or one that does not say what it is, is neither read nor written."""
    fill(url, state_dir)
    (Path(url) / "_mootech/format.json").write_text(text)
    for write in (False, True):
        with pytest.raises(error) as caught:
            Lake.open(url, state_dir=state_dir, write=write)
        assert hint in caught.value.hint


def test_a_lake_of_an_older_format_is_read(url: str, state_dir: Path) -> None:
    """Format 0 is older than this mootech, and opens."""
    fill(url, state_dir)
    (Path(url) / "_mootech/format.json").write_text('{"format": 0}')
    assert len(Lake.open(url, state_dir=state_dir).held(Layer.RAW, "transactions")) == 3


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, state_dir: Path) -> None:
    """A file where the lake's folder should be is a store error with a hint."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError) as caught:
        Lake.open(str(tmp_path / "file" / "lake"), state_dir=state_dir, write=True)
    assert "--lake" in caught.value.hint


def test_symbolic_links_are_refused(url: str, state_dir: Path, tmp_path: Path) -> None:
    """A link inside the lake is not followed, neither for reading nor for writing, and is listed as foreign."""
    fill(url, state_dir)
    outside = tmp_path / "outside"
    outside.mkdir()
    link = Path(url) / "raw_data/transactions/utc_date=2020-01-01"
    link.symlink_to(outside)
    lake = Lake.open(url, state_dir=state_dir)
    assert lake.foreign(Layer.RAW, TRANSACTIONS) == ["raw_data/transactions/utc_date=2020-01-01"]
    key = partition_key(Layer.RAW, "transactions", date(2020, 1, 1))
    with pytest.raises(StoreError, match="symbolic link"):
        lake.read(key)
    with pytest.raises(StoreError, match="symbolic link"):
        lake.store.create(key, b"x")
    assert list(outside.iterdir()) == []


def test_foreign_objects_are_listed(url: str, state_dir: Path) -> None:
    """What mootech did not put below a table's folder is named, and its own partitions are not."""
    fill(url, state_dir)
    stray = Path(url) / "raw_data/transactions/utc_date=2024-02-29/part-0.parquet"
    stray.write_bytes(b"")
    lake = Lake.open(url, state_dir=state_dir)
    assert lake.foreign(Layer.RAW, TRANSACTIONS) == ["raw_data/transactions/utc_date=2024-02-29/part-0.parquet"]
    assert len(lake.held(Layer.RAW, "transactions")) == 3


def reads(url: str, state_dir: Path) -> list[str]:
    """List a table with a new lake; return the footers it had to read."""
    store = RecordingStore(LocalStore(Path(url)))
    held = Lake(store, state_dir=state_dir).held(Layer.RAW, "transactions")
    assert all(one.receipt is not None and one.receipt.utc_date == day.isoformat() for day, one in held.items())
    return [key for verb, key in store.calls if verb == "read_tail"]


def test_the_manifest_saves_the_footers(url: str, state_dir: Path) -> None:
    """With its manifest a table is known from one listing; without it, every footer is read."""
    fill(url, state_dir)
    assert reads(url, state_dir) == []
    (Path(url) / MANIFEST).unlink()
    assert len(reads(url, state_dir)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '{"format": 2, "entries": {}}',
        '{"format": 1, "entries": {"2024-02-29": {}}}',
        "\xff",
        '{"x": ' + "[" * 100_000,
    ],
)
def test_a_manifest_that_cannot_be_believed_is_ignored(url: str, state_dir: Path, text: str) -> None:
    """A corrupt manifest, or one of another format, costs reading the footers and nothing else."""
    fill(url, state_dir)
    (Path(url) / MANIFEST).write_text(text, encoding="latin-1")
    assert len(reads(url, state_dir)) == 3


def test_an_object_that_changed_is_not_taken_from_the_manifest(url: str, state_dir: Path) -> None:
    """Only the footer of the object whose version differs is read again."""
    fill(url, state_dir)
    file = Path(url) / partition_key(Layer.RAW, "transactions", DAY)
    file.write_bytes(file.read_bytes())
    os.utime(file, ns=(1, 1))
    assert reads(url, state_dir) == [partition_key(Layer.RAW, "transactions", DAY)]


def test_a_partition_that_is_gone_is_not_held(url: str, state_dir: Path) -> None:
    """A deleted partition is missing from `held`, whatever the manifest remembers."""
    fill(url, state_dir)
    (Path(url) / partition_key(Layer.RAW, "transactions", DAY)).unlink()
    held = Lake.open(url, state_dir=state_dir).held(Layer.RAW, "transactions")
    assert list(held) == [DAY + timedelta(days=1), DAY + timedelta(days=2)]


def test_the_run_history_keeps_the_newest_hundred(url: str, state_dir: Path) -> None:
    """The last run is the newest, and of 103 the oldest three are gone."""
    lake = Lake.open(url, state_dir=state_dir, write=True)
    assert lake.last_run() is None
    for number in range(103):
        lake.record_run({"run_id": f"20260101T000{number:03d}Z-abcd", "number": number})
    runs = lake.store.list("_mootech/runs/")
    assert (len(runs), runs[0].key) == (100, "_mootech/runs/20260101T000003Z-abcd.json")
    assert (lake.last_run() or {})["number"] == 102


def test_two_locks_in_one_process_exclude_each_other(url: str, state_dir: Path) -> None:
    """A second lock on the lake is refused while the first is held, and given after."""
    one, two = (Lake.open(url, state_dir=state_dir, write=True) for _ in range(2))
    with one.lock("ingest"):
        assert "ingest on" in (two.lock_holder() or "")
        with pytest.raises(LockHeldError, match="ingest on"), two.lock("silver"):
            pass
    assert two.lock_holder() is None
    with two.lock("silver"):
        assert "silver on" in (one.lock_holder() or "")


HOLD = """
import sys
from pathlib import Path
from mootech.lake.lake import Lake
with Lake.open(sys.argv[1], state_dir=Path(sys.argv[2]), write=True).lock("ingest"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_process_leaves_no_lock(url: str, state_dir: Path) -> None:
    """Another process's lock is respected and its holder named; after kill -9 the next run starts at once."""
    lake = Lake.open(url, state_dir=state_dir, write=True)
    command = [sys.executable, "-c", HOLD, url, str(state_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:  # noqa: S603  # our own interpreter
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LockHeldError, match=rf"pid {other.pid}\)") as caught, lake.lock("ingest"):
            pass
        assert f"kill {other.pid}" in caught.value.hint
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert lake.lock_holder() is None
        with lake.lock("ingest"):
            assert f"pid {os.getpid()}" in (lake.lock_holder() or "")


def test_leftovers_of_killed_runs_are_removed(url: str, state_dir: Path) -> None:
    """An old unfinished file goes when the lock is taken; a young one may be another command's and stays."""
    lake = Lake.open(url, state_dir=state_dir, write=True)
    work = Path(url) / "_mootech/tmp"
    folders = (work, work.parent, lake.workspace / "profiles", lake.workspace / "blocked/users")
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("old", "young"):
            (folder / f".mootech-{name}.tmp").write_text("x")
        os.utime(folder / ".mootech-old.tmp", (1, 1))
    kept = lake.workspace / "profiles/users.json"
    kept.write_text("x")
    os.utime(kept, (1, 1))
    with lake.lock("ingest"):
        for folder in folders:
            assert [file.name for file in folder.glob(".mootech-*")] == [".mootech-young.tmp"]
    assert kept.exists()


def test_files_of_the_lake_follow_the_umask(url: str, state_dir: Path) -> None:
    """Other users may read a partition when the umask lets them: temporary files are not left private."""
    umask = os.umask(0o022)
    try:
        fill(url, state_dir, days=1)
    finally:
        os.umask(umask)
    assert (Path(url) / partition_key(Layer.RAW, "transactions", DAY)).stat().st_mode & 0o777 == 0o644
