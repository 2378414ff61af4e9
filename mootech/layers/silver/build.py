"""Builds silver: bronze with real timestamps, money as decimals and parsed lists. Like `make`, it builds what is stale.

Events have one partition per UTC day (days.py). Users and products have one object each, with validity ranges over the
daily snapshots. The SQL file `<table>.sql` beside this module defines the rows, whichever engine runs it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial

import polars as pl

from mootech.definition import HELD_DAYS
from mootech.engines.engine import Engine
from mootech.engines.recipe import Recipe
from mootech.errors import EmptyLakeError, LockHeldError, MootechError, StoreError, UsageError
from mootech.lake.canonical import combined_hash
from mootech.lake.lake import Held, Lake
from mootech.lake.paths import Layer
from mootech.lake.publishing import LAST_MODIFIED
from mootech.layers.silver import days as silver_days
from mootech.model import SCHEMA_VERSION, DayResult, DayStatus, Lineage, Progress
from mootech.tables import TableSpec

_DAYS_AT_ONCE = 4
"""Number of days rebuilt at once: while one waits for the disk or S3, another one computes."""
_LARGE_DAY_ROWS = 100_000
"""If any day has this many rows, days are rebuilt one at a time, because each is in memory whole."""


def stale_objects(lake: Lake, table: TableSpec, bronze: Mapping[date, Held]) -> int:
    """Count the silver objects that must be rebuilt from this bronze: one per day of events, one per snapshot table."""
    plan = _plan(lake, table, bronze, full=False)
    return len(plan.stale) + len(plan.locked)


@dataclass(frozen=True)
class Builder:
    """Brings silver up to date with bronze.

    Args:
        lake: the lake, open for writing and locked by this run.
        engine: an engine opened for the lake's store.
        today: the UTC day for `last_modified` of content that changes.

    """

    lake: Lake
    engine: Engine
    today: date

    def build(
        self, tables: Sequence[TableSpec], *, full: bool = False, progress: Progress | None = None
    ) -> tuple[DayResult, ...]:
        """Rebuild what is not up to date, or everything; one failed day does not stop the others.

        Args:
            tables: the tables, in the order to build them; a table that bronze does not hold is skipped.
            full: also rebuild what is up to date.
            progress: the report that every rebuilt day is passed to.

        Returns:
            One result per rebuilt object: published (with its rows), unchanged (same content) or failed (with its
            error). A snapshot table has one result, on its latest held day. Objects that were up to date have none. A
            day that bronze no longer holds is unchanged with a note, because its silver is kept.

        Raises:
            EmptyLakeError: the lake holds none of the tables, neither in bronze nor as days in silver.
            LockHeldError: another run has taken over the lock.

        """
        plans = [_plan(self.lake, table, self.lake.held(Layer.RAW, table.name), full=full) for table in tables]
        if not any(plan.bronze or plan.orphans for plan in plans):
            msg = f"bronze holds no day of {', '.join(map(str, tables))}"
            raise EmptyLakeError(msg, hint="Fetch some days first: mootech ingest --start 2023-03-01")
        return tuple(result for plan in plans for result in self._results(plan, progress))

    def _results(self, plan: "_Plan", progress: Progress | None) -> Iterator[DayResult]:
        if progress:
            progress.planned(plan.table.name, len(plan.stale))
        for day in plan.orphans:
            note = "bronze no longer holds it; its silver is kept"
            yield DayResult(plan.table.name, day, DayStatus.UNCHANGED, note=note)
        if plan.kept:
            note = f"{len(plan.kept):,} days were made by a newer mootech's recipe; they are left alone"
            yield DayResult(plan.table.name, plan.kept[-1], DayStatus.UNCHANGED, note=note)
        yield from (DayResult(plan.table.name, day, DayStatus.FAILED, error=_newer(plan, day)) for day in plan.locked)
        rows = [held.receipt.published for held in plan.bronze.values() if held.receipt is not None]
        rebuild = self._ranges(plan) if plan.table.is_snapshot else self._days(plan)
        with ThreadPoolExecutor(_DAYS_AT_ONCE if max(rows, default=0) < _LARGE_DAY_ROWS else 1) as pool:
            try:
                for result in pool.map(partial(_result, plan.table, rebuild), plan.stale):
                    if progress:
                        progress.done(result)
                    yield result
            finally:
                # After an interrupt or a lost lock, only the days that have begun are finished.
                pool.shutdown(cancel_futures=True)

    def _days(self, plan: "_Plan") -> "_Rebuild":
        """Return a function that rebuilds one day of events."""
        made = self.engine.days(plan.recipe, {day: plan.bronze[day].entry for day in plan.stale})

        def rebuild(day: date) -> tuple[int, bool]:
            lineage = plan.lineage(_certified(plan, day))
            try:
                rows = made(day)
            except StoreError:
                raise
            except MootechError as exc:
                msg = f"bronze {plan.table} of {day} does not have the columns of its contract"
                raise StoreError(msg, hint=_refetch(plan.table, day)) from exc
            frame = self._dated(silver_days.finished(plan.table, day, rows))
            return frame.height, self.lake.publish_silver(plan.table.name, day, frame, lineage)

        return rebuild

    def _ranges(self, plan: "_Plan") -> "_Rebuild":
        """Return a function that rebuilds the validity ranges; its result is on the latest held day."""

        def rebuild(_: date) -> tuple[int, bool]:
            for day in plan.bronze:
                _certified(plan, day)
            days = sorted(plan.bronze)
            self.engine.view("snapshots", [plan.bronze[day].entry for day in days], partitioned=True)
            frame = self._dated(self.engine.query(plan.recipe, {HELD_DAYS: days}))
            lineage = plan.lineage(_snapshots_hash(plan.bronze))
            return frame.height, self.lake.publish_object(Layer.SILVER, plan.table.name, frame, lineage)

        return rebuild

    def _dated(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(pl.lit(self.today).alias(LAST_MODIFIED))


_Rebuild = Callable[[date], tuple[int, bool]]
"""Rebuilds a day's silver; returns its number of rows and whether it was written."""


