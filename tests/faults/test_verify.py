"""`mootech verify` names what was deleted, cut, flipped, swapped, doubled or added from outside, and what mends it."""

import random
import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from mootech.config import Settings, SourceSettings
from mootech.errors import SourceError, StoreError
from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Head
from mootech.layers.bronze.selection import Selection
from mootech.layers.silver.days import remaking
from mootech.model import DayRange, Finding
from mootech.outcomes import Outcome, QaOutcome
from mootech.pipeline.ingest import ingest
from mootech.pipeline.qa import qa
from mootech.pipeline.silver import silver
from mootech.pipeline.verify import verify
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop
from mootech.tables import CLICKSTREAM, PRODUCTS, USERS
from mootech.verify.objects import Remake
from mootech.verify.tables import verify_table
from tests.faults.damage import DAMAGES, DAY, REJECTS, Damage, flip, key_of, quarantined
from tests.faults.invariants import PAGE_SIZE, World, contents
from tests.stores import Wrapper


@pytest.fixture
def remake() -> Iterator[Remake]:
    """What makes silver from bronze once more."""
    with remaking() as made:
        yield made


def settings_for(url: str, folder: Path) -> Settings:
    """Return the settings of a lake in the folder and of the shop at that address."""
    source = SourceSettings(url=url, api_key=SecretStr(API_KEY), page_size=PAGE_SIZE)
    return Settings(lake=str(folder / "lake"), state_dir=folder / "state", source=source)


def broken(outcome: Outcome) -> list[Finding]:
    """Return the findings to act on."""
    assert isinstance(outcome, QaOutcome)
    return [finding for finding in outcome.findings if not finding.ok]


def verify_all(settings: Settings) -> Outcome:
    """Verify the whole lake."""
    return verify(settings, Selection())


