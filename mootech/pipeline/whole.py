"""Everything that is due in one go, and the same on a sandbox shop."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from mootech.config import IngestSettings, ReportSettings, Settings, SourceSettings
from mootech.errors import MootechError, UsageError
from mootech.lake.lake import Lake
from mootech.lake.paths import DEMO_KEY, Layer
from mootech.model import DayStatus, Outcome, Progress, RunOutcome, Table, utc_today
from mootech.pipeline.checking import check_days
from mootech.pipeline.deriving import build_silver, make_report
from mootech.pipeline.ingesting import ingest_jobs, receipts_of, rules_of
from mootech.pipeline.shop import connection_to
from mootech.pipeline.wanted import Wanted
from mootech.sandbox.server import running
from mootech.sandbox.shop import API_KEY, Shop
from mootech.session import locked, opened_if_there


def run(settings: Settings, *, progress: Progress | None = None) -> RunOutcome:
    """Do everything that is due: ingest, qa of what is new, silver, the configured reports. The cron line.

    A step's failure does not keep the next one from working with what is good; every failure counts for the exit code.
    """
    wanted = Wanted()
    wanted.jobs(settings, opened_if_there(settings))
    connection = connection_to(settings)

    def work(lake: Lake) -> RunOutcome:
        jobs = wanted.jobs(settings, lake)
        ingested = ingest_jobs(lake, settings, connection, jobs, receipts_of(lake, jobs), rules_of(settings), progress)
        new = [day for day in ingested.days if day.status is DayStatus.PUBLISHED]
        fresh = {table: [day.utc_date for day in new if day.table == table] for table in Table}
        steps = (
            ingested,
            _attempt("qa", lambda: check_days(lake, settings, fresh, [])),
            _attempt("silver", lambda: build_silver(lake, settings, (), full=False, progress=progress)),
            _attempt("report", lambda: make_report(lake, settings, settings.report.products)),
        )
        return RunOutcome("run", days=ingested.days, steps=steps)

    return locked(settings, "run", work)


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


def _attempt(command: str, step: Callable[[], Outcome]) -> Outcome:
    """Do a step of a run; its failure becomes its outcome, so that the next step can do what it can."""
    try:
        return step()
    except MootechError as exc:
        return Outcome(command, errors=(exc,))
