"""Row 30: ten times the days take ten times as long, and neither more memory nor more connections."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from mootech.model import utc_today
from mootech.sandbox.server import running
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM
from tests.faults.invariants import World, ingest_command
from tests.faults.memory import measured
from tests.faults.watched import Watched, watched

FIRST = date(2024, 2, 20)
DAYS = 5
"""Of some 10,000 hits each: more than the gate takes in at once, so that a run is in its stride."""
CONNECTIONS = 4
"""Requests under way at once, by default."""


@pytest.fixture
def source() -> Iterator[Watched]:
    """A larger shop, whose connections are counted."""
    with running(Shop(scale=5), today=utc_today) as url, watched(url) as seen:
        yield seen


def peak_megabytes(source: Watched, folder: Path, days: int) -> float:
    """Ingest so many days of clickstream into a new lake; return the most memory the process had."""
    last = FIRST + timedelta(days=days - 1)
    world = World(source.url, Shop(), (CLICKSTREAM,), FIRST, last, {})
    argv, env = ingest_command(world, folder / "lake", folder / "state", "--quiet")
    Path(env["MOOTECH_CONFIG"]).write_text(f"[source]\nconcurrency = {CONNECTIONS}\n")
    done, megabytes = measured(argv, env, folder)
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "lake" / "raw_data").rglob("data.parquet"))) == days
    return megabytes


@pytest.mark.fault(30)
def test_ten_times_the_days_take_no_more_memory_and_no_more_connections(source: Watched, tmp_path: Path) -> None:
    """What is in flight is bounded: pages wait on disk, few days are checked at once, connections are used again."""
    some = peak_megabytes(source, tmp_path / "some", DAYS)
    ten_times = peak_megabytes(source, tmp_path / "ten-times", 10 * DAYS)
    assert ten_times < 1.5 * some, f"{some:.0f} MB for {DAYS} days, {ten_times:.0f} MB for {10 * DAYS}"
    assert source.most_connections <= CONNECTIONS
