"""`mootech ingest --repair` fetches exactly the broken days again, restores the same bytes, and deletes nothing."""

from datetime import date
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from mootech.config import Settings, SourceSettings
from mootech.errors import ConfigError
from mootech.lake.paths import Layer
from mootech.lake.stores.registry import open_store
from mootech.layers.bronze.selection import Selection
from mootech.model import DayStatus, utc_today
from mootech.outcomes import Outcome
from mootech.pipeline.ingest import repair
from mootech.pipeline.silver import silver
from mootech.sandbox.server import running
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM, TRANSACTIONS, USERS
from tests import forked
from tests.faults.damage import DAMAGES, DAY, REJECTS, Damage, change, copy, flip, key_of, quarantined, rewritten
from tests.faults.invariants import World, check_converged, contents, ingest_command
from tests.faults.test_verify import broken, settings, settings_for, verify_all, whole_lake

__all__ = ["settings", "whole_lake"]

EVERYTHING = Selection()


def days(outcome: Outcome) -> list[tuple[str, date, DayStatus]]:
    """Return what became of each day."""
    return [(day.table, day.utc_date, day.status) for day in outcome.days]


@pytest.mark.fault(24)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_repair_and_silver_make_the_lake_whole(damage: Damage, settings: Settings, tmp_path: Path) -> None:
    """One repair and one silver later raw_data and quarantine are byte for byte as they were, and silver holds.

    Only the broken day was fetched; a foreign object still lies there, and the exit code says so.
    """
    store = open_store(settings.lake)
    before = contents(store)
    damage.act(store, tmp_path / "scratch")
    repaired = repair(settings, EVERYTHING)
    fetched = {(table, day) for layer, table, day, _ in damage.found if layer is not Layer.SILVER and day}
    assert {(table, day) for table, day, _ in days(repaired)} == fetched
    assert repaired.exit_code == (6 if damage.foreign else 0)
    assert all(key in error.message for error in repaired.errors for key in damage.foreign)
    assert silver(settings).exit_code == 0
    assert {finding.check for finding in broken(verify_all(settings))} == (
        {"foreign_object"} if damage.foreign else set()
    )
    after = contents(store)
    assert set(after) - set(before) == set(damage.foreign)
    written = {key for key in before if not key.startswith(Layer.SILVER)}
    assert {key: after[key] for key in written} == {key: before[key] for key in written}
    if not damage.foreign:
        again = repair(settings, EVERYTHING)
        assert (again.days, again.exit_code) == ((), 0)


@pytest.mark.fault(24)
def test_a_repair_of_silver_alone_needs_no_source(settings: Settings, tmp_path: Path) -> None:
    """Where only silver is broken no shop is asked, nor its key; the note says what to type."""
    key = key_of(Layer.SILVER, TRANSACTIONS)
    change(key, flip(300))(open_store(settings.lake), tmp_path / "scratch")
    offline = settings.model_copy(update={"source": SourceSettings()})
    repaired = repair(offline, EVERYTHING)
    assert repaired.exit_code == 0
    assert "mootech silver" in repaired.notes[0]
    rebuilt = silver(offline)
    assert days(rebuilt) == [("transactions", DAY, DayStatus.PUBLISHED)]
    assert broken(verify_all(settings)) == []


def test_without_a_key_nothing_is_touched(settings: Settings) -> None:
    """A repair that has to fetch says what is missing."""
    open_store(settings.lake).delete(key_of(Layer.RAW, USERS))
    with pytest.raises(ConfigError, match="no address"):
        repair(settings.model_copy(update={"source": SourceSettings()}), EVERYTHING)


@pytest.mark.fault(24)
def test_the_shrink_guard_lets_a_damaged_day_be_replaced(settings: Settings, tmp_path: Path) -> None:
    """The shop has fewer rows by now: a damaged partition is replaced all the same, a whole one is kept."""
    store = open_store(settings.lake)
    change(key_of(Layer.RAW, CLICKSTREAM), rewritten)(store, tmp_path / "scratch")
    store.delete(quarantined(store))
    with running(Shop(scale=0.02), today=utc_today) as url:
        smaller = settings.model_copy(update={"source": settings_for(url, tmp_path).source})
        repaired = repair(smaller, EVERYTHING)
    assert days(repaired) == [
        ("clickstream", DAY, DayStatus.PUBLISHED),
        ("clickstream", REJECTS, DayStatus.BLOCKED),
    ]
    assert repaired.exit_code == 3


@pytest.mark.fault(24)
def test_no_foreign_object_is_ever_deleted(settings: Settings, tmp_path: Path) -> None:
    """Publishing a day again removes quarantine objects of its own that are out of date, and nobody else's file."""
    store = open_store(settings.lake)
    stray = quarantined(store).replace(".parquet", " (copy).parquet")
    copy(quarantined(store), stray)(store, tmp_path / "scratch")
    change(key_of(Layer.RAW, CLICKSTREAM, REJECTS), rewritten)(store, tmp_path / "scratch")
    repaired = repair(settings, EVERYTHING)
    assert days(repaired) == [("clickstream", REJECTS, DayStatus.PUBLISHED)]
    assert repaired.exit_code == 6
    assert stray in repaired.errors[0].message
    assert store.head(stray) is not None


def test_a_dry_run_names_the_days_and_writes_nothing(settings: Settings) -> None:
    """With --dry-run the broken days are planned, and neither the lake nor a lock is touched."""
    store = open_store(settings.lake)
    store.delete(key_of(Layer.RAW, USERS))
    before = {entry.key: entry.version for entry in store.list("")}
    planned = repair(settings, EVERYTHING, dry_run=True)
    assert days(planned) == [("users", DAY, DayStatus.PLANNED)]
    assert {entry.key: entry.version for entry in store.list("")} == before


@pytest.mark.fault(24)
@pytest.mark.s3
def test_the_command_finds_and_mends_on_s3(world: World, s3_lake: str, tmp_path: Path) -> None:
    """On S3, too: objects deleted, cut and flipped are named by `verify`, and `ingest --repair` restores the bytes."""
    argv, env = ingest_command(world, s3_lake, tmp_path / "state")

    def run(*arguments: str) -> CompletedProcess[str]:
        return forked.run([argv[0], *arguments], env)

    assert run(*argv[1:]).returncode == 0
    store = open_store(s3_lake)
    store.delete(key_of(Layer.RAW, USERS))
    change(key_of(Layer.RAW, CLICKSTREAM), lambda data: data[:-1])(store, tmp_path / "scratch")
    change(key_of(Layer.RAW, TRANSACTIONS), flip(-100))(store, tmp_path / "scratch")
    store.delete(quarantined(store))
    found = run("verify")
    assert found.returncode == 6, found.stdout + found.stderr
    for table, check in (("users", "deleted"), ("clickstream", "unreadable"), ("transactions", "bytes")):
        assert [
            line for line in found.stdout.splitlines() if f"{table} " in line and str(DAY) in line and check in line
        ]
    assert "mootech ingest --repair" in found.stderr
    repaired = run("ingest", "--repair")
    assert repaired.returncode == 0, repaired.stderr
    check_converged(store, world)
    assert run("verify", "--source").returncode == 0
