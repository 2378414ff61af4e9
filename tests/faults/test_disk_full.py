"""A disk that fills up while a run stages, journals, builds or publishes: the last good partitions stay readable."""

import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mootech.errors import StoreError
from mootech.lake.locks.lease import EXPIRY
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store
from tests import forked
from tests.clocks import Time
from tests.faults.days import OLD, Host, check_converges, check_whole, failure, objects, oracle
from tests.faults.disks import fill, remount, small_disk
from tests.faults.invariants import World, check_converged, check_lake, contents, ingest_command
from tests.stores import MemoryStore, day_rows

if TYPE_CHECKING:
    from mootech.lake.stores.store import Store

pytestmark = pytest.mark.fault(4)

BIG = day_rows([n * n * 7919 % 1_000_003 for n in range(8_000)], rejects=tuple(f"{{{n}}}" for n in range(2_000)))
"""Its objects are larger than a few blocks of a disk."""
BLOCK = 4096


@pytest.mark.parametrize("kind", ["building and publishing in a directory", "building for a remote store"])
def test_every_amount_of_space_leaves_old_or_new(kind: str, tmp_path: Path) -> None:
    """With no block free, one block, two and so on: a clean error and the old day, until the new one fits whole."""
    old, new = oracle(tmp_path / "old", OLD), oracle(tmp_path / "new", BIG)
    time, failures = Time(), 0
    with small_disk("1m") as disk:
        store: Store = LocalStore(disk / "lake") if "directory" in kind else MemoryStore()
        host = Host(store, disk / "state", time.policy)
        host.publish(OLD)
        error: Exception | None = StoreError("not tried yet")
        while error is not None:
            ballast = fill(disk, leave=failures * BLOCK)
            error = failure(partial(host.publish, BIG))
            check_whole(objects(store), old, new)
            if error is not None:
                failures += 1
                assert isinstance(error, StoreError), repr(error)
                assert "space" in error.hint
            ballast.unlink()
            # The lease of a run that could not release it runs out; its process, which is this one, lives on.
            time.seconds += EXPIRY.total_seconds()
        assert failures > 3, "the disk was never too small"
        check_converges(host, BIG, new)
        kept = set() if isinstance(store, MemoryStore) else {disk / "lake" / key for key in objects(store)}
        assert set(disk.rglob("*.parquet")) == kept, "something half done was left"


def ingest(world: World, lake: Path, state: Path, beside: Path) -> subprocess.CompletedProcess[str]:
    """Run `mootech ingest`; its configuration stands in a folder `beside` the disk."""
    argv, env = ingest_command(world, lake, beside / "state")
    env["MOOTECH_STATE_DIR"] = str(state)
    return forked.run(argv, env)


def assert_said_so(done: subprocess.CompletedProcess[str]) -> None:
    """Assert that the command failed as the store's failure, and told the person what to do."""
    assert done.returncode == StoreError.exit_code, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in said
    assert "space" in said


@pytest.mark.parametrize("blocks", [0, 2, 12])
def test_a_full_state_folder_stops_staging(world: World, tmp_path: Path, blocks: int) -> None:
    """When pages or their journal cannot be kept, the days fail cleanly; with space the same command converges."""
    with small_disk("4m") as disk:
        (disk / "state").mkdir()
        ballast = fill(disk, leave=blocks * BLOCK)
        assert_said_so(ingest(world, tmp_path / "lake", disk / "state", tmp_path))
        store = open_store(str(tmp_path / "lake"))
        check_lake(store, world)
        ballast.unlink()
        done = ingest(world, tmp_path / "lake", disk / "state", tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        check_converged(store, world)


def test_a_lake_that_fills_its_disk_keeps_what_it_has(world: World, tmp_path: Path) -> None:
    """A lake that outgrows its disk stops with some days whole and no half one; on a larger disk it converges."""
    with small_disk("160k") as disk:
        assert_said_so(ingest(world, disk / "lake", tmp_path / "state", tmp_path))
        store = open_store(str(disk / "lake"))
        check_lake(store, world)
        stood = contents(store)
        assert 0 < len(stood) < len(world.objects)
        remount(disk, "size=16m")
        done = ingest(world, disk / "lake", tmp_path / "state", tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        check_converged(store, world)
        assert stood.items() <= contents(store).items()
