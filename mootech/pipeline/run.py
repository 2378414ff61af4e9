"""Everything that is due, in one go."""

from collections.abc import Callable

from mootech.config import Settings
from mootech.errors import MootechError
from mootech.lake.lake import Lake
from mootech.layers.bronze.selection import Selection
from mootech.model import DayStatus, Progress, Silent
from mootech.outcomes import Outcome, RunOutcome
from mootech.pipeline.ingest import Ingestion
from mootech.pipeline.qa import check_days
from mootech.pipeline.report import configured, make_reports
from mootech.pipeline.session import locked, opened_if_there
from mootech.pipeline.silver import build_silver
from mootech.source.setup import endpoint_of
from mootech.tables import TABLES


def run(settings: Settings, *, progress: Progress | None = None) -> RunOutcome:
    """Do everything that is due: ingest, qa of what is new, silver, the configured reports. It is the line for cron.

    After a step that failed the next ones still work with what is good. Every failure counts for the exit code.

    Example:
        >>> from pathlib import Path
        >>> from mootech.config import load
        >>> outcome = run(load(config=Path("nightly.toml"), lake="./nightly"))
        >>> [step.command for step in outcome.steps], outcome.all_errors
        (['ingest', 'qa', 'silver', 'report'], ())

    """
    due = Selection()
    due.jobs(settings, opened_if_there(settings))
    ingestion = Ingestion(settings, endpoint_of(settings), progress=progress or Silent())

    def work(lake: Lake) -> RunOutcome:
        ingested = ingestion.run(lake, due.jobs(settings, lake))
        new = [day for day in ingested.days if day.status is DayStatus.PUBLISHED]
        fresh = {table: [day.utc_date for day in new if day.table == table.name] for table in TABLES}
        steps = (
            ingested,
            _attempt("qa", lambda: check_days(lake, settings, fresh, [])),
            _attempt("silver", lambda: build_silver(lake, settings, (), full=False, progress=progress)),
            _attempt("report", lambda: make_reports(lake, settings, configured(settings))),
        )
        return RunOutcome("run", days=ingested.days, steps=steps)

    return locked(settings, "run", work)


def _attempt(command: str, step: Callable[[], Outcome]) -> Outcome:
    """Do a step of a run; a failure becomes its outcome, so that the next step goes on."""
    try:
        return step()
    except MootechError as exc:
        return Outcome(command, errors=(exc,))
