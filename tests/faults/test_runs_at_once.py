"""Rows 6, 7 and 10: of several runs on one lake one works, the others say who, and a dead one keeps nobody out."""

import os
import re
import select
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mootech.lake.stores.registry import open_store
from tests import forked
from tests.faults.invariants import World, check_converged, check_lake, ingest_command
from tests.faults.watched import WAIT_SECONDS, Watched, watched

HELD = 75
_HOLDER = re.compile(r"another run works on this lake: ingest on (\S+) \(pid (\d+)\) since 20[\d -]+[\d:]+ UTC")


@contextmanager
def started(world: World, lake: str, states: Sequence[Path]) -> Iterator[list[forked.Running]]:
    """Start one run for each state folder at once; whatever is left of them at the end is killed."""
    with ExitStack() as stack:
        yield [stack.enter_context(forked.started(*ingest_command(world, lake, state))) for state in states]


@pytest.fixture
def source(world: World) -> Iterator[Watched]:
    """The world's API, whose answers can be held back so that a run lasts as long as the test wants."""
    with watched(world.url) as seen:
        yield seen


def check_one_works(world: World, source: Watched, lake: str, states: Sequence[Path]) -> None:
    """Run all at once while the source is silent; all but one must exit 75 and name that one, which then finishes."""
    source.hold()
    with started(replace(world, url=source.url), lake, states) as runs:
        working = list(runs)
        for _ in range(len(runs) - 1):
            loser = _first_to_end(working)
            working.remove(loser)
            loser.ends(HELD)
        (worker,) = working
        told = [" ".join(run.ends().stderr.split()) for run in runs if run is not worker]
        named = [_HOLDER.search(each) for each in told]
        assert all(match is not None and match[1] == socket.gethostname() for match in named), told
        pids = {int(match[2]) for match in named if match is not None}
        assert worker.pid in pids
        if len(set(states)) == 1:
            assert pids == {worker.pid}
        else:
            # A host's own lock is held for a moment by a run that is then refused the lease.
            assert pids <= {run.pid for run in runs}
        assert source.arrived.wait(WAIT_SECONDS)
        source.flow()
        worker.ends(0)
    store = open_store(lake)
    check_lake(store, world)
    check_converged(store, world)


def _first_to_end(runs: Sequence[forked.Running]) -> forked.Running:
    """Wait until one of the runs has ended."""
    with ExitStack() as stack:
        ends = {os.pidfd_open(run.pid): run for run in runs}
        for end in ends:
            stack.callback(os.close, end)
        ready, _, _ = select.select(list(ends), [], [], WAIT_SECONDS)
        assert ready, "no further run ended: more than one works, or they wait for each other"
        return ends[ready[0]]


@pytest.mark.fault(6)
@pytest.mark.parametrize("runs", [2, 10])
def test_of_runs_at_once_on_a_directory_one_works(world: World, source: Watched, tmp_path: Path, runs: int) -> None:
    """One works and leaves the oracle; the others exit 75 and name its host, process, start and command."""
    check_one_works(world, source, str(tmp_path / "lake"), [tmp_path / "state"] * runs)


@pytest.mark.s3
@pytest.mark.fault(6)
def test_of_six_runs_at_once_on_s3_one_works(world: World, source: Watched, tmp_path: Path, s3_lake: str) -> None:
    """The same on S3."""
    check_one_works(world, source, s3_lake, [tmp_path / "state"] * 6)


@pytest.mark.s3
@pytest.mark.fault(7)
def test_of_six_runs_from_two_hosts_on_s3_one_works(
    world: World, source: Watched, tmp_path: Path, s3_lake: str
) -> None:
    """With two state folders no lock of the host decides, but the lease does, and names the holder to the others."""
    check_one_works(world, source, s3_lake, [tmp_path / "state-1", tmp_path / "state-2"] * 3)


@pytest.mark.fault(10)
@pytest.mark.parametrize("buried", [True, False])
def test_the_lock_of_a_killed_run_is_free_at_once(
    world: World, source: Watched, lake_url: str, tmp_path: Path, *, buried: bool
) -> None:
    """After kill -9 the next run works without waiting, also while the dead process is still a zombie."""
    held_up = replace(world, url=source.url)
    source.hold()
    state = tmp_path / "state"
    with started(held_up, lake_url, [state]) as (run,):
        assert source.arrived.wait(WAIT_SECONDS)
        os.kill(run.pid, signal.SIGKILL)
        # Its end is waited for, and nobody asks how it ended: that keeps a zombie.
        _first_to_end([run])
        if buried:
            run.ends()
        source.flow()
        argv, env = ingest_command(held_up, lake_url, state)
        done = forked.run(argv, env)
        assert done.returncode == 0, done.stderr
    check_converged(open_store(lake_url), world)
