"""Everything at once: a source that fails 40 % of its answers, in every way of rows 11 to 20."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mootech.sandbox.faults import Draw, Fault, FaultMix
from mootech.sandbox.server import running
from tests.environment import COMMAND
from tests.faults.invariants import World
from tests.faults.sources import Rehearsal

REFUSALS = (Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.NOT_FOUND, Fault.BOMB, Fault.OVERSIZED)
"""What ends a run, or a day of it, at the first sight; the others are overcome within a run."""

OVERCOME = {
    11: {Fault.RATE_LIMIT},
    12: {Fault.SERVER_ERRORS},
    15: {Fault.RESETS, Fault.DRIP, Fault.TRUNCATED_GZIP},
    17: {Fault.HTML, Fault.EMPTY, Fault.NAN, Fault.BAD_UTF8, Fault.TRAILING, Fault.DEEP, Fault.ERROR_INSIDE},
    18: {Fault.REPEATED_CURSOR, Fault.REPEATED_PAGE, Fault.ENDLESS},
    19: {Fault.MOVING_TOTAL, Fault.SHIFTING_ROWS},
    20: {Fault.SHORT},
}
"""The faults of each row of docs/faults.md that a run may get over."""


@contextmanager
def rough_sandbox(*, port: int, seed: int) -> Iterator[str]:
    """Run `mootech sandbox --faults rough`; at the end it goes away without a word, as by kill -9."""
    argv = [COMMAND, "sandbox", "--port", str(port), "--scale", "0.05", "--faults", "rough", "--faults-seed", str(seed)]
    environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True) as server:  # noqa: S603  # ours
        assert server.stderr is not None
        url = server.stderr.readline().split(" answers at ")[1].split()[0]
        try:
            yield url
        finally:
            server.send_signal(signal.SIGKILL)
            server.stderr.read()


@pytest.mark.fault(*range(11, 21))
def test_four_tables_and_a_leap_day_week_arrive_whole_from_a_source_that_fails_in_every_way(
    world: World, tmp_path: Path
) -> None:
    """Run by run, through refusals, lies, cuts and an outage, to the bytes of an undisturbed run.

    After every run the invariants hold and the exit code is true; between them the source is gone for a whole run.
    """
    with rough_sandbox(port=0, seed=1) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        source = Rehearsal(replace(world, url=url), tmp_path, {"timeout_seconds": 1.0, "deadline_seconds": 8.0})
        for _ in range(3):
            source.ingest(missing=True)
    # Nobody listens there now: every day that is still missing is named.
    days = source.days(source.ingest(missing=True, expect=4))
    assert {day["status"] for day in days} == {"failed"}
    with rough_sandbox(port=port, seed=2):
        source.until_whole()


@dataclass
class Counting(Draw):
    """Counts what it decided."""

    spoilt: Counter[Fault | None] = field(default_factory=Counter)

    def fault(self, request: str, possible: Collection[Fault]) -> tuple[Fault | None, int]:
        """Decide, and remember."""
        fault, variant = super().fault(request, possible)
        self.spoilt[fault] += 1
        return fault, variant


@pytest.mark.fault(11, 12, 15, 17, 18, 19, 20)
def test_what_can_be_overcome_is_overcome_within_a_few_runs(world: World, tmp_path: Path) -> None:
    """Without refusals and still with 40 % of the answers spoiled, in the ways of every other row."""
    rough = FaultMix.parse("rough")
    kept = {fault: share for fault, share in rough.shares.items() if fault not in REFUSALS}
    draw = Counting(FaultMix({fault: share * rough.total / sum(kept.values()) for fault, share in kept.items()}), 2)
    with running(world.shop, faults=draw) as url:
        source = Rehearsal(replace(world, url=url), tmp_path, {"timeout_seconds": 1.0, "deadline_seconds": 15.0})
        assert source.until_whole() <= 10
    for row, faults in OVERCOME.items():
        assert faults & set(draw.spoilt), f"nothing of row {row} happened"
    assert 0.3 < 1 - draw.spoilt[None] / draw.spoilt.total() < 0.5
