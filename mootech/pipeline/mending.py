"""What stands in the lake: prove it again, and have what is broken made again."""

from collections.abc import Sequence
from dataclasses import replace

from mootech.config import Settings
from mootech.engines.duckdb import deriving
from mootech.errors import BrokenPromiseError, EmptyLakeError, MootechError
from mootech.lake.lake import Lake
from mootech.layers.finding import Mend, advice, days_to_mend, to_rewrite, unbelievable
from mootech.layers.recount import Shop, recount
from mootech.layers.verify import foreign_folders, verify_table
from mootech.model import DayRange, DayResult, DayStatus, Finding, Outcome, Progress, QaOutcome, Table
from mootech.pipeline.ingesting import ingest_jobs, receipts_of, rules_of
from mootech.pipeline.shop import connection_to, dialects_of
from mootech.pipeline.wanted import FETCH_FIRST, Wanted
from mootech.session import locked, opened

_SHOWN = 5


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
    shop = None
    if source:
        asks = settings.source.metrics
        dialects = dialects_of(settings)
        older = settings.source.protocol == "jobs"
        shop = Shop(connection_to(settings), dialects, asks, older, settings.qa.min_source_share)
    lake = opened(settings)
    findings = prove(lake, wanted.tables, wanted.span)
    if shop is not None:
        findings += [each for table in wanted.tables or Table for each in recount(lake, table, wanted.span, shop)]
    if not findings:
        raise EmptyLakeError(f"{settings.lake} holds nothing to verify there", hint=FETCH_FIRST)
    broken = [finding for finding in findings if not finding.ok]
    if not broken:
        return QaOutcome("verify", findings=tuple(findings))
    error = BrokenPromiseError(f"broken promises in {settings.lake}: {len(broken):,}", advice(broken))
    return QaOutcome("verify", findings=tuple(findings), errors=(error,))


def repair(  # noqa: PLR0913  # one for each of the command's options
    settings: Settings,
    wanted: Wanted,
    *,
    dry_run: bool = False,
    allow_shrink: bool = False,
    allow_anomaly: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Fetch exactly the days again that `verify` finds broken, and have silver's broken objects built by the next run.

    Nothing but those partitions is touched; what only a person can judge is named and left where it is.

    Args:
        settings: where from, where to, and the limits.
        wanted: which tables; `start` and `end` narrow the days that are looked at, all of them without.
        dry_run: only say which days would be fetched; nothing is written.
        allow_shrink: let a day whose own rows are whole be published with far fewer.
        allow_anomaly: publish days that are unlike their past, whatever the settings say.
        progress: told of pages and days as they come.

    Raises:
        EmptyLakeError: there is no lake.
        UsageError: something is to be fetched, and the key or address is missing.
        LockHeldError, StoreError: the lake cannot be written now.

    """
    lake = opened(settings)
    if dry_run:
        found = prove(lake, wanted.tables, wanted.span)
        planned = tuple(DayResult(job.table, job.day, DayStatus.PLANNED) for job in days_to_mend(found))
        return Outcome("ingest", days=planned, errors=_left_broken(lake, found), notes=_rebuilt_later(found))

    def work(lake: Lake) -> Outcome:
        found = prove(lake, wanted.tables, wanted.span)
        jobs = days_to_mend(found)
        # The shrink guard keeps what is worth keeping: the rows of a damaged partition are not.
        damaged = unbelievable(found)
        published = {job: receipt for job, receipt in receipts_of(lake, jobs).items() if job not in damaged}
        for layer, table, day in to_rewrite(found):
            lake.disbelieve(layer, table, day)
        done = Outcome("ingest")
        if jobs:
            rules = rules_of(settings, allow_shrink=allow_shrink, allow_anomaly=allow_anomaly)
            done = ingest_jobs(lake, settings, connection_to(settings), jobs, published, rules, progress)
        return replace(done, errors=_left_broken(lake, found), notes=_rebuilt_later(found))

    return locked(settings, "ingest", work)


def prove(lake: Lake, tables: Sequence[Table], span: DayRange) -> list[Finding]:
    """Verify tables, none of them named all; then also what lies beside them."""
    with deriving() as derive:
        found = [finding for table in tables or Table for finding in verify_table(lake, derive, table, span)]
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
    return (f"findings that remain in silver: {objects:,}; `mootech silver` builds what they name.",) if objects else ()
