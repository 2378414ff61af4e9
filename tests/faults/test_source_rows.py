"""Rows 11 to 20 of docs/faults.md: the installed command against a source that fails in one way at a time."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from mootech.lake.stores.registry import open_store
from mootech.model import DayRange
from mootech.tables import PRODUCTS, TRANSACTIONS, USERS
from tests import forked
from tests.faults.invariants import World, contents
from tests.faults.memory import measured
from tests.faults.sources import PATIENCE, Rehearsal, failing, narrow
from tests.rows import DAY
from tests.wire import problem, serving

BOTH = (USERS, TRANSACTIONS)
"""Days of several pages, and days of one."""


@pytest.fixture
def small(world: World) -> World:
    """Two tables of the world, from the leap day on."""
    return narrow(world, *BOTH, days=DayRange(DAY, world.end - timedelta(days=1)))


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param("rate-limit=0.3", marks=pytest.mark.fault(11)),
        pytest.param("server-errors=0.3", marks=pytest.mark.fault(12)),
        pytest.param("resets=0.3", marks=pytest.mark.fault(15)),
        pytest.param("drip=0.2", marks=pytest.mark.fault(15)),
        pytest.param("truncated-gzip=0.3", marks=pytest.mark.fault(15)),
        pytest.param("bomb=0.05,oversized=0.05", marks=pytest.mark.fault(16)),
        pytest.param("bad-json=0.3", marks=pytest.mark.fault(17)),
        pytest.param("repeated-cursor=0.1,repeated-page=0.1,endless=0.1", marks=pytest.mark.fault(18)),
        pytest.param("moving-total=0.15,shifting-rows=0.15", marks=pytest.mark.fault(19)),
        pytest.param("short=0.2", marks=pytest.mark.fault(20)),
    ],
)
def test_what_fails_now_and_then_costs_no_row(small: World, tmp_path: Path, profile: str) -> None:
    """Run until it is done, the lake is byte for byte that of an undisturbed run, and held its promises in between."""
    # Only a drip is waited out; everything else answers, or breaks off, as soon as the machine lets it.
    timeout = 1.0 if "drip" in profile else PATIENCE["timeout_seconds"]
    with failing(small, tmp_path, profile, seed=3, timeout_seconds=timeout) as rehearsal:
        rehearsal.until_whole()


@pytest.mark.fault(11)
@pytest.mark.parametrize(
    "wish",
    [
        "1000000000",
        "inf",
        pytest.param(timedelta(days=365), id="a date in a year"),
        "0",
        "-1",
        "soon",
        pytest.param(timedelta(days=-1), id="a date gone by"),
    ],
)
def test_no_retry_after_holds_a_run_for_ever(small: World, tmp_path: Path, wish: str | timedelta) -> None:
    """A source that only ever says 429 is given up on within the deadline, whatever it asks for."""
    if isinstance(wish, timedelta):
        wish = format_datetime(datetime.now(UTC) + wish, usegmt=True)
    with serving([problem(429, "slow down", Retry_After=wish)]) as wire:
        source = Rehearsal(replace(small, url=wire.url), tmp_path, {"deadline_seconds": 1.5})
        said = source.ingest(expect=4)
    assert "429" in said["error"]["message"]
    assert 1 <= len(wire.requests) <= 5, "a Retry-After of nothing must not burn the attempts"


@pytest.mark.fault(13)
@pytest.mark.parametrize(
    ("status", "requests", "hint"),
    [(401, 1, "MOOTECH_API_KEY"), (403, 1, "MOOTECH_API_KEY"), (404, None, "{url}/{table}")],
)
def test_a_refusal_is_not_repeated(small: World, tmp_path: Path, status: int, requests: int | None, hint: str) -> None:
    """One request in all where the key is refused, one for each day that is not there; the hint says what to set."""
    with serving([problem(status, "go away")]) as wire:
        said = Rehearsal(replace(small, url=wire.url), tmp_path, {}).ingest(expect=4)
    assert len(wire.requests) == (requests or len(Rehearsal.days(said)))
    assert hint in said["error"]["hint"]
    assert {day["status"] for day in Rehearsal.days(said)} == {"failed"}


@pytest.mark.fault(14)
def test_a_source_that_goes_away_for_good_is_given_up_on_and_the_missing_days_are_named(
    small: World, tmp_path: Path
) -> None:
    """Bounded in time; every day is accounted for by name; what was published stays, and the next run adds the rest."""
    with failing(small, tmp_path, "gone=0.1", seed=10, deadline_seconds=2.0, concurrency=1) as source:
        days = Rehearsal.days(source.ingest(expect=4))
    named = {(day["table"], day["utc_date"]) for day in days}
    assert named == {(table.name, str(day)) for table in small.tables for day in DayRange(small.start, small.end)}
    missing = [day for day in days if day["status"] == "failed"]
    assert 0 < len(missing) < len(days)
    assert all(day["error"]["message"] and day["error"]["hint"] for day in missing)
    Rehearsal(small, tmp_path, {}).until_whole()


@pytest.mark.fault(14)
def test_a_person_is_told_the_missing_days_too(small: World, tmp_path: Path) -> None:
    """Without --json the days that could not be fetched stand on stderr."""
    with failing(small, tmp_path, "gone=1", deadline_seconds=1.0) as source:
        argv, env = source.command()
        argv.remove("--json")
        done = forked.run(argv, env)
    assert done.returncode == 4
    assert str(small.start) in done.stderr
    assert str(small.end) in done.stderr


@pytest.mark.fault(15)
def test_a_source_that_only_drips_is_given_up_on(small: World, tmp_path: Path) -> None:
    """Every byte comes in time, the answer never does: timeout and deadline end it."""
    with failing(small, tmp_path, "drip=1", timeout_seconds=0.5, deadline_seconds=2.0) as source:
        said = source.ingest(expect=4)
    assert "no whole answer within 0.5 s" in said["error"]["message"]
    assert contents(open_store(str(tmp_path / "lake"))) == {}


@pytest.mark.fault(16)
@pytest.mark.parametrize("fault", ["bomb", "oversized"])
def test_a_body_without_end_is_refused_in_bounded_memory(small: World, tmp_path: Path, fault: str) -> None:
    """It is read up to the limit, asked for once for each day, and the command stays as small as it was."""
    with failing(narrow(small, PRODUCTS), tmp_path, f"{fault}=1", max_body_mb=8) as source:
        done, megabytes = measured(*source.command(), tmp_path)
    assert done.returncode == 4
    assert "larger than 8 MB" in json.loads(done.stdout)["error"]["message"]
    assert megabytes < 400
    assert contents(open_store(str(tmp_path / "lake"))) == {}


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        pytest.param("repeated-cursor=1", "cursor for the second time", marks=pytest.mark.fault(18)),
        pytest.param("repeated-page=1", "same rows as a page before|rows came by page", marks=pytest.mark.fault(18)),
        pytest.param("endless=1", "same rows as a page before|rows came by page", marks=pytest.mark.fault(18)),
        pytest.param("shifting-rows=1", "rows moved|only .* rows came", marks=pytest.mark.fault(19)),
        pytest.param("short=1", "only .* rows came of", marks=pytest.mark.fault(20)),
    ],
)
def test_a_source_that_always_lies_about_its_pages_is_not_believed(
    small: World, tmp_path: Path, profile: str, words: str
) -> None:
    """Detected, exit 4, and not one row of such a day is published; days of one page are not concerned by some lies."""
    users = narrow(small, USERS)
    with failing(users, tmp_path, profile) as source:
        said = source.ingest(expect=4)
    days = Rehearsal.days(said)
    assert {day["status"] for day in days} == {"incomplete"}
    assert contents(open_store(str(tmp_path / "lake"))) == {}
    for day in days:
        assert re.search(words, day["error"]["message"]), day["error"]["message"]
