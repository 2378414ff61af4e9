"""What the tests of a failing source share: the sandbox with faults, and the installed command against it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mootech.lake.stores.registry import open_store
from mootech.model import DayRange
from mootech.sandbox.faults import Draw, FaultMix
from mootech.sandbox.server import running
from mootech.tables import TableSpec
from tests import forked
from tests.faults.invariants import PAGE_SIZE, World, check_converged, check_lake, contents, ingest_command

PATIENCE: Mapping[str, float] = {"concurrency": 8, "timeout_seconds": 10.0, "deadline_seconds": 20.0}
"""Enough for a server on a busy machine; what makes a run wait for what never comes says so and sets less."""
_RUNS = 40


@dataclass
class Rehearsal:
    """Runs of the installed command into one lake, each held against the invariants."""

    world: World
    folder: Path
    settings: Mapping[str, float]

    @property
    def lake(self) -> Path:
        """Where the runs publish."""
        return self.folder / "lake"

    def ingest(self, *, missing: bool = False, expect: int | None = None) -> dict[str, Any]:
        """Ingest once and return what `--json` said; the lake must hold, the exit code must be true (I1 to I5, I8).

        Args:
            missing: fetch only what the lake does not hold yet, as cron's line does; False fetches every day.
            expect: the exit code; None takes done or the source's failure.

        """
        argv, env = self.command(missing=missing)
        done = forked.run(argv, env)
        assert "Traceback" not in done.stderr, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        assert said["exit_code"] == done.returncode
        assert done.returncode in ((0, 4) if expect is None else (expect,)), done.stdout + done.stderr
        store = open_store(str(self.lake))
        check_lake(store, self.world)
        statuses = {day["status"] for day in self.days(said)}
        assert (done.returncode == 0) == (statuses <= {"published", "unchanged"}), (done.returncode, statuses)
        return said

    def command(self, *, missing: bool = False) -> tuple[list[str], dict[str, str]]:
        """Return the command line and its environment; its settings are written."""
        argv, env = ingest_command(self.world, self.lake, self.folder / "state", "--json")
        if missing:
            at = argv.index("--start")
            argv[at : at + 2] = ["--lookback", "0"]
        settings = {"page_size": PAGE_SIZE, **PATIENCE, **self.settings}
        lines = ["[source]", *(f"{name} = {value}" for name, value in settings.items())]
        lines += ["[ingest]", f'start = "{self.world.start}"']
        Path(env["MOOTECH_CONFIG"]).write_text("\n".join(lines))
        return argv, env

    def until_whole(self) -> int:
        """Run the same command again and again, as cron does, until it is done; return how often.

        The last run must have left the oracle's bytes, and one more against a good source must write nothing (I7).
        """
        runs = 1
        while self.ingest(missing=True)["exit_code"] != 0:
            runs += 1
            assert runs <= _RUNS, f"not whole after {_RUNS} runs"
        self.check_whole()
        return runs

    def check_whole(self) -> None:
        """Assert I7: the oracle's bytes, and a further run against a good source writes nothing."""
        store = open_store(str(self.lake))
        check_converged(store, self.world)
        before = {entry.key: entry.version for entry in store.list("") if entry.key in contents(store)}
        with running(self.world.shop) as url:
            again = Rehearsal(replace(self.world, url=url), self.folder, {})
            assert {day["status"] for day in self.days(again.ingest(expect=0))} == {"unchanged"}
        assert {entry.key: entry.version for entry in store.list("") if entry.key in before} == before

    @staticmethod
    def days(said: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the days of a `--json` document, each with its table."""
        return [{"table": table["table"], **day} for table in said["tables"] for day in table["days"]]


def narrow(world: World, *tables: TableSpec, days: DayRange | None = None) -> World:
    """Return the world with only some of its tables and, if given, days."""
    kept = days or DayRange(world.start, world.end)
    objects = {
        key: data
        for key, data in world.objects.items()
        if key.split("/")[1] in {table.name for table in tables} and any(f"utc_date={day}/" in key for day in kept)
    }
    return replace(world, tables=tables, start=kept.first, end=kept.last, objects=objects)


@contextmanager
def failing(world: World, folder: Path, profile: str, *, seed: int = 0, **settings: float) -> Iterator[Rehearsal]:
    """Serve the world's shop with faults, and yield what runs the command against it."""
    with running(world.shop, faults=Draw(FaultMix.parse(profile), seed)) as url:
        yield Rehearsal(replace(world, url=url), folder, settings)
