"""Publishing a day: the order of writes, what a failure between two of them leaves, and what is not written at all."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from mootech.errors import MootechError, StoreError
from mootech.lake import parquet
from mootech.lake.canonical import content_hash
from mootech.lake.footers import RECEIPT, receipt_in
from mootech.lake.lake import DayRows, Lake
from mootech.lake.paths import Layer, partition_key, quarantine_prefix
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.store import Store
from mootech.model import Lineage, Provenance, Receipt
from tests.stores import DAY, CutAfter, RecordingStore, day_rows

KEY = partition_key(Layer.RAW, "transactions", DAY)
QUARANTINE = quarantine_prefix("transactions", DAY)
OLD = day_rows([1, 2], rejects=("{a}", "{b}"), duplicates=1)
NEW = day_rows([1, 2, 3], rejects=("{c}",))


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    """Make a recording store over an empty directory."""
    return RecordingStore(LocalStore(tmp_path / "lake"))


@contextmanager
def locked(store: Store, state_dir: Path) -> Iterator[Lake]:
    """Open the lake for writing and hold its lock, as one command does."""
    lake = Lake(store, state_dir=state_dir, write=True)
    with lake.lock("test"):
        yield lake
        lake.save_manifests()


def publish(store: Store, state_dir: Path, day: DayRows) -> tuple[Receipt, bool]:
    """Publish one day in a command of its own."""
    with locked(store, state_dir) as lake:
        return lake.publish_day(day)


def objects(store: Store) -> dict[str, bytes]:
    """Return every object of the lake that holds rows."""
    return {entry.key: store.read(entry.key) for entry in store.list("") if not entry.key.startswith("_mootech/")}


def rows_written(store: RecordingStore) -> list[tuple[str, str]]:
    """Return the writes outside mootech's own folder, in order."""
    return [call for call in store.writes if not call[1].startswith("_mootech/")]


def test_the_receipt_says_what_is_there(store: RecordingStore, state_dir: Path) -> None:
    """A published day holds its rows, its receipt in the footer, and its rejects in the object the receipt names."""
    receipt, changed = publish(store, state_dir, OLD)
    assert changed
    assert receipt.conserved
    assert (receipt.fetched, receipt.published, receipt.quarantined, receipt.duplicates) == (5, 2, 2, 1)
    assert receipt_in(parquet.footer(store, KEY)) == receipt
    lake = Lake(store, state_dir=state_dir)
    assert lake.read(KEY).equals(OLD.rows.lazy().collect())
    assert receipt.content_hash == content_hash(OLD.rows)
    quarantined = f"{QUARANTINE}{receipt.quarantine}"
    assert lake.read(quarantined)["raw"].to_list() == ["{a}", "{b}"]
    assert parquet.footer(store, quarantined)["mootech.content_hash"].startswith(str(receipt.quarantine)[:16])
    assert lake.held(Layer.RAW, "transactions")[DAY].receipt == receipt


def test_quarantine_first_then_the_partition_then_the_rest(store: RecordingStore, state_dir: Path) -> None:
    """Replacing a day puts the new quarantine object, then the partition, and deletes the old object last."""
    old, _ = publish(store, state_dir, OLD)
    store.calls.clear()
    new, _ = publish(store, state_dir, NEW)
    assert rows_written(store) == [
        ("put", f"{QUARANTINE}{new.quarantine}"),
        ("put", KEY),
        ("delete", f"{QUARANTINE}{old.quarantine}"),
    ]
    assert store.writes[-1] == ("put", "_mootech/manifests/raw_data-transactions.json")


def test_a_clean_day_has_no_quarantine_object(store: RecordingStore, state_dir: Path) -> None:
    """A day without rejects names no quarantine object, and those of before go."""
    publish(store, state_dir, OLD)
    receipt, _ = publish(store, state_dir, day_rows([1]))
    assert receipt.quarantine is None
    assert list(objects(store)) == [KEY]


def test_the_same_day_again_writes_nothing(store: RecordingStore, state_dir: Path) -> None:
    """A second publication of the same rows is unchanged: no write below raw_data, quarantine or the manifests."""
    publish(store, state_dir, OLD)
    before = objects(store)
    store.calls.clear()
    _, changed = publish(store, state_dir, replace(OLD, rejects=OLD.rejects.reverse()))
    assert not changed
    assert store.writes == []
    assert objects(store) == before


def test_other_counts_with_the_same_rows_are_published(store: RecordingStore, state_dir: Path) -> None:
    """When only the duplicates changed the partition is written again, with the new receipt."""
    publish(store, state_dir, OLD)
    receipt, changed = publish(store, state_dir, replace(OLD, duplicates=2, fetched=6))
    assert changed
    assert receipt_in(parquet.footer(store, KEY)) == receipt