def _result(table: TableSpec, rebuild: _Rebuild, day: date) -> DayResult:
    try:
        rows, changed = rebuild(day)
    except LockHeldError:
        raise
    except MootechError as exc:
        return DayResult(table.name, day, DayStatus.FAILED, error=exc)
    return DayResult(table.name, day, DayStatus.PUBLISHED if changed else DayStatus.UNCHANGED, published=rows)


@dataclass(frozen=True)
class _Plan:
    """What to do for one table."""

    table: TableSpec
    bronze: Mapping[date, Held]
    stale: list[date]
    orphans: list[date]
    kept: list[date]
    """Days whose silver a newer recipe made from the present bronze."""
    locked: list[date]
    """Days whose silver a newer recipe made and whose bronze has changed since. A newer mootech must rebuild them."""

    @property
    def recipe(self) -> Recipe:
        """The recipe of the table's silver."""
        return silver_days.recipe_of(self.table)

    def lineage(self, inputs_hash: str) -> Lineage:
        """Return the lineage of an object that is made now from inputs with this hash."""
        return Lineage(inputs_hash, self.recipe.fingerprint, self.recipe.version)


def _plan(lake: Lake, table: TableSpec, bronze: Mapping[date, Held], *, full: bool) -> _Plan:
    recipe = silver_days.recipe_of(table)
    if table.is_snapshot:
        ranges, last = lake.held_object(Layer.SILVER, table.name), max(bronze, default=None)
        inputs: dict[date, str | None] = {} if last is None else {last: _snapshots_hash(bronze)}
        silver = {} if last is None or ranges is None else {last: ranges}
        orphans = []
    else:
        silver = lake.held(Layer.SILVER, table.name)
        inputs = {day: _content(held) for day, held in sorted(bronze.items())}
        orphans = sorted(silver.keys() - bronze.keys())
    newer = {day for day, held in silver.items() if held.provenance and held.provenance.is_by_newer(recipe.version)}
    behind = [day for day, content in inputs.items() if not _is_fresh(silver.get(day), content, recipe)]
    return _Plan(
        table,
        bronze,
        stale=[day for day in (inputs if full else behind) if day not in newer],
        orphans=orphans,
        kept=sorted(newer.intersection(inputs).difference(behind)),
        locked=[day for day in behind if day in newer],
    )


def _content(held: Held) -> str | None:
    return held.receipt.content_hash if held.receipt else None


def _snapshots_hash(bronze: Mapping[date, Held]) -> str:
    return combined_hash(f"{day} {_content(held)}" for day, held in sorted(bronze.items()))


def _is_fresh(silver: Held | None, inputs_hash: str | None, recipe: Recipe) -> bool:
    """Say whether silver was made from these inputs, by this recipe or by a newer one."""
    made = silver.provenance if silver else None
    if made is None or made.inputs_hash != inputs_hash or made.schema_version < SCHEMA_VERSION:
        return False
    return made.is_by(recipe.fingerprint) or made.is_by_newer(recipe.version)


def _certified(plan: _Plan, day: date) -> str:
    content = _content(plan.bronze[day])
    if content is None:
        key = plan.bronze[day].key
        msg = f"bronze {plan.table} of {day} has no receipt: mootech did not write {key}, or it is damaged"
        raise StoreError(msg, hint=_refetch(plan.table, day))
    return content


def _refetch(table: TableSpec, day: date) -> str:
    return f"Its silver was not changed. Fetch the day again: mootech ingest -t {table} --start {day} --end {day}"


def _newer(plan: _Plan, day: date) -> UsageError:
    return UsageError(
        f"silver {plan.table} of {day} was made by a newer mootech, and its raw_data has changed since",
        hint=f"It was not changed. This mootech knows recipe {plan.recipe.version}; upgrade it on this machine.",
    )
