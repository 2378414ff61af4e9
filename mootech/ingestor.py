"""The Python face: the names people know from the notebook, thin over the same pipeline as the commands.

Settings come from the environment and mootech.toml, as for the commands; all days are UTC. Every function raises the
MootechError that its command would end with.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import SecretStr

from mootech.config import load
from mootech.errors import UsageError
from mootech.model import DayRange, Finding, Job, check_over, utc_today
from mootech.outcomes import Outcome, QaOutcome
from mootech.pipeline.ingest import fetch
from mootech.pipeline.qa import qa
from mootech.pipeline.report import report
from mootech.tables import CLICKSTREAM, TABLES


class DataIngest:
    """Fetches days of the shop's tables into bronze, from a queue.

    Example:
        >>> from datetime import date
        >>> from mootech import DataIngest
        >>> ingestor = DataIngest(api_key="sandbox-key")
        >>> ingestor.get_data_by_range(table="products", start_date=date(2024, 3, 1), end_date=date(2024, 3, 2))
        >>> [str(day.status) for day in ingestor.run_fetch().days]
        ['unchanged', 'unchanged']

    """

    def __init__(self, api_key: str | None = None, *, lake: str | None = None, config: Path | None = None) -> None:
        """Read the settings; nothing is fetched yet.

        Args:
            api_key: of the shop's API; None takes it from the environment.
            lake: a directory or s3://bucket/prefix; None takes the configured one.
            config: a configuration file instead of ./mootech.toml.

        """
        settings = load(config=config, lake=lake)
        if api_key is not None:
            source = settings.source.model_copy(update={"api_key": SecretStr(api_key)})
            settings = settings.model_copy(update={"source": source})
        self._settings = settings
        self._queue: list[Job] = []

    @property
    def queue(self) -> tuple[Job, ...]:
        """The (table, day) jobs that the next `run_fetch` works on, in order."""
        return tuple(self._queue)

    def get_data_by_range(self, table: str, start_date: date, end_date: date | None = None) -> None:
        """Queue every day of a range, both ends included.

        Args:
            table: clickstream, transactions, users or products.
            start_date: a date, or a datetime whose UTC day is taken.
            end_date: the same; None is yesterday.

        Raises:
            UsageError: there is no such table, the range runs backwards, or a day of it is not over. Nothing is queued.

        Example:
            >>> from datetime import date
            >>> ingestor = DataIngest()
            >>> ingestor.get_data_by_range("users", date(2024, 3, 1), date(2024, 3, 3))
            >>> len(ingestor.queue)
            3

        """
        last = utc_today() - timedelta(days=1) if end_date is None else _utc_day(end_date)
        check_over(last, utc_today(), "end_date")
        of = TABLES.named(table)
        self._queue += [Job(of, day) for day in DayRange(_utc_day(start_date), last)]

    def run_fetch(self) -> Outcome:
        """Fetch, check and publish every queued day, and empty the queue of those that ended well.

        Returns:
            What happened to each day; a failed one carries its error, and stays queued.

        Raises:
            UsageError: nothing is queued, or the API's address or key is missing.

        Example:
            >>> from datetime import date
            >>> ingestor = DataIngest()
            >>> ingestor.get_data_by_range("transactions", date(2024, 3, 6), date(2024, 3, 6))
            >>> outcome = ingestor.run_fetch()
            >>> outcome.errors, ingestor.queue
            ((), ())

        """
        if not self._queue:
            raise UsageError("nothing is queued", hint="Call get_data_by_range(table=…, start_date=…) first.")
        outcome = fetch(self._settings, self._queue)
        failed = {(day.table, day.utc_date) for day in outcome.days if day.error is not None}
        self._queue = [job for job in self._queue if (job.table.name, job.day) in failed]
        return outcome


def qa_driver(table: str, *, lake: str | None = None) -> QaOutcome:
    """Run every check on what bronze holds of a table.

    Example:
        >>> from mootech import qa_driver
        >>> qa_driver("users").errors
        ()

    """
    return qa(load(lake=lake), tables=(TABLES.named(table),))


def schema_check(table: str, *, lake: str | None = None) -> list[Finding]:
    """Return where a table's partitions drift from its contract: other columns or types, and undeclared fields.

    Example:
        >>> from mootech import schema_check
        >>> [finding.data["field"] for finding in schema_check("clickstream")]
        ['evar7']

    """
    return [finding for finding in qa_driver(table, lake=lake).findings if finding.check == "schema_drift"]


def quality_assurance_clickstream(
    start_date: date | None = None, end_date: date | None = None, *, lake: str | None = None
) -> pl.DataFrame:
    """Run every check on the clickstream of a range of days; None leaves an end open.

    Returns:
        Frame with columns utc_date (Date, null for a figure of the whole range), column (String), check (String),
        message (String), ok (Boolean).

    Example:
        >>> from datetime import date
        >>> from mootech import quality_assurance_clickstream
        >>> quality_assurance_clickstream(date(2024, 3, 1), date(2024, 3, 2)).columns
        ['utc_date', 'column', 'check', 'message', 'ok']

    """
    start, end = (None if day is None else _utc_day(day) for day in (start_date, end_date))
    found = qa(load(lake=lake), tables=(CLICKSTREAM,), start=start, end=end).findings
    columns: dict[str, Any] = {
        "utc_date": pl.Date,
        "column": pl.String,
        "check": pl.String,
        "message": pl.String,
        "ok": pl.Boolean,
    }
    rows = [(each.utc_date, each.column, each.check, each.message, each.ok) for each in found]
    return pl.DataFrame(rows, schema=columns, orient="row")


def generate_report(product: str, *, lake: str | None = None) -> pl.DataFrame:
    """Compute the month-over-month sales report of one product and keep it in the lake's results.

    Args:
        product: its name, in any case, or its product_id.
        lake: None takes the configured one.

    Returns:
        Frame with the columns of docs/reports.md, one row per month, oldest first.

    Example:
        >>> from mootech import generate_report
        >>> generate_report("tumbler")["transaction_month"].to_list()
        [3]

    """
    (found,) = report(load(lake=lake), products=(product,)).reports
    return pl.DataFrame(found.rows, schema=list(found.columns), orient="row", infer_schema_length=None)


def _utc_day(day: date) -> date:
    """Return a date as it is, and a datetime's day in UTC; one without a time zone counts as UTC."""
    if not isinstance(day, datetime):
        return day
    return day.astimezone(UTC).date() if day.tzinfo is not None else day.date()
