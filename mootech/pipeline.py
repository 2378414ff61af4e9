"""What each command does: one plain function each, settings in, an outcome out.

Every function opens the lake, and those that write hold its lock for as long as they run. A day's expected failure is
in the outcome; a failure of the command itself is raised as a MootechError.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from pydantic import SecretStr

from mootech.config import IngestSettings, ReportSettings, Settings, SourceSettings
from mootech.engines.duckdb import Engine
from mootech.errors import BrokenPromiseError, EmptyLakeError, MootechError, QualityError, UsageError
from mootech.lake.lake import Held, Lake
from mootech.lake.paths import DEMO_KEY, SNAPSHOTS, Layer
from mootech.layers import gold, interruptible
from mootech.layers import silver as silver_layer
from mootech.layers.blocked import BlockedDays
from mootech.layers.finding import Mend, advice, days_to_mend, to_rewrite, unbelievable
from mootech.layers.ingest import Fetcher, Ingest
from mootech.layers.plan import check_over, days_to_fetch
from mootech.layers.publishing import Gatekeeper, Rules
from mootech.layers.recount import recount
from mootech.layers.stage import staged_pages
from mootech.layers.verify import foreign_folders, verify_table
from mootech.model import (
    DayRange,
    DayResult,
    DayStatus,
    Finding,
    Job,
    Outcome,
    Progress,
    QaOutcome,
    Receipt,
    ReportOutcome,
    RunOutcome,
    Silent,
    StatusOutcome,
    Table,
    TableStatus,
    utc_today,
)
from mootech.qa.checks import summarise
from mootech.qa.gate import Threshold
from mootech.sandbox.server import running
from mootech.sandbox.shop import API_KEY, Shop
from mootech.session import locked, opened, opened_if_there
from mootech.source.http import Connection

_REPORTS = ("sales",)
_SHOWN = 5
_FETCH_FIRST = "Fetch something first: mootech ingest --start 2023-03-01. To see it all at work: mootech demo."


@dataclass(frozen=True)
class Wanted:
    """The days an ingest is asked for. `start` and `end` are UTC days; the defaults ask for what is missing."""

    tables: Sequence[Table] = ()
    """Empty takes the configured ones."""
    start: date | None = None
    """Of a range that is fetched whole; None fetches what is missing, plus the lookback."""
    end: date | None = None
    """None is yesterday."""
    lookback: int | None = None
    """How many of the last held days are fetched again; None takes the configured number."""

    @property
    def span(self) -> DayRange:
        """The days from `start` to `end`, without them all there can be."""
        return DayRange(self.start or date.min, self.end or date.max)

    def jobs(self, settings: Settings, lake: Lake | None) -> list[Job]:
        """Return the queue of (table, day) jobs for a lake; None is a lake that is not there yet."""
        return [
            Job(table, day)
            for table in self.tables or settings.ingest.tables
            for day in days_to_fetch(
                _whole_days(lake, table) if lake else (),
                start=self.start,
                end=self.end,
                lookback=settings.ingest.lookback if self.lookback is None else self.lookback,
                configured_start=settings.ingest.start,
                today=utc_today(),
            )
        ]


def ingest(
    settings: Settings,
    wanted: Wanted,
    *,
    dry_run: bool = False,
    allow_shrink: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Fetch days from the shop's API, put them through the gate, publish them in bronze.

    Args:
        settings: where from, where to, and the limits.
        wanted: which tables and days.
        dry_run: only say which days would be fetched; nothing is written.
        allow_shrink: let a refetch publish far fewer rows than the day has.
        progress: told of pages and days as they come.

    Raises:
        UsageError: a range that is none, a missing key or address; nothing has been touched.
        LockHeldError, StoreError: the lake cannot be written now.

    """
    # Planned before anything is created or locked, so that a wrong option leaves no trace.
    planned = wanted.jobs(settings, opened_if_there(settings))
    if dry_run:
        return Outcome("ingest", days=tuple(DayResult(job.table, job.day, DayStatus.PLANNED) for job in planned))
    connection = _connection(settings)

    def work(lake: Lake) -> Outcome:
        # Planned again under the lock: another run may have published since.
        jobs = wanted.jobs(settings, lake)
        rules = _rules(settings, allow_shrink=allow_shrink)
        return _ingest(lake, settings, connection, jobs, _receipts(lake, jobs), rules, progress)

    return locked(settings, "ingest", work)