def test_a_day_with_a_newer_receipt_is_left_alone_until_it_changes(
    store: RecordingStore, state_dir: Path, tmp_path: Path
) -> None:
    """Names that a newer mootech put into a receipt are no reason to write the same rows; other rows drop them."""
    receipt, _ = publish(store, state_dir, OLD)
    newer = json.dumps({**json.loads(receipt.to_json()), "made_by": "2.0"}, sort_keys=True)
    file = tmp_path / "newer.parquet"
    parquet.write(OLD.rows, file, {RECEIPT: newer})
    store.put(KEY, file, {})
    assert publish(store, state_dir, OLD) == (receipt, False)
    assert parquet.footer(store, KEY)[RECEIPT] == newer
    changed, written = publish(store, state_dir, NEW)
    assert written
    assert parquet.footer(store, KEY)[RECEIPT] == changed.to_json()


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("writes", range(3))
def test_a_failure_leaves_old_or_new_and_a_rerun_converges(
    tmp_path: Path, state_dir: Path, writes: int, *, lost: bool
) -> None:
    """Whichever write fails, done or not, the partition is whole, and a rerun ends in the bytes of a clean run."""
    clean, broken = LocalStore(tmp_path / "clean"), LocalStore(tmp_path / "broken")
    for store in (clean, broken):
        publish(store, state_dir, OLD)
    publish(clean, state_dir, NEW)
    before = broken.read(KEY)
    with locked(broken, state_dir) as lake, pytest.raises(StoreError):
        Lake.publish_day(_through(lake, CutAfter(broken, writes, lost)), NEW)
    assert broken.read(KEY) in {before, clean.read(KEY)}
    publish(broken, state_dir, NEW)
    assert objects(broken) == objects(clean)


def _through(lake: Lake, store: Store) -> Lake:
    # The cut starts behind the opening of the lake, so that `writes` counts publishing alone.
    lake.store = store
    lake._publisher._store = store  # noqa: SLF001  # there is no other way in between
    return lake


def test_a_failed_publication_is_found_in_the_same_run(tmp_path: Path, state_dir: Path) -> None:
    """After a write in doubt the next attempt of the same run looks again instead of trusting its memory."""
    store = LocalStore(tmp_path / "lake")
    with locked(store, state_dir) as lake:
        cut = _through(lake, CutAfter(store, 1, lost=True))
        with pytest.raises(StoreError):
            cut.publish_day(NEW)
        _, changed = _through(lake, store).publish_day(NEW)
    assert not changed
    assert len(objects(store)) == 2


def test_an_orphan_of_a_killed_run_is_removed_without_a_write(store: RecordingStore, state_dir: Path) -> None:
    """A quarantine object that no receipt names goes with the next publication, also of an unchanged day."""
    publish(store, state_dir, OLD)
    orphan = f"{QUARANTINE}{'0' * 16}.parquet"
    store.inner.create(orphan, b"half a run")
    store.calls.clear()
    _, changed = publish(store, state_dir, OLD)
    assert not changed
    assert rows_written(store) == [("delete", orphan)]


@pytest.mark.parametrize(
    "damage", ["partition gone", "partition flipped", "partition cut", "quarantine gone", "quarantine cut"]
)
def test_damage_from_outside_is_rebuilt(tmp_path: Path, state_dir: Path, damage: str) -> None:
    """An object that was deleted, truncated or changed is published again with the same bytes."""
    root = tmp_path / "lake"
    store = LocalStore(root)
    publish(store, state_dir, OLD)
    before = objects(store)
    file = root / (KEY if damage.startswith("partition") else next(key for key in before if key != KEY))
    data = bytearray(file.read_bytes())
    if damage.endswith("flipped"):
        # A byte of the values: some others, in a page's header, are read by nobody.
        data[data.index(b"\x28\xb5\x2f\xfd") + 12] ^= 1
        file.write_bytes(data)
    elif damage.endswith("cut"):
        file.write_bytes(data[:50])
    else:
        file.unlink()
    _, changed = publish(store, state_dir, OLD)
    assert changed
    assert objects(store) == before


def test_a_damaged_footer_is_held_without_a_receipt(tmp_path: Path, state_dir: Path) -> None:
    """A partition whose footer cannot be read is held, with no receipt, and reading it is an error with a hint."""
    store = LocalStore(tmp_path / "lake")
    publish(store, state_dir, OLD)
    (tmp_path / "lake" / KEY).write_bytes(b"PAR1 nothing PAR1")
    lake = Lake(store, state_dir=state_dir)
    assert lake.held(Layer.RAW, "transactions")[DAY].receipt is None
    with pytest.raises(StoreError) as caught:
        lake.read(KEY)
    assert "mootech ingest" in caught.value.hint


