"""Killing `mootech ingest`, again and again on the same lake: kill -9 at a seeded moment, check, resume, check.

A chain alternates between two shops with other rows for the same days, so that kills hit first publishing as well as
republishing, and every object must at all times be the one shop's or the other's, whole.
"""

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from io import BytesIO
from pathlib import Path
from random import Random

import polars as pl

from mootech.lake.paths import OWN, Layer, partition_key
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store
from mootech.model import DayRange
from mootech.tables import TableSpec
from tests.faults.invariants import World, check_converged, check_lake, contents, ingest_command
from tests.forked import Zygote
from tests.zygote import Ended, Start

_SHARE_AT_FILE_EVENTS = 0.5
_CLEAN_AFTER, _CLEAN_AT_LAST = 5, 8
"""Kills in a row before a run is left in peace: on average, and at most."""


@dataclass
class Tally:
    """What became of a number of runs; tallies add up."""

    kills: int = 0
    at_file_events: int = 0
    """Share of the kills at the moment of a chosen file event; the others come at a moment of the clock."""
    ended_before: int = 0
    """Runs that were done before their kill came."""
    resumed: int = 0
    """Undisturbed runs that said they had resumed."""
    converged: int = 0
    lost_rows: int = 0
    duplicated_rows: int = 0
    rewritten: int = 0
    """Objects that a run with nothing to do has written."""
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass
class Target:
    """One lake under fire, this host's state folder for it, and what runs the command."""

    zygote: Zygote
    lake: str
    folder: Path
    """For the state folder and the output."""
    seconds: float = 1.5
    """How long an undisturbed run takes; each one measures it again."""
    events: int = 700
    """How many file events an undisturbed run has; the same."""

    @property
    def store(self) -> Store:
        """The lake's store, as an onlooker opens it."""
        return open_store(self.lake)

    def run(self, world: World, *more: str, after: float | None = None, die_at: int = 0) -> Ended:
        """Run the command; kill it `after` so many seconds, or let it die at its file event of that number."""
        output = self.folder / "output"
        output.mkdir(exist_ok=True)
        argv, env = ingest_command(world, self.lake, self.folder / "state", "--allow-shrink", *more)
        watched = (str(self.folder),)
        return self.zygote.run(Start(argv, env, str(output), watched=watched, die_at=die_at), kill_after=after)

    def undisturbed(self, world: World, *more: str) -> Ended:
        """Run the command to its end, which must be exit code 0, and measure it."""
        began = time.monotonic()
        ended = self.run(world, *more)
        assert ended.returncode == 0, f"an undisturbed run ended with {ended.returncode}: {ended.stdout}{ended.stderr}"
        assert "Traceback" not in ended.stderr, ended.stderr
        self.seconds, self.events = time.monotonic() - began, ended.events
        return ended


def chain(target: Target, worlds: Sequence[World], rng: Random, kills: int, tally: Tally) -> None:
    """Kill so many runs on one lake, and now and then let one end; everything is counted in the tally.

    AssertionError as soon as an invariant does not hold.
    """
    before: Mapping[str, bytes] = {}
    turn, since, last = 0, tally.kills, tally.kills + kills
    while tally.kills < last:
        world = worlds[turn % len(worlds)]
        _kill(target, world, rng, tally)
        check_lake(target.store, world, before)
        if tally.kills in {last, since + _CLEAN_AT_LAST} or rng.random() < 1 / _CLEAN_AFTER:
            converge(target, world, tally)
            before = contents(target.store)
            turn, since = turn + 1, tally.kills


def converge(target: Target, world: World, tally: Tally) -> None:
    """Let one run end, then another: the first leaves the oracle's bytes, the second writes nothing (I7)."""
    ended = target.undisturbed(world)
    tally.resumed += int("resumed: " in ended.stdout + ended.stderr)
    lost, duplicated = _lost_and_duplicated(contents(target.store), world)
    tally.lost_rows += lost
    tally.duplicated_rows += duplicated
    check_converged(target.store, world)
    stood = _versions(target.store)
    target.undisturbed(world)
    written = stood.items() ^ _versions(target.store).items()
    tally.rewritten += len(written)
    assert not written, f"a run with nothing to do wrote {written} (I7)"
    tally.converged += 1


def _kill(target: Target, world: World, rng: Random, tally: Tally) -> None:
    """Kill one run at a moment of its life, each as likely as any other."""
    at_event, moment = rng.random() < _SHARE_AT_FILE_EVENTS, rng.random()
    if at_event:
        ended = target.run(world, die_at=1 + int(moment * target.events))
    else:
        ended = target.run(world, after=moment * target.seconds)
    if ended.returncode == -signal.SIGKILL:
        tally.kills += 1
        tally.at_file_events += int(at_event)
    else:
        assert ended.returncode == 0, f"a run ended with {ended.returncode}: {ended.stdout}{ended.stderr}"
        tally.ended_before += 1


def _versions(store: Store) -> dict[str, str]:
    """Return what would show a write: the versions of all objects but the run history's and the lock's."""
    kept = (f"{OWN}format.json", f"{OWN}manifests/")
    return {
        entry.key: entry.version
        for entry in store.list("")
        if not entry.key.startswith(OWN) or entry.key.startswith(kept)
    }


def _lost_and_duplicated(found: Mapping[str, bytes], world: World) -> tuple[int, int]:
    """Count the oracle's rows that the lake lacks, and the rows that it holds more than once."""
    lost = duplicated = 0
    for table in world.tables:
        for day in DayRange(world.start, world.end):
            key = partition_key(Layer.RAW, table.name, day)
            wanted = _keys(world.objects[key], table)
            rows = _keys(found[key], table) if key in found else wanted.clear()
            lost += wanted.join(rows, on=wanted.columns, how="anti").height
            duplicated += rows.height - rows.unique().height
    return lost, duplicated


def _keys(data: bytes, table: TableSpec) -> pl.DataFrame:
    return pl.read_parquet(BytesIO(data), hive_partitioning=False, columns=list(table.key))
