"""No permission and read-only mounts, met by an unprivileged user: exit 5 and a hint; reading works where it can."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mootech.errors import StoreError
from mootech.lake.stores.registry import open_store
from tests import forked
from tests.environment import COMMAND
from tests.faults.disks import remount, small_disk
from tests.faults.invariants import World, check_converged, contents, ingest_command

pytestmark = pytest.mark.fault(5)

NOBODY = 65534
"""The user who owns nothing."""


@pytest.fixture
def disk() -> Iterator[Path]:
    """Mount a disk that everybody may enter, with a state folder of the unprivileged user."""
    with small_disk("16m") as folder:
        state = folder / "state"
        state.mkdir(mode=0o700)
        os.chown(state, NOBODY, NOBODY)
        yield folder


@pytest.fixture
def lake(disk: Path, world: World) -> Path:
    """Put the world's lake on the disk, whole, owned by root and readable by everybody."""
    argv, env = ingest_command(world, disk / "lake", disk / "root-state")
    forked.run(argv, env).check_returncode()
    return disk / "lake"


def ingest(world: World, lake: Path, state: Path, *more: object) -> subprocess.CompletedProcess[str]:
    """Run `mootech ingest` as nobody, over the whole range."""
    argv, env = ingest_command(world, lake, state, *more)
    return forked.run(argv, env, cwd="/", user=NOBODY)


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Assert exit 5, no traceback, and that a person is told these words."""
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == StoreError.exit_code, said
    assert "Traceback" not in said
    for word in words:
        assert word in said, said


def test_a_lake_of_another_user_is_not_written(world: World, disk: Path, lake: Path) -> None:
    """A lake without write permission: exit 5 that says what to do, and not a byte of it changes."""
    assert_refused(ingest(world, lake, disk / "state"), "write access", "--lake")
    check_converged(open_store(str(lake)), world)


def test_a_folder_that_cannot_be_made_is_said_at_once(world: World, disk: Path) -> None:
    """A lake in a folder that this user cannot make: exit 5, and nothing is made."""
    assert_refused(ingest(world, disk / "new" / "lake", disk / "state"), "write access")
    assert not (disk / "new").exists()


def test_a_state_folder_of_another_user_is_refused(world: World, disk: Path) -> None:
    """A state folder without permission: exit 5 that names it, and no day is published."""
    lake = disk / "state" / "lake"
    assert_refused(ingest(world, lake, disk / "root-state"), "MOOTECH_STATE_DIR")
    assert not lake.exists() or contents(open_store(str(lake))) == {}


def test_one_folder_without_permission_costs_only_its_day(world: World, disk: Path, lake: Path) -> None:
    """When one day's folder is closed, that day fails cleanly, the others are published, and it mends."""
    shutil.rmtree(lake / "raw_data" / "products")
    for path in (lake, *lake.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    missing = f"raw_data/users/utc_date={world.start}/data.parquet"
    closed = (lake / missing).parent
    shutil.rmtree(closed)
    closed.mkdir(mode=0o555)
    assert_refused(ingest(world, lake, disk / "state"), "write access", f"users {world.start}")
    store = open_store(str(lake))
    assert contents(store) == {key: data for key, data in world.objects.items() if key != missing}
    os.chown(closed, NOBODY, NOBODY)
    closed.chmod(0o755)
    done = ingest(world, lake, disk / "state")
    assert done.returncode == 0, done.stdout + done.stderr
    check_converged(store, world)


def test_an_object_that_cannot_be_read_is_an_error_of_the_store(world: World, disk: Path, lake: Path) -> None:
    """A partition without read permission: `qa` exits 5 and names the file."""
    partition = lake / "raw_data" / "products" / f"utc_date={world.start}" / "data.parquet"
    partition.chmod(0o600)
    _, env = ingest_command(world, lake, disk / "state")
    assert_refused(forked.run([COMMAND, "qa", "-t", "products"], env, cwd="/", user=NOBODY), str(partition)[:40])


@pytest.mark.parametrize("user", [pytest.param(0, id="root"), pytest.param(NOBODY, id="nobody")])
def test_a_read_only_disk_is_read_and_not_written(world: World, disk: Path, lake: Path, user: int) -> None:
    """On a read-only mount writing exits 5 and says so, whoever asks; `status` and `qa` work as ever."""
    remount(disk, "ro")
    try:
        argv, env = ingest_command(world, lake, Path("/tmp/not-made"))  # noqa: S108  # replaced in the line below
        env["MOOTECH_STATE_DIR"] = str(disk / "state")
        for command, code in ((argv, StoreError.exit_code), ([COMMAND, "status"], 0), ([COMMAND, "qa"], 0)):
            done = forked.run(command, env, cwd="/", user=user)
            said = " ".join((done.stdout + done.stderr).split())
            assert done.returncode == code, f"{command}: {said}"
            assert "Traceback" not in said
            assert code == 0 or "read-only" in said.lower()
    finally:
        remount(disk, "rw")
    check_converged(open_store(str(lake)), world)
