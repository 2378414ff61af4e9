"""Publish staged days: the gate judges them, then they go to the lake or to the folder of blocked days."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import polars as pl

from mootech.config import QaSettings
from mootech.errors import MootechError, QualityError, StoreError
from mootech.lake.disk import private_folder
from mootech.lake.lake import DayRows, Lake
from mootech.lake.rows import Rows, SpilledRows
from mootech.layers.bronze.blocked import BlockedDays
from mootech.layers.bronze.completeness import asks_again, complaint, note
from mootech.layers.bronze.gate import Drift, StagedPages, check_days, check_large_day
from mootech.layers.bronze.plan import shrinks
from mootech.layers.bronze.profiles import Profiles
from mootech.layers.bronze.spill import PORTION_ROWS
from mootech.layers.bronze.staging import StagedDay
from mootech.model import DayResult, DayStatus, Job, Receipt
from mootech.qa.contract import EXTRA, NO_EXTRA
from mootech.qa.drift import undeclared
from mootech.qa.gate import blocks
from mootech.qa.profile import profile
from mootech.source.metrics import Metrics
from mootech.tables import TableSpec

_STORE_GIVES_UP_AFTER = 3
"""After so many days in a row that the store failed to take, the rest is not even fetched."""


class _StoppedError(Exception):
    """The run was stopped before the current day was published."""


@dataclass(frozen=True)
class Overrides:
    """What a person allows for one run, whatever the settings say."""

    allow_shrink: bool = False
    """Let a refetch publish a day with far fewer rows than the version held."""
    allow_anomaly: bool = False
    """Publish days that are unlike their past."""


@dataclass(frozen=True)
class Rules:
    """What may be published."""

    qa: QaSettings
    overrides: Overrides = field(default_factory=Overrides)
    rows_in_memory: int = PORTION_ROWS
    """A day with more rows goes through the gate by way of the disk."""

    @property
    def stops_anomalies(self) -> bool:
        """Say whether days that are unlike their past are not published."""
        return self.qa.anomalies == "block" and not self.overrides.allow_anomaly

    def drift(self, table: TableSpec) -> Drift:
        """Return what becomes of the table's undeclared fields."""
        return Drift(getattr(self.qa.schema_drift, table.name))


@dataclass(frozen=True)
class Staged:
    """A day whose pages are all on local disk."""

    job: Job
    passes: tuple[StagedDay, ...]
    """The first pass, and one more for each time that the day fell short of the shop's metrics."""
    note: str
    """For a person: anything special about fetching it."""
    metrics: Metrics | None = None
    """The shop's own counts of the day; None when it was not asked."""

    @property
    def pages(self) -> StagedPages:
        """The pages for the gate."""
        return StagedPages(
            self.job.day,
            [one.bodies() for one in self.passes],
            self.passes[-1].position.total,
            self.metrics,
            self.passes[0].dialect,
        )

    @property
    def rows(self) -> int:
        """Rows as fetched."""
        return sum(each.position.rows for each in self.passes)

    def clear(self) -> None:
        """Forget the day's pages."""
        self.passes[0].clear()


