"""Runs, crashes and a changing shop in any order, against a model: the lake is always what the model says.

The model knows of each day which rows the shop hands out, which pages an earlier run has staged and not published, and
what a run must make of them: of a day that is staged whole, what is staged; of any other, what the shop has. A run over
a store that fails leaves each day as it was or as the model would have it; every other run leaves exactly what the
model says, and says so itself.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import SecretStr

from mootech.config import Settings, SourceSettings
from mootech.errors import MootechError, StoreError
from mootech.lake import lake as lake_module
from mootech.lake.footers import RECEIPT
from mootech.lake.paths import Layer, partition_day, partition_key, quarantine_key, quarantine_prefix
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.store import Entry, Store
from mootech.layers.bronze.publishing import Overrides
from mootech.layers.bronze.selection import Selection
from mootech.model import DayStatus
from mootech.outcomes import Outcome
from mootech.pipeline.ingest import ingest
from tests.faults.invariants import check_manifests, check_partition, contents
from tests.faults.model import DAYS, PAGE_SIZE, TABLE, Expected, Row, Shop, Staged, forget_unfinished, open_shop, staged
from tests.stores import FlakyStore, Wrapper

TORTURE = "MOOTECH_TORTURE" in os.environ

CHANGES: Mapping[str, Callable[["Lakes", date, int], None]] = {
    "rows arrive late": lambda lakes, day, more: lakes.sell(day, more, amount=10.0),
    "some rows break the contract: to quarantine": lambda lakes, day, more: lakes.sell(day, more, amount=-1.0),
    "many do: the day is blocked": lambda lakes, day, more: lakes.sell(day, 10 + more, amount=-1.0),
    # One row: a whole page of rows that came before is a source that runs in circles, which is another test's.
    "the shop hands out a row once more": lambda lakes, day, _: lakes.repeat(day),
    "the shop takes back what broke the contract": lambda lakes, day, _: lakes.take_back(
        day, lambda rows: [row for row in rows if row[1] >= 0]
    ),
    "a few rows vanish": lambda lakes, day, more: lakes.take_back(day, lambda rows: rows[: max(0, len(rows) - more)]),
    "all rows vanish": lambda lakes, day, _: lakes.take_back(day, lambda _: []),
}
"""What a shop does to a day."""


Change = tuple[date, str, int]


class Lakes(RuleBasedStateMachine):
    """A lake, a shop, and what is known to be published."""

    days = st.sampled_from(DAYS)
    # With every run, because rules are drawn as if equally likely, and a run over unchanged days says little.
    changes = st.lists(st.tuples(days, st.sampled_from(sorted(CHANGES)), st.integers(1, 5)), max_size=5)

    def __init__(self) -> None:
        """Start with an empty lake and an empty shop."""
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="mootech-model-"))
        self.shop = Shop()
        self.serving = open_shop(self.shop)
        self.numbers = 0
        self.published: dict[date, Expected] = {}
        self.store = LocalStore(self.folder / "lake")
        source = SourceSettings(url=self.serving.__enter__(), api_key=SecretStr("key"), page_size=PAGE_SIZE)
        self.settings = Settings(lake=self.store.url, state_dir=self.folder / "state", source=source)

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.serving.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    @initialize(counts=st.lists(st.integers(0, 12), min_size=len(DAYS), max_size=len(DAYS)))
    def open(self, counts: list[int]) -> None:
        """Let the shop have some rows on each day, and fetch them."""
        for day, count in zip(DAYS, counts, strict=True):
            self.sell(day, count, amount=10.0)
        self.run([], allow_shrink=False)

    @rule(changes=changes, allow_shrink=st.booleans())
    def run(self, changes: list[Change], *, allow_shrink: bool) -> None:
        """An undisturbed run makes of each day what the model says, and says so; then nothing is left to do."""
        self.change(changes)
        if self.staged:
            self._run(allow_shrink=allow_shrink)
        # What an earlier run had staged is published, or blocked; now there is only what the shop has.
        self._run(allow_shrink=allow_shrink)
        stood = self._objects()
        again = self._ingest(allow_shrink=allow_shrink)
        assert all(day.status is not DayStatus.PUBLISHED for day in again.days)
        assert self._objects() == stood

    @rule(
        changes=changes, call=st.integers(1, 60), for_good=st.booleans(), lost=st.booleans(), allow_shrink=st.booleans()
    )
    def run_and_crash(
        self, changes: list[Change], call: int, *, for_good: bool, lost: bool, allow_shrink: bool
    ) -> None:
        """The store fails at some call, or from there on: each day is as before or as after."""
        store = FlakyStore(self.store, failing=call, for_good=for_good, lost=lost)
        self.crash(store, changes, allow_shrink=allow_shrink)

    def crash(self, store: Store, changes: list[Change], *, allow_shrink: bool) -> None:
        """Run on a store that fails: each day is as before or as after."""
        self.change(changes)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lake_module, "open_store", lambda *_, **__: store)
            self._run_or_fail(allow_shrink=allow_shrink)

    @rule(changes=changes, patience=st.integers(0, 8), allow_shrink=st.booleans())
    def run_without_source(self, changes: list[Change], patience: int, *, allow_shrink: bool) -> None:
        """The source refuses after some requests: each day is as before or as after, and pages stay staged."""
        self.change(changes)
        self.shop.patience = patience
        self._run_or_fail(allow_shrink=allow_shrink)
        self.shop.patience = None

    @precondition(lambda self: self.published)
    @rule(day=days)
    def an_object_is_deleted(self, day: date) -> None:
        """Somebody deletes a partition: the next run publishes it again, whatever it holds by then."""
        self.store.delete(partition_key(Layer.RAW, TABLE.name, day))
        self.published.pop(day, None)

    @invariant()
    def the_lake_holds(self) -> None:
        """I2 to I4 at all times; I5 whenever nobody has deleted anything since the last run."""
        found = contents(self.store)
        for key in found:
            layer, table, *_ = key.split("/")
            assert table == TABLE.name
            if layer == Layer.RAW:
                assert partition_day(Layer.RAW, TABLE.name, key) is not None
                check_partition(found, TABLE, key)
        assert set(self._held(found)) == set(self.published)

    @property
    def staged(self) -> dict[date, Staged]:
        """What a run would take up."""
        return staged(self.folder / "state")

    def change(self, changes: list[Change]) -> None:
        """Let the shop do all that."""
        for day, what, more in changes:
            CHANGES[what](self, day, more)

    def repeat(self, day: date) -> None:
        """Hand out the day's first row once more."""
        self.shop.rows[day] += self.shop.rows[day][:1]

    def sell(self, day: date, count: int, amount: float) -> None:
        """Add rows to a day."""
        for _ in range(count):
            self.numbers += 1
            self.shop.rows[day].append((f"o{self.numbers:05d}", amount))

    def take_back(self, day: date, keep: Callable[[list[Row]], list[Row]]) -> None:
        """Keep only some rows. A day's first pages grow stale before: as many others in their place show nowhere."""
        self.shop.rows[day] = keep(self.shop.rows[day])
        forget_unfinished(self.folder / "state", day)

    def _after(self, day: date, *, allow_shrink: bool) -> tuple[Expected | None, DayStatus]:
        """Return what a run makes of a day, and how it ends."""
        pages = self.staged.get(day)
        fetched = pages.rows if pages is not None and pages.whole else self.shop.rows[day]
        made, held = Expected.of(fetched), self.published.get(day)
        if made.blocked or (not allow_shrink and made.shrinks(held.good if held else None)):
            return held, DayStatus.BLOCKED
        return made, DayStatus.UNCHANGED if made == held else DayStatus.PUBLISHED

    def _ingest(self, *, allow_shrink: bool) -> Outcome:
        wanted = Selection(tables=(TABLE,), start=DAYS[0], end=DAYS[-1])
        return ingest(self.settings, wanted, overrides=Overrides(allow_shrink=allow_shrink))

    def _run(self, *, allow_shrink: bool) -> None:
        """Run, and compare what it says and what it leaves with the model."""
        wanted = {day: self._after(day, allow_shrink=allow_shrink) for day in DAYS}
        self._check_told(self._ingest(allow_shrink=allow_shrink), wanted)
        self.published = {day: held for day, (held, _) in wanted.items() if held is not None}
        self._check_published([day for day, (_, status) in wanted.items() if status is not DayStatus.BLOCKED])
        assert self.staged == {}

    def _run_or_fail(self, *, allow_shrink: bool) -> None:
        """Run; then take from the lake which days the run has come to, each of them old or new."""
        wanted = {day: self._after(day, allow_shrink=allow_shrink)[0] for day in DAYS}
        before = self.staged
        outcome = None
        with suppress(MootechError):
            outcome = self._ingest(allow_shrink=allow_shrink)
        found = self._held(contents(self.store))
        for day in DAYS:
            old, new = self.published.get(day), wanted[day]
            assert found.get(day) in (old, new), f"{day} is {found.get(day)}, and neither {old} nor {new}"
            if outcome is not None:
                (told,) = (each.status for each in outcome.days if each.utc_date == day)
                assert told is not DayStatus.PUBLISHED or found.get(day) == new
        self.published = found
        for day, pages in self.staged.items():
            assert pages == before.get(day) or pages.begins(self.shop.rows[day]), f"{day} has staged {pages}"

    def _check_told(self, outcome: Outcome, wanted: dict[date, tuple[Expected | None, DayStatus]]) -> None:
        told = {day.utc_date: day.status for day in outcome.days}
        assert told == {day: status for day, (_, status) in wanted.items()}
        assert (outcome.exit_code == 0) == all(status is not DayStatus.BLOCKED for status in told.values())

    def _check_published(self, passed: list[date]) -> None:
        """Compare the lake with the model; of the days that passed the gate, quarantine holds what they name."""
        found = contents(self.store)
        assert self._held(found) == self.published
        check_manifests(self.store, found)
        for day in passed:
            lying = [key for key in found if key.startswith(quarantine_prefix(TABLE.name, day))]
            named = _receipt(found[partition_key(Layer.RAW, TABLE.name, day)])["quarantine"]
            assert lying == ([] if named is None else [quarantine_key(TABLE.name, day, named)])

    def _held(self, found: Mapping[str, bytes]) -> dict[date, Expected]:
        held = {}
        for key, data in found.items():
            day = partition_day(Layer.RAW, TABLE.name, key)
            if day is not None:
                rows = pl.read_parquet(BytesIO(data), hive_partitioning=False)
                receipt = _receipt(data)
                good = frozenset(rows.select("order_id", "total_purchase_usd").rows())
                held[day] = Expected(good, receipt["quarantined"], receipt["duplicates"])
        return held

    def _objects(self) -> list[Entry]:
        return [entry for entry in self.store.list("") if not entry.key.startswith(("_mootech/runs/", "_mootech/lock"))]


