"""A backfill in slices: several machines at once on one lake, some of them killed, leave what one run leaves."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from mootech.lake.stores.registry import open_store
from tests import forked
from tests.environment import COMMAND
from tests.faults.invariants import World, check_converged, check_lake, ingest_command
from tests.faults.watched import Watched, watched

HELD = 75
SHARDS = 5
KILLED = (2, 5)


@pytest.fixture
def source(world: World) -> Iterator[Watched]:
    """The world's API, whose answers can be held back so that a run lasts as long as the test wants."""
    with watched(world.url) as seen:
        yield seen


def _start(stack: ExitStack, world: World, lake: str, state: Path, *more: object) -> forked.Running:
    """Start a run, which ends with the stack at the latest."""
    return stack.enter_context(forked.started(*ingest_command(world, lake, state, *more)))


def _ended(code: int, world: World, lake: str, state: Path, *more: object) -> str:
    """Run to the end, which must be that one; return what it said, on one line."""
    done = forked.run(*ingest_command(world, lake, state, *more))
    assert done.returncode == code, done.stderr
    return " ".join(done.stderr.split())


@pytest.mark.parametrize("hosts", [1, SHARDS], ids=["one host", "five hosts"])
def test_five_slices_two_of_them_killed_leave_what_one_run_leaves(
    world: World, source: Watched, lake_url: str, tmp_path: Path, hosts: int
) -> None:
    """Killed in the middle and started again, byte for byte the lake of a single run, and `verify` holds."""
    states = [tmp_path / f"state-{number % hosts}" for number in range(SHARDS)]
    held_up = replace(world, url=source.url)
    with ExitStack() as stack:
        source.hold(after=40)
        runs = {}
        for number, state in enumerate(states, start=1):
            runs[number] = _start(stack, held_up, lake_url, state, "--shard", f"{number}/{SHARDS}")
        source.wait_for(SHARDS)
        for number in KILLED:
            runs[number].kill()
        source.flow()
        for number in runs.keys() - set(KILLED):
            runs[number].ends(0)
        check_lake(open_store(lake_url), world)
        for number in KILLED:
            _ended(0, held_up, lake_url, states[number - 1], "--shard", f"{number}/{SHARDS}")
    store = open_store(lake_url)
    check_lake(store, world)
    check_converged(store, world)
    _, env = ingest_command(world, lake_url, states[0])
    done = forked.run([COMMAND, "verify"], env)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_slice_and_a_run_on_the_whole_lake_keep_each_other_out(
    world: World, source: Watched, lake_url: str, tmp_path: Path
) -> None:
    """Whoever comes second exits 75 and names the first. Slices of another number do so, too; its own kind does not."""
    held_up = replace(world, url=source.url)
    with ExitStack() as stack:
        source.hold()
        slice_of = _start(stack, held_up, lake_url, tmp_path / "one", "--shard", "1/3")
        source.wait_for(1)
        for more in ((), ("--shard", "1/2"), ("--shard", "1/3")):
            assert "ingest --shard 1/3 on" in _ended(HELD, world, lake_url, tmp_path / "two", *more)
        _ended(0, world, lake_url, tmp_path / "two", "--shard", "2/3")
        source.flow()
        slice_of.ends(0)
        source.hold()
        whole = _start(stack, held_up, lake_url, tmp_path / "one")
        source.wait_for(1)
        said = _ended(HELD, world, lake_url, tmp_path / "two", "--shard", "3/3")
        assert "another run works on this lake: ingest on" in said
        source.flow()
        whole.ends(0)
    check_converged(open_store(lake_url), world)