@pytest.fixture(scope="session")
def whole_lake(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the world's lake, silver included, and nothing wrong with it."""
    folder = tmp_path_factory.mktemp("whole")
    settings = settings_for(world.url, folder)
    assert ingest(settings, Selection(start=world.start, end=world.end)).exit_code == 0
    assert silver(settings).exit_code == 0
    return folder


@pytest.fixture
def settings(world: World, whole_lake: Path, tmp_path: Path) -> Settings:
    """Settings of a copy of the whole lake, as a backup brings it back: other inodes, the same times."""
    shutil.copytree(whole_lake / "lake", tmp_path / "lake")
    return settings_for(world.url, tmp_path)


def test_a_whole_lake_has_no_finding(settings: Settings) -> None:
    """Nothing is wrong with what an undisturbed run leaves, and verify counts what it proved."""
    outcome = verify_all(settings)
    assert broken(outcome) == []
    assert outcome.exit_code == 0
    assert isinstance(outcome, QaOutcome)
    proved = {(finding.table, finding.check): finding.data["partitions"] for finding in outcome.findings}
    assert proved["clickstream", "raw_data"] == proved["clickstream", "silver"] == 7
    assert proved["users", "silver"] == 1


@pytest.mark.fault(24)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_each_damage_is_named_and_nothing_else(damage: Damage, settings: Settings, tmp_path: Path) -> None:
    """Verify ends with 6, names the table, the day and the check of the one damaged object, and says what mends it."""
    damage.act(open_store(settings.lake), tmp_path / "scratch")
    outcome = verify_all(settings)
    found = {(each.data["layer"], each.table, each.utc_date, each.check) for each in broken(outcome)}
    assert found == damage.found
    assert outcome.exit_code == 6
    hint = outcome.errors[0].hint
    assert ("Move the foreign objects away" if damage.foreign else "Run `mootech ingest --repair") in hint


@pytest.mark.fault(24)
@pytest.mark.parametrize("layer", [Layer.RAW, Layer.QUARANTINE, Layer.SILVER])
def test_no_flipped_bit_goes_unseen(layer: Layer, settings: Settings, remake: Remake) -> None:
    """Whichever bit of an object is turned, in its rows, statistics or footer, verify notices."""
    store = open_store(settings.lake)
    key = quarantined(store) if layer is Layer.QUARANTINE else key_of(layer, CLICKSTREAM)
    file = Path(settings.lake) / key
    good = file.read_bytes()
    lake = Lake.open(settings.lake, state_dir=settings.state_dir)
    span = DayRange(DAY, REJECTS)
    rng = random.Random(24)
    for position in [*rng.sample(range(len(good)), 40), *range(len(good) - 12, len(good))]:
        bit = 1 << rng.randrange(8)
        file.write_bytes(flip(position, bit)(good))
        found = [each for each in verify_table(lake, remake, CLICKSTREAM, span) if not each.ok]
        assert found, (position, bit)
    file.write_bytes(good)
    assert all(each.ok for each in verify_table(lake, remake, CLICKSTREAM, span))


@pytest.mark.fault(24)
def test_a_deleted_object_is_known_until_a_run_notes_it(settings: Settings) -> None:
    """Verify, which writes nothing, names a deleted day every time it is asked, also when its silver went with it."""
    store = open_store(settings.lake)
    for layer in (Layer.RAW, Layer.SILVER):
        store.delete(key_of(layer, CLICKSTREAM))
    for _ in range(2):
        assert {(each.check, each.utc_date) for each in broken(verify_all(settings))} == {("deleted", DAY)}


def test_verify_looks_at_the_days_it_is_told(settings: Settings) -> None:
    """With a start, an end or a table, nothing else is opened, and what is broken elsewhere does not count."""
    (Path(settings.lake) / key_of(Layer.RAW, USERS)).write_bytes(b"")
    after = Selection(start=DAY + timedelta(days=1))
    assert verify(settings, after).exit_code == 0
    assert verify(settings, Selection(tables=(PRODUCTS,))).exit_code == 0
    only = verify(settings, Selection(start=DAY, end=DAY, tables=(USERS,)))
    assert [finding.check for finding in only.findings if not finding.ok] == ["unreadable"]


@pytest.mark.security("../, %2F, NUL and symlinks refused")
def test_a_symbolic_link_in_the_lake_is_refused(settings: Settings, tmp_path: Path) -> None:
    """A partition that is a link to somewhere else is not followed; every command names it."""
    file = Path(settings.lake) / key_of(Layer.RAW, USERS)
    elsewhere = tmp_path / "elsewhere.parquet"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    for command in (verify_all, qa, silver):
        with pytest.raises(StoreError, match=f"{re.escape(str(file))} is a symbolic link"):
            command(settings)


@pytest.mark.fault(2)
def test_a_store_that_fails_is_no_damage(settings: Settings, tmp_path: Path, remake: Remake) -> None:
    """When the store itself does not answer, that is what verify says, instead of calling every object broken."""

    class Gone(Wrapper):
        def read(self, key: str) -> bytes:
            if key.startswith(Layer.RAW):
                raise StoreError("the store is gone")
            return super().read(key)

        def head(self, key: str) -> Head | None:
            if key.endswith("format.json") and self.opened:
                raise StoreError("the store is gone")
            return super().head(key)

        opened = False

    store = Gone(open_store(settings.lake))
    lake = Lake(store, state_dir=tmp_path / "state")
    store.opened = True
    with pytest.raises(StoreError, match="the store is gone"):
        list(verify_table(lake, remake, USERS, DayRange(DAY, DAY)))


def test_the_shops_own_counts_show_what_came_since(tmp_path: Path) -> None:
    """With --source, a day of which rows arrived late is behind, and verify names the ingest that fetches them."""
    end = date(2024, 2, 29)
    clock = [end + timedelta(days=1)]
    with running(Shop(scale=0.25), today=lambda: clock[0]) as url:
        settings = settings_for(url, tmp_path)
        wanted = Selection(tables=(CLICKSTREAM, USERS), start=end - timedelta(days=1), end=end)
        assert ingest(settings, wanted).exit_code == 0
        assert verify(settings, wanted, source=True).exit_code == 0
        clock[0] += timedelta(days=1)
        outcome = verify(settings, wanted, source=True)
        assert [(each.table, each.utc_date, each.check) for each in broken(outcome)] == [("clickstream", end, "behind")]
        assert outcome.exit_code == 6
        assert f"mootech ingest -t clickstream --start {end} --end {end}" in outcome.errors[0].hint
        ingest(settings, wanted)
        assert verify(settings, wanted, source=True).exit_code == 0
        assert contents(open_store(settings.lake))


@pytest.mark.fault(14)
def test_a_silent_source_fails_only_the_comparison(settings: Settings) -> None:
    """A shop that cannot be asked is exit 4 with --source, and no matter without."""
    gone = SourceSettings(url="http://127.0.0.1:9/v1", api_key=SecretStr("k"), deadline_seconds=0.5)
    away = settings.model_copy(update={"source": gone})
    with pytest.raises(SourceError):
        verify(away, Selection(), source=True)
    assert verify(away, Selection()).exit_code == 0