def test_rows_that_do_not_add_up_are_never_published(store: RecordingStore, state_dir: Path) -> None:
    """A day that lost a row on the way is a bug, and nothing of it is written."""
    with pytest.raises(MootechError) as caught:
        publish(store, state_dir, replace(OLD, fetched=6))
    assert caught.value.exit_code == 1
    assert objects(store) == {}


def test_publishing_needs_the_lock(store: RecordingStore, state_dir: Path) -> None:
    """Outside the lock nothing is published, and a lake opened for reading has none."""
    lake = Lake(store, state_dir=state_dir, write=True)
    with pytest.raises(MootechError):
        lake.publish_day(OLD)
    with pytest.raises(MootechError), Lake(store, state_dir=state_dir).lock("test"):
        pass
    assert objects(store) == {}


def test_nothing_temporary_stands_below_a_table(store: RecordingStore, state_dir: Path, tmp_path: Path) -> None:
    """After publishing, the folders of tables hold the objects alone, and the work folder is empty."""
    publish(store, state_dir, OLD)
    assert len(objects(store)) == 2
    assert list((tmp_path / "lake" / "_mootech" / "tmp").iterdir()) == []


def silver(*, amount: int = 1, written: date = DAY) -> pl.DataFrame:
    """Return a frame of silver."""
    return pl.DataFrame({"amount": [amount], "last_modified": [written]})


def test_silver_is_written_when_its_content_changes(store: RecordingStore, state_dir: Path) -> None:
    """Another last_modified leaves the object alone; another value writes it, with its provenance."""
    with locked(store, state_dir) as lake:
        assert lake.publish_silver("transactions", DAY, silver(), Lineage("a"))
        assert not lake.publish_silver("transactions", DAY, silver(written=date(2025, 1, 1)), Lineage("a"))
        assert lake.publish_silver("transactions", DAY, silver(amount=2), Lineage("b"))
    held = Lake(store, state_dir=state_dir).held(Layer.SILVER, "transactions")[DAY]
    assert held.provenance == Provenance(content_hash(silver(amount=2), leave_out=("last_modified",)), "b")


@pytest.mark.parametrize("single", [False, True])
def test_new_inputs_with_the_same_content_are_remembered(
    store: RecordingStore, state_dir: Path, *, single: bool
) -> None:
    """The object stays as it is, the manifest knows the new inputs, and without the manifest the old ones count."""

    def write(lake: Lake, inputs: str) -> bool:
        if single:
            return lake.publish_object(Layer.RESULTS, "sales", silver(), Lineage(inputs))
        return lake.publish_silver("transactions", DAY, silver(), Lineage(inputs))

    def inputs_held() -> str | None:
        lake = Lake(store, state_dir=state_dir)
        held = lake.held_object(Layer.RESULTS, "sales") if single else lake.held(Layer.SILVER, "transactions")[DAY]
        return held.provenance.inputs_hash if held and held.provenance else None

    with locked(store, state_dir) as lake:
        assert write(lake, "a")
    before = objects(store)
    with locked(store, state_dir) as lake:
        assert not write(lake, "b")
    assert objects(store) == before
    assert inputs_held() == "b"
    for entry in store.list("_mootech/manifests/"):
        store.delete(entry.key)
    assert inputs_held() == "a"


def test_a_missing_object_is_none_and_is_published_again(store: RecordingStore, state_dir: Path) -> None:
    """A report that was deleted is not held, and the same content is written again."""
    with locked(store, state_dir) as lake:
        lake.publish_object(Layer.RESULTS, "sales", silver(), Lineage("a"))
        store.delete("results/sales/data.parquet")
        assert lake.held_object(Layer.RESULTS, "sales") is None
        assert lake.publish_object(Layer.RESULTS, "sales", silver(), Lineage("a"))


def test_the_metadata_tell_two_receipts_apart(store: RecordingStore, state_dir: Path) -> None:
    """A PUT carries the content hash and the receipt's own, so that a HEAD knows the old object from the new."""
    seen = []
    put = store.inner.put

    def watched(key: str, file: Path, metadata: dict[str, str], *, replaces: str | None = None) -> object:
        seen.append((key, metadata))
        return put(key, file, metadata, replaces=replaces)

    store.inner.put = watched  # type: ignore[method-assign, assignment]  # a spy on one verb
    receipt, _ = publish(store, state_dir, OLD)
    assert (
        KEY,
        {
            "mootech-content-hash": receipt.content_hash,
            "mootech-receipt": hashlib.sha256(receipt.to_json().encode()).hexdigest(),
        },
    ) in seen