class Gatekeeper:
    """Checks staged days and publishes the good ones into one lake."""

    def __init__(self, lake: Lake, rules: Rules, published: Mapping[Job, Receipt]) -> None:
        """Connect the parts.

        Args:
            lake: opened for writing, its lock held.
            rules: what may be published.
            published: receipts of what the lake holds, for the shrink guard.

        """
        self._lake = lake
        self._rules = rules
        self._blocked = BlockedDays(lake.workspace / "blocked")
        self._published = published
        self._profiles = Profiles(lake)
        self._folder = lake.own_folder("gate")
        # A killed run may have left a large day there.
        shutil.rmtree(self._folder, ignore_errors=True)
        self._store_failures = 0
        self._stopped = Event()
        self._ended: list[DayStatus] = []

    def stop(self) -> None:
        """Begin no further day; the current one is finished. May be called from any thread."""
        self._stopped.set()

    @property
    def counts(self) -> Counter[DayStatus]:
        """How many days have ended with each status so far; may be asked from any thread."""
        return Counter(self._ended)

    def check_store(self) -> None:
        """Refuse to go on when the store has failed several days in a row.

        Raises:
            StoreError: it has; the day is not even fetched.

        """
        if self._store_failures >= _STORE_GIVES_UP_AFTER:
            raise StoreError(
                f"it was left out, because the store failed {_STORE_GIVES_UP_AFTER} days in a row",
                hint="What was published before is intact. Mend the store, then run the same command again.",
            )

    def work(self, batch: Sequence[Staged]) -> list[DayResult | None]:
        """Check and publish staged days of one table; every expected failure becomes its day's result.

        A result of None asks for another pass over the day. After `stop`, days that were not begun have no result.
        """
        try:
            if len(batch) == 1 and batch[0].rows > self._rules.rows_in_memory:
                return self._work_on_disk(batch[0])
            checked = check_days(batch[0].job.table, [each.pages for each in batch])
        except StoreError as exc:
            # The local disk failed; the pages stay staged.
            self._ended += [DayStatus.FAILED] * len(batch)
            return [failed(each.job, exc, DayStatus.FAILED) for each in batch]
        except _StoppedError:
            return []
        return list(self._results(zip(batch, checked, strict=True)))

    def _work_on_disk(self, staged: Staged) -> list[DayResult | None]:
        """Check and publish a day that is too large for memory."""
        limit = self._rules.rows_in_memory
        with self._scratch() as folder:
            rows = check_large_day(
                staged.job.table, staged.pages, folder, portion_rows=limit, proceed=self._check_stopped
            )
            return list(self._results(iter([(staged, rows)])))

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise _StoppedError

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Yield an empty folder, which only its owner may look into, and remove it at the end."""
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            yield private_folder(self._folder)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _results(self, checked: Iterator[tuple[Staged, DayRows]]) -> Iterator[DayResult | None]:
        for staged, rows in checked:
            if self._stopped.is_set():
                return
            if asks_again(self._rules.qa, rows.reconciled):
                yield None
                continue
            try:
                self.check_store()
                result = self._publish(staged.job, rows)
            except StoreError as exc:
                # The pages stay staged: the next run does not fetch them again.
                self._store_failures += 1
                self._ended.append(DayStatus.FAILED)
                yield failed(staged.job, exc, DayStatus.FAILED)
            else:
                self._store_failures = 0
                staged.clear()
                self._ended.append(result.status)
                yield replace(result, note=(rows.reconciled and note(rows.reconciled)) or staged.note)

    def _publish(self, job: Job, rows: DayRows) -> DayResult:
        if self._rules.drift(job.table) is Drift.DISCARD:
            # Only now, because repeats and conflicts are decided on the rows as they came. Every row stays.
            rows = replace(rows, rows=_without_undeclared(rows.rows))
        held = self._published.get(job)
        refusal = refused(job, rows, held, self._rules) or self._unlike(job, rows, held)
        if refusal is not None:
            self._blocked.keep(job, refusal.message, fetched=rows.fetched, rejects=rows.rejects)
            return DayResult(
                job.table.name,
                job.day,
                DayStatus.BLOCKED,
                fetched=rows.fetched,
                quarantined=rows.rejects.height,
                duplicates=rows.duplicates,
                source_total=rows.source_total,
                error=refusal,
                reconciled=rows.reconciled,
            )
        receipt, changed = self._lake.publish_day(rows)
        self._blocked.forget(job)
        short = complaint(self._rules.qa, job, rows.reconciled)
        return replace(accounted(job, receipt, changed=changed), error=short)

    def _unlike(self, job: Job, rows: DayRows, held: Receipt | None) -> QualityError | None:
        """Return why a day that is unlike its past must not be published, None when it may."""
        if not self._rules.stops_anomalies:
            return None
        anomalies = self._profiles.unlike(job.table, job.day, self._rules.qa, profile(job.table, rows.rows))
        self._profiles.save()
        if not anomalies:
            return None
        first = ": ".join(filter(None, (anomalies[0].column, anomalies[0].message)))
        more = f" and {len(anomalies) - 1:,} more like it" if len(anomalies) > 1 else ""
        return QualityError(
            f"it is unlike the weeks before: {first}{more}; {_intact(held)}",
            hint=f"If the shop says that this is right, run `mootech ingest {_only(job)} --allow-anomaly`.",
        )


def _without_undeclared(rows: Rows) -> Rows:
    """Return all rows, without the fields that the contract does not name."""
    changed = rows.lazy().with_columns(NO_EXTRA)
    return changed.collect() if isinstance(rows, pl.DataFrame) else SpilledRows(changed, rows.height)


def refused(job: Job, rows: DayRows, held: Receipt | None, rules: Rules) -> QualityError | None:
    """Return why a day must not be published, None when it may; `held` is the receipt of the version held."""
    only, intact = _only(job), _intact(held)
    bad = rows.rejects.height
    # Rows that a later pass repeats do not count: otherwise repeated good rows would lower the share of bad ones.
    fetched = rows.fetched - (rows.reconciled.repeated if rows.reconciled else 0)
    if blocks(rules.qa, fetched=fetched, bad=bad):
        return QualityError(
            f"{bad:,} of {fetched:,} rows are bad; {intact}",
            hint=f"Run `mootech qa {only}` to see why. The next run fetches the day again.",
        )
    if not rules.qa.publish_short_days:
        short = complaint(rules.qa, job, rows.reconciled, intact)
        if short is not None:
            return short
    if held is not None and not rules.overrides.allow_shrink and shrinks(held.published, rows.rows.height):
        return QualityError(
            f"it would shrink from {held.published:,} to {rows.rows.height:,} rows; {intact}",
            hint=f"If the shop really has fewer rows now, run `mootech ingest {only} --allow-shrink`.",
        )
    extra = _extra(rows.rows) if rules.drift(job.table) is Drift.FREEZE else None
    if extra is not None and extra.len():
        fields = ", ".join(repr(name) for name in undeclared(extra))
        return QualityError(
            f"{extra.len():,} rows have fields that are not declared: {fields}; {intact}",
            hint=f'If they are welcome, write {job.table} = "evolve", or "discard", under [qa.schema_drift], then run '
            f"`mootech ingest {only}`.",
        )
    return None


def _extra(rows: Rows) -> pl.Series:
    return rows.lazy().select(pl.col(EXTRA).drop_nulls()).collect()[EXTRA]


def _only(job: Job) -> str:
    return f"-t {job.table} --start {job.day} --end {job.day}"


def _intact(held: Receipt | None) -> str:
    return "the version published before is intact" if held else "nothing of it was published"


def accounted(job: Job, receipt: Receipt, *, changed: bool) -> DayResult:
    """Return the result of a day that the lake holds with this receipt."""
    return DayResult(
        job.table.name,
        job.day,
        DayStatus.PUBLISHED if changed else DayStatus.UNCHANGED,
        fetched=receipt.fetched,
        published=receipt.published,
        quarantined=receipt.quarantined,
        duplicates=receipt.duplicates,
        source_total=receipt.source_total,
        reconciled=receipt.reconciled,
    )


def failed(job: Job, error: MootechError, status: DayStatus) -> DayResult:
    """Return the result of a day that ended with an error."""
    return DayResult(job.table.name, job.day, status, error=error)
