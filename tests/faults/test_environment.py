"""The days are UTC days wherever, whenever and however the command is started."""

import json
import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from mootech.lake.stores.registry import open_store
from mootech.model import utc_today
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop
from mootech.tables import TABLES
from tests import forked
from tests.faults.command import command_for
from tests.faults.invariants import World, check_converged, ingest_command

ZONES = ("Pacific/Kiritimati", "America/St_Johns", "Nonsense/Zone")

_SHIFTED = """
import sys
import mootech.model, mootech.cli
from datetime import timedelta
real = mootech.model.utc_today
def shifted():
    return real() + timedelta(days={days})
for name, module in list(sys.modules.items()):
    if name.startswith("mootech.") and hasattr(module, "utc_today"):
        module.utc_today = shifted
"""
"""Makes the command believe that it is another day; the shop keeps the real one."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a shop that keeps the real day."""
    with running(Shop(scale=0.02), today=utc_today) as address:
        yield address


@pytest.mark.fault(26)
@pytest.mark.parametrize("zone", ZONES)
def test_a_time_zone_changes_no_byte(world: World, tmp_path: Path, zone: str) -> None:
    """A leap day, a month's end and every hour in between land on their UTC days, whatever TZ says."""
    argv, env = ingest_command(world, tmp_path / "lake", tmp_path / "state")
    done = forked.run(argv, {**env, "TZ": zone})
    assert done.returncode == 0, done.stderr
    check_converged(open_store(str(tmp_path / "lake")), world)


@pytest.mark.fault(26)
def test_silver_and_reports_keep_utc(world: World, tmp_path: Path) -> None:
    """Timestamps, months and verification are those of UTC in the zone farthest from it: all results are the same."""
    results = []
    for name, tz in (("utc", "UTC"), ("there", "Pacific/Kiritimati")):
        command = command_for(tmp_path / name, tmp_path / name / "lake", world.url, API_KEY)
        command("ingest", "--start", world.start, "--end", world.end, TZ=tz)
        command("silver", TZ=tz)
        command("verify", TZ=tz)
        document = json.loads(command("report", "--json", TZ=tz).stdout)
        results.append((document["rows"], document["reports"]))
    assert results[0] == results[1]
    assert {row["transaction_month"] for row in results[0][0]} == {2, 3}


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2023, 2, 27), date(2023, 3, 2)),
        (date(2023, 12, 30), date(2024, 1, 2)),
        (date(2024, 2, 28), date(2024, 3, 1)),
        (date(2024, 12, 30), date(2025, 1, 1)),
    ],
)
def test_ends_of_months_and_years(url: str, tmp_path: Path, first: date, last: date) -> None:
    """Every day of a range over the end of a month or a year, leap or not, is one partition, and none is between."""
    command = command_for(tmp_path, tmp_path / "lake", url, API_KEY)
    command("ingest", "-t", "transactions", "--start", first, "--end", last, TZ="America/St_Johns")
    folders = sorted(path.name for path in (tmp_path / "lake/raw_data/transactions").iterdir())
    assert folders == [f"utc_date={first + timedelta(days=n)}" for n in range((last - first).days + 1)]
    command("verify", TZ="Asia/Kathmandu")


@pytest.mark.fault(26)
@pytest.mark.parametrize("day", ["2023-02-29", "2100-02-29", "2024-04-31", "2024-13-01"])
def test_a_day_that_is_none_is_refused(url: str, tmp_path: Path, day: str) -> None:
    """The 29th of February of a common year is no day: exit 2, and nothing is made."""
    done = command_for(tmp_path, tmp_path / "lake", url, API_KEY)("ingest", "--start", day, expect=2)
    assert "is not a day of the calendar" in done.stderr
    assert not (tmp_path / "lake").exists()


@pytest.mark.fault(26)
def test_a_clock_that_is_a_day_ahead_asks_for_a_day_that_is_not_over(url: str, tmp_path: Path) -> None:
    """The source refuses its own today with 422: the day fails with the source's words, the days before it arrive."""
    command = command_for(tmp_path, tmp_path / "lake", url, API_KEY)
    today = utc_today()
    days = ("--start", today - timedelta(days=1), "--end", today)
    done = command("ingest", "-t", "products", *days, expect=4, script=_SHIFTED.format(days=1))
    assert "422" in done.stderr
    assert str(today) in done.stderr
    held = [path.name for path in (tmp_path / "lake/raw_data/products").iterdir()]
    assert held == [f"utc_date={today - timedelta(days=1)}"]


@pytest.mark.fault(26)
def test_a_clock_that_is_a_day_behind_only_waits(url: str, tmp_path: Path) -> None:
    """The last day is not asked for yet: fetched tomorrow, nothing is lost, and asking for it is refused politely."""
    command = command_for(tmp_path, tmp_path / "lake", url, API_KEY)
    today = utc_today()
    script = _SHIFTED.format(days=-1)
    first = today - timedelta(days=3)
    command("ingest", "-t", "products", "--start", first, script=script)
    refused = command("ingest", "-t", "products", "--start", today - timedelta(days=1), expect=2, script=script)
    assert "not over" in refused.stderr
    command("ingest", "-t", "products")
    held = sorted(path.name for path in (tmp_path / "lake/raw_data/products").iterdir())
    assert held == [f"utc_date={first + timedelta(days=n)}" for n in range(3)]


@pytest.mark.fault(27)
def test_cron_has_no_home_no_locale_and_starts_at_the_root(url: str, tmp_path: Path) -> None:
    """With an empty environment but for what crontab names, from /, in the C locale: everything works and is quiet."""
    config = tmp_path / "mootech.toml"
    config.write_text(
        f'lake = "{tmp_path / "lake"}"\nstate_dir = "{tmp_path / "state"}"\n[source]\nurl = "{url}"\n'
        f'api_key_command = "echo {API_KEY}"\n'
        f'[ingest]\nstart = "{utc_today() - timedelta(days=2)}"\n'
    )
    command = command_for(tmp_path, "", url, "", from_the_start=True)
    command.folder = Path("/")
    before = set(os.listdir("/"))  # noqa: PTH208  # names are enough
    for environment in ({}, {"LC_ALL": "C"}, {"LC_ALL": "C", "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}):
        command.environment = environment
        done = command("run", "--config", config, "-q")
        assert done.stderr == ""
    report = command("report", "--config", config).stdout
    assert report.isascii() or "\\u" not in report
    assert {table.name for table in TABLES} == {path.name for path in (tmp_path / "lake/raw_data").iterdir()}
    assert set(os.listdir("/")) == before  # noqa: PTH208  # the same


@pytest.mark.fault(27)
def test_the_default_state_needs_no_home_variable(url: str, tmp_path: Path) -> None:
    """Without HOME and without a state folder in the settings, the user's home from the password file is taken."""
    command = command_for(tmp_path, tmp_path / "lake", url, API_KEY, from_the_start=True)
    for name in ("HOME", "MOOTECH_STATE_DIR"):
        del command.environment[name]
    planned = command("ingest", "-t", "users", "--start", "2024-02-29", "--end", "2024-02-29", "--dry-run", "--json")
    assert json.loads(planned.stdout)["tables"][0]["days"][0]["status"] == "planned"