def _receipt(partition: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(pl.read_parquet_metadata(BytesIO(partition))[RECEIPT])
    return found


Lakes.TestCase.settings = settings(
    max_examples=150 if TORTURE else 10,
    stateful_step_count=30 if TORTURE else 10,
    deadline=None,
    # Shrinking a failure takes minutes, which only the long run has.
    phases=tuple(Phase) if TORTURE else (Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.fault(1, 2, 22, 24)
@pytest.mark.timeout(3600)
class TestLakes(Lakes.TestCase):  # type: ignore[misc, valid-type]  # hypothesis makes the class at run time
    """Whatever the order of late rows, dirt, shrinking, crashes and runs, the lake is what the model says."""


LEAP, MARCH_1, MARCH_2 = DAYS
DIRT, BLOCKED, REPEATED, LATE = (
    next(what for what in CHANGES if words in what) for words in ("quarantine", "blocked", "once more", "late")
)


@pytest.fixture
def lakes() -> Iterator[Lakes]:
    """A model's lake, to be led step by step."""
    led = Lakes()
    yield led
    led.teardown()


def test_pages_of_a_crashed_run_are_published_by_the_next_one(lakes: Lakes) -> None:
    """A day that was staged whole is published as it was staged, although the shop has more by now; then the rest."""
    lakes.open(counts=[4, 10, 0])
    lakes.crash(_Unpublishing(lakes.store), [(LEAP, LATE, 2), (MARCH_1, DIRT, 1)], allow_shrink=False)
    there = {LEAP: Staged.of(lakes.shop.rows[LEAP]), MARCH_1: Staged.of(lakes.shop.rows[MARCH_1])}
    assert lakes.staged.items() >= there.items()
    lakes.change([(LEAP, LATE, 3), (MARCH_2, LATE, 1)])
    lakes.run_without_source([], 0, allow_shrink=False)
    assert len(lakes.published[LEAP].good) == 6
    assert lakes.published[MARCH_1].bad == 1
    lakes.run([], allow_shrink=False)
    assert len(lakes.published[LEAP].good) == 9
    assert len(lakes.published[MARCH_2].good) == 1


def test_a_crash_upon_a_crash(lakes: Lakes) -> None:
    """What hypothesis found once: a run that crashes publishes what the crashed run before it had staged."""
    lakes.open(counts=[14, 10, 0])
    lakes.an_object_is_deleted(MARCH_1)
    lakes.an_object_is_deleted(MARCH_2)
    first = [(LEAP, DIRT, 5), (LEAP, DIRT, 4)]
    lakes.run_and_crash(first, 13, for_good=False, lost=False, allow_shrink=True)
    second = [
        (MARCH_1, BLOCKED, 1),
        (MARCH_2, REPEATED, 3),
        (MARCH_2, DIRT, 3),
        (MARCH_1, REPEATED, 1),
        (LEAP, DIRT, 1),
    ]
    lakes.run_and_crash(second, 15, for_good=True, lost=False, allow_shrink=True)
    lakes.the_lake_holds()
    lakes.run([], allow_shrink=True)
    lakes.the_lake_holds()


class _Unpublishing(Wrapper):
    """A store that takes no partition."""

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Refuse rows, and pass on mootech's own documents."""
        if key.startswith(f"{Layer.RAW}/"):
            raise StoreError("no row may be written", hint="What was published before is intact.")
        return super().put(key, file, metadata, replaces=replaces)