def fetch(settings: Settings, jobs: Sequence[Job], *, progress: Progress | None = None) -> Outcome:
    """Work a given queue of (table, day) jobs, as `ingest` does with the one it plans.

    Raises:
        UsageError: a day that is not over, a missing key or address; nothing has been touched.
        LockHeldError, StoreError: the lake cannot be written now.

    """
    for job in jobs:
        check_over(job.day, utc_today(), "day")
    connection = _connection(settings)

    def work(lake: Lake) -> Outcome:
        return _ingest(lake, settings, connection, jobs, _receipts(lake, jobs), _rules(settings), progress)

    return locked(settings, "ingest", work)


def repair(
    settings: Settings,
    wanted: Wanted,
    *,
    dry_run: bool = False,
    allow_shrink: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Fetch exactly the days again that `verify` finds broken, and have silver's broken objects built by the next run.

    Nothing but those partitions is touched; what only a person can judge is named and left where it is.

    Args:
        settings: where from, where to, and the limits.
        wanted: which tables; `start` and `end` narrow the days that are looked at, all of them without.
        dry_run: only say which days would be fetched; nothing is written.
        allow_shrink: let a day whose own rows are whole be published with far fewer.
        progress: told of pages and days as they come.

    Raises:
        EmptyLakeError: there is no lake.
        UsageError: something is to be fetched, and the key or address is missing.
        LockHeldError, StoreError: the lake cannot be written now.

    """
    lake = opened(settings)
    if dry_run:
        found = _findings(lake, wanted.tables, wanted.span)
        planned = tuple(DayResult(job.table, job.day, DayStatus.PLANNED) for job in days_to_mend(found))
        return Outcome("ingest", days=planned, errors=_left_broken(lake, found), notes=_rebuilt_later(found))

    def work(lake: Lake) -> Outcome:
        found = _findings(lake, wanted.tables, wanted.span)
        jobs = days_to_mend(found)
        # The shrink guard keeps what is worth keeping: the rows of a damaged partition are not.
        damaged = unbelievable(found)
        published = {job: receipt for job, receipt in _receipts(lake, jobs).items() if job not in damaged}
        for layer, table, day in to_rewrite(found):
            lake.disbelieve(layer, table, day)
        done = Outcome("ingest")
        if jobs:
            rules = _rules(settings, allow_shrink=allow_shrink)
            done = _ingest(lake, settings, _connection(settings), jobs, published, rules, progress)
        return replace(done, errors=_left_broken(lake, found), notes=_rebuilt_later(found))

    return locked(settings, "ingest", work)


def qa(
    settings: Settings, *, tables: Sequence[Table] = (), start: date | None = None, end: date | None = None
) -> QaOutcome:
    """Check what is in bronze again, per column and check; days the gate blocked on this host are findings too.

    Raises:
        EmptyLakeError: the lake holds no day of the tables in the range, and none is blocked.

    """
    lake = opened(settings)
    span = DayRange(start or date.min, end or date.max)
    tables = tables or tuple(Table)
    days = {table: [day for day in lake.held(Layer.RAW, table) if day in span] for table in tables}
    blocked = [finding for finding in _blocked(lake, tables) if finding.utc_date in span]
    if not any(days.values()) and not blocked:
        raise EmptyLakeError(f"{settings.lake} holds nothing to check there", hint=_FETCH_FIRST)
    return _qa(lake, days, blocked)


def silver(
    settings: Settings, *, tables: Sequence[Table] = (), full: bool = False, progress: Progress | None = None
) -> Outcome:
    """Rebuild silver where its bronze changed; with `full` everywhere.

    Raises:
        EmptyLakeError: the lake holds no bronze.

    """
    opened(settings)
    return locked(settings, "silver", lambda lake: _silver(lake, settings, tables, full=full, progress=progress))


def report(settings: Settings, *, name: str = "sales", products: Sequence[str] = ()) -> ReportOutcome:
    """Compute a report from silver and keep it in the lake's results.

    Raises:
        UsageError: there is no report, or no product, of that name; the hint lists the nearest.
        EmptyLakeError: silver holds nothing to report on.

    """
    if name not in _REPORTS:
        raise UsageError(f"there is no report {name!r}", hint=f"The reports are: {', '.join(_REPORTS)}.")
    opened(settings)
    return locked(settings, "report", lambda lake: _report(lake, settings, products or settings.report.products))


def run(settings: Settings, *, progress: Progress | None = None) -> RunOutcome:
    """Do everything that is due: ingest, qa of what is new, silver, the configured reports. The cron line.

    A step's failure does not keep the next one from working with what is good; every failure counts for the exit code.
    """
    wanted = Wanted()
    wanted.jobs(settings, opened_if_there(settings))
    connection = _connection(settings)

    def work(lake: Lake) -> RunOutcome:
        jobs = wanted.jobs(settings, lake)
        ingested = _ingest(lake, settings, connection, jobs, _receipts(lake, jobs), _rules(settings), progress)
        new = [day for day in ingested.days if day.status is DayStatus.PUBLISHED]
        fresh = {table: [day.utc_date for day in new if day.table == table] for table in Table}
        steps = (
            ingested,
            _attempt("qa", lambda: _qa(lake, fresh, [])),
            _attempt("silver", lambda: _silver(lake, settings, (), full=False, progress=progress)),
            _attempt("report", lambda: _report(lake, settings, settings.report.products)),
        )
        return RunOutcome("run", days=ingested.days, steps=steps)

    return locked(settings, "run", work)


def verify(settings: Settings, wanted: Wanted, *, source: bool = False) -> QaOutcome:
    """Prove again that every object of bronze and silver is whole and adds up.

    Args:
        settings: which lake, and with `source` which shop.
        wanted: which tables; `start` and `end` narrow the days, all of them without.
        source: also compare with what the shop itself counts now.

    Raises:
        EmptyLakeError: the lake holds nothing to prove.
        SourceError: the shop was asked and did not answer.

    """
    connection = _connection(settings) if source else None
    lake = opened(settings)
    findings = _findings(lake, wanted.tables, wanted.span)
    if connection is not None:
        findings += [each for table in wanted.tables or Table for each in recount(lake, table, wanted.span, connection)]
    if not findings:
        raise EmptyLakeError(f"{settings.lake} holds nothing to verify there", hint=_FETCH_FIRST)
    broken = [finding for finding in findings if not finding.ok]
    if not broken:
        return QaOutcome("verify", findings=tuple(findings))
    error = BrokenPromiseError(f"{len(broken):,} things in {settings.lake} are not as they should be", advice(broken))
    return QaOutcome("verify", findings=tuple(findings), errors=(error,))


def status(settings: Settings) -> StatusOutcome:
    """Say what the lake holds per table, how fresh it is, what is blocked, and who works on it. All days are UTC."""
    lake = opened(settings)
    return StatusOutcome(
        "status",
        notes=tuple(lake.warnings),
        lake=lake.store.url,
        tables=tuple(_table_status(lake, table) for table in Table),
        last_run=lake.last_run(),
        lock_holder=lake.lock_holder(),
    )


def demo(lake: str, state_dir: Path, *, days: int, progress: Progress | None = None) -> RunOutcome:
    """Start the sandbox shop on a free port, fetch its last `days` days into a lake, and report on the tumbler.

    Raises:
        UsageError: the lake holds days that are not the demo's, which the sandbox's would mix with.

    """
    today = utc_today()
    with running(Shop(), today=lambda: today) as url:
        settings = Settings(
            lake=lake,
            state_dir=state_dir,
            source=SourceSettings(url=url, api_key=SecretStr(API_KEY)),
            ingest=IngestSettings(start=today - timedelta(days=days)),
            report=ReportSettings(products=("Tumbler",)),
        )
        there = opened_if_there(settings)
        if there and there.store.head(DEMO_KEY) is None and any(there.held(Layer.RAW, table) for table in Table):
            raise UsageError(
                f"{lake} holds days of another shop",
                hint="Nothing was changed. Give the demo a lake of its own: --lake.",
            )
        Lake.open(lake, state_dir=state_dir, write=True).store.create(DEMO_KEY, b"{}")
        return run(settings, progress=progress)


def _whole_days(lake: Lake, table: Table) -> list[date]:
    """Return the days of bronze whose receipt can be read; a damaged partition counts as missing."""
    return [day for day, held in lake.held(Layer.RAW, table).items() if held.receipt is not None]


def _connection(settings: Settings) -> Connection:
    url, api_key = settings.source.endpoint()
    return Connection(
        url,
        api_key.get_secret_value(),
        concurrency=settings.source.concurrency,
        timeout_seconds=settings.source.timeout_seconds,
        deadline_seconds=settings.source.deadline_seconds,
        max_body_bytes=settings.source.max_body_mb * 2**20,
    )


def _rules(settings: Settings, *, allow_shrink: bool = False) -> Rules:
    return Rules(Threshold(settings.qa.max_bad_share, settings.qa.max_bad_rows), allow_shrink=allow_shrink)


def _receipts(lake: Lake, jobs: Sequence[Job]) -> dict[Job, Receipt]:
    """Return the receipts of what the lake holds of the jobs' tables."""
    return {
        Job(table, day): held.receipt
        for table in dict.fromkeys(job.table for job in jobs)
        for day, held in lake.held(Layer.RAW, table).items()
        if held.receipt is not None
    }


def _ingest(  # noqa: PLR0913, PLR0917  # an open lake, and what each command decides about a queue
    lake: Lake,
    settings: Settings,
    connection: Connection,
    jobs: Sequence[Job],
    published: Mapping[Job, Receipt],
    rules: Rules,
    progress: Progress | None,
) -> Outcome:
    watched = progress or Silent()
    for table, days in Counter(job.table for job in jobs).items():
        watched.planned(table, days)
    gatekeeper = Gatekeeper(lake, rules, BlockedDays(lake.workspace / "blocked"), published)
    fetcher = Fetcher(connection, settings.source.page_size, lake.workspace / "stage")
    watched.standing(lambda: _standing(gatekeeper.standing, len(jobs), staged_pages(fetcher.folder)))
    work = Ingest(fetcher, gatekeeper, watched).run(jobs)
    return Outcome("ingest", days=tuple(interruptible.run(work, stop=gatekeeper.stop)))


def _standing(ended: Counter[DayStatus], days: int, pages: int) -> str:
    """Say what an ingest has done so far."""
    published, unchanged = ended[DayStatus.PUBLISHED], ended[DayStatus.UNCHANGED]
    same = f" and {unchanged:,} found unchanged" if unchanged else ""
    return f"{published:,} of {days:,} days were published{same}, {pages:,} fetched pages stay staged"


def _findings(lake: Lake, tables: Sequence[Table], span: DayRange) -> list[Finding]:
    """Verify tables, none of them named all; then also what lies beside them."""
    found = [finding for table in tables or Table for finding in verify_table(lake, table, span)]
    return found if tables else [*found, *foreign_folders(lake)]


def _left_broken(lake: Lake, found: Sequence[Finding]) -> tuple[MootechError, ...]:
    """Return the error of a repair that had to leave something, for a person to judge."""
    left = [each for each in found if each.data.get("mend") == Mend.BY_HAND]
    if not left:
        return ()
    names = "; ".join(each.message for each in left[:_SHOWN])
    more = f"; and {len(left) - _SHOWN:,} more" if len(left) > _SHOWN else ""
    return (BrokenPromiseError(f"left in {lake.store.url}: {names}{more}", advice(left)),)


def _rebuilt_later(found: Sequence[Finding]) -> tuple[str, ...]:
    """Return what a repair leaves to the next silver."""
    objects = sum(each.data.get("mend") == Mend.REBUILD for each in found)
    return (
        (f"{objects:,} findings in silver remain: type `mootech silver` to build what they name.",) if objects else ()
    )


def _qa(lake: Lake, days: Mapping[Table, Sequence[date]], blocked: Sequence[Finding]) -> QaOutcome:
    findings = list(blocked)
    for table, of_table in days.items():
        if of_table:
            held = lake.held(Layer.RAW, table)
            findings += summarise(table, ((day, lake.read(held[day].key), held[day].receipt) for day in of_table))
    wrong = sum(not finding.ok for finding in findings)
    if not wrong:
        return QaOutcome("qa", findings=tuple(findings))
    error = QualityError(
        f"qa has {wrong:,} findings", hint="They are listed above; nothing was changed. A day is mended by fetching it."
    )
    return QaOutcome("qa", findings=tuple(findings), errors=(error,))


def _blocked(lake: Lake, tables: Sequence[Table]) -> list[Finding]:
    days = BlockedDays(lake.workspace / "blocked")
    return [
        Finding(
            day.table,
            date.fromisoformat(day.utc_date),
            None,
            "blocked",
            "; ".join([day.why, *(f"{reason} {count:,}" for reason, count in day.reasons.items())]),
            data={"fetched": day.fetched, "rejected": day.rejected, "reasons": day.reasons},
        )
        for table in tables
        for day in days.all(table)
    ]


def _silver(
    lake: Lake, settings: Settings, tables: Sequence[Table], *, full: bool, progress: Progress | None
) -> Outcome:
    with Engine.opened(lake.store, state_dir=settings.state_dir) as engine:
        builder = silver_layer.Builder(lake, engine, utc_today())
        return Outcome("silver", days=builder.build(tables or tuple(Table), full=full, progress=progress))


def _report(lake: Lake, settings: Settings, products: Sequence[str]) -> ReportOutcome:
    with Engine.opened(lake.store, state_dir=settings.state_dir) as engine:
        return ReportOutcome("report", reports=gold.sales(lake, engine, products))


def _attempt(command: str, step: Callable[[], Outcome]) -> Outcome:
    """Do a step of a run; its failure becomes its outcome, so that the next step can do what it can."""
    try:
        return step()
    except MootechError as exc:
        return Outcome(command, errors=(exc,))


def _table_status(lake: Lake, table: Table) -> TableStatus:
    bronze = lake.held(Layer.RAW, table)
    days = sorted(bronze)
    receipts = [held.receipt for held in bronze.values() if held.receipt is not None]
    span = DayRange(days[0], days[-1]) if days else ()
    return TableStatus(
        table=str(table),
        days=len(days),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        gaps=tuple(day for day in span if day not in bronze),
        rows=sum(receipt.published for receipt in receipts),
        quarantined=sum(receipt.quarantined for receipt in receipts),
        blocked=tuple(finding.utc_date for finding in _blocked(lake, (table,)) if finding.utc_date),
        silver_behind=_silver_behind(lake, table, bronze),
        freshness_days=(utc_today() - timedelta(days=1) - days[-1]).days if days else None,
    )


def _silver_behind(lake: Lake, table: Table, bronze: Mapping[date, Held]) -> int:
    """Count the days of bronze that silver was not made from."""
    if table in SNAPSHOTS:
        stale = silver_layer.snapshots_are_stale(bronze, lake.held_object(Layer.SILVER, table))
        return len(bronze) if stale else 0
    return len(silver_layer.stale_days(bronze, lake.held(Layer.SILVER, table), full=False))
