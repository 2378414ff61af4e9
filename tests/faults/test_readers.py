"""Row 28: who reads while days are republished gets the old day or the new one, whole, never a mixture."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from mootech.lake.lake import DayRows, Lake
from tests.faults.reader import ENGINES
from tests.stores import DAY, day_rows

TORTURE = "MOOTECH_TORTURE" in os.environ
REPLACED = 500 if TORTURE else 40
"""How often each day is replaced, at the least."""
READS = 20 if TORTURE else 8
"""How often each reader reads meanwhile, at the least."""
DEADLINE_SECONDS = 240.0

DAYS = (DAY, DAY + timedelta(days=1))
SHIFTS = {0: 20_000, 100: 30_900}
"""Two versions of a day: what amounts are shifted by against the numbers in order_id, and how many rows there are."""


@dataclass
class Reader:
    """A reading process and what it has read so far."""

    process: "subprocess.Popen[str]"
    arrivals: "Queue[str]"
    """Told of every read, and in the end of nothing."""
    reads: list[dict[str, Any]] = field(default_factory=list)

    def collect(self) -> None:
        """Note every line until the process ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.reads.append(json.loads(line))
            self.arrivals.put(line)
        self.arrivals.put("")


@contextmanager
def reading(engine: str, lake: str, folder: Path, arrivals: "Queue[str]") -> Iterator[Reader]:
    """Read the lake from a process of its own for as long as the context lasts; it must end well."""
    command = [sys.executable, "-m", "tests.faults.reader", engine, lake, str(folder / f"state-{engine}")]
    with (folder / f"{engine}.log").open("w+") as log:
        with subprocess.Popen(  # noqa: S603  # our own command
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process:
            reader = Reader(process, arrivals)
            collector = Thread(target=reader.collect)
            collector.start()
            try:
                yield reader
            finally:
                assert process.stdin is not None
                process.stdin.close()
                collector.join()
        log.seek(0)
        assert process.returncode == 0, f"{engine}: {log.read()[-2000:]}"


def version(shift: int, day: date) -> DayRows:
    """Return a day whose rows say in two columns which version they are of."""
    return replace(day_rows([number + shift for number in range(SHIFTS[shift])]), day=day)


def sums(shift: int) -> list[int]:
    """Return what a reader must find of a version."""
    rows = SHIFTS[shift]
    return [rows, rows * (rows - 1) // 2 + rows * shift, shift, shift]


@pytest.mark.fault(28)
@pytest.mark.timeout(2 * DEADLINE_SECONDS)
def test_readers_see_whole_versions_while_days_are_replaced(lake_url: str, tmp_path: Path) -> None:
    """DuckDB, Polars and mootech itself, each polling from its own process, find one of the two versions of each day.

    mootech's own reading never fails for it; the others may, and then succeed when they read again. For that the writer
    waits now and then: who replaces an object faster than DuckDB can open it twice leaves it nothing to read.
    """
    lake = Lake.open(lake_url, state_dir=tmp_path / "state", write=True)
    versions = {(shift, day): version(shift, day) for shift in SHIFTS for day in DAYS}
    with ExitStack() as stack:
        stack.enter_context(lake.lock("ingest"))
        for day in DAYS:
            lake.publish_day(versions[0, day])
        arrivals: Queue[str] = Queue()
        readers = {engine: stack.enter_context(reading(engine, lake_url, tmp_path, arrivals)) for engine in ENGINES}
        deadline = time.monotonic() + DEADLINE_SECONDS
        for replaced in range(1, REPLACED + 1):
            for day in DAYS:
                _, changed = lake.publish_day(versions[(100, 0)[replaced % 2 == 0], day])
                assert changed
            while any(len(reader.reads) * REPLACED < READS * replaced for reader in readers.values()):
                assert arrivals.get(timeout=deadline - time.monotonic()), "a reader died"
    whole = [sums(shift) for shift in SHIFTS]
    for engine, reader in readers.items():
        assert all(set(read["days"]) == {str(day) for day in DAYS} for read in reader.reads), engine
        seen = [found for read in reader.reads for found in read["days"].values()]
        assert all(found in whole for found in seen), (engine, [found for found in seen if found not in whole][:3])
        assert all(each in seen for each in whole), f"{engine} saw only one version in {len(seen)} reads"
    assert all(read["repeated"] == 0 for read in readers["mootech"].reads)
