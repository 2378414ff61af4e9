"""The days and tables that a command is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from mootech.config import Settings
from mootech.lake.lake import Lake
from mootech.lake.locks.shard import Shard
from mootech.lake.paths import Layer
from mootech.layers.bronze.plan import days_to_fetch
from mootech.model import DayRange, Job, utc_today
from mootech.tables import TABLES, TableSpec

FETCH_FIRST = "Fetch something first: mootech ingest --start 2023-03-01. To see it all at work: mootech demo."
"""The hint for a lake that holds nothing."""


@dataclass(frozen=True)
class Selection:
    """The days an ingest is asked for. `start` and `end` are UTC days; the defaults ask for what is missing."""

    tables: Sequence[TableSpec] = ()
    """Empty takes the configured ones."""
    start: date | None = None
    """First day of a range, every day of which is fetched; None fetches the missing days and the lookback."""
    end: date | None = None
    """None is yesterday."""
    lookback: int | None = None
    """How many of the last held days are fetched again; None takes the configured number."""
    shard: Shard | None = None
    """The slice of the jobs; None takes all of them."""

    @property
    def span(self) -> DayRange:
        """The days from `start` to `end`; an end that is not set is open."""
        return DayRange(self.start or date.min, self.end or date.max)

    def jobs(self, settings: Settings, lake: Lake | None) -> list[Job]:
        """Return the queue of (table, day) jobs for a lake; None is a lake that is not there yet."""
        ingest = settings.ingest
        if self.lookback is not None:
            ingest = ingest.model_copy(update={"lookback": self.lookback})
        jobs = [
            Job(table, day)
            for table in self.tables or ingest.tables
            for day in days_to_fetch(
                whole_days(lake, table) if lake else (), ingest, start=self.start, end=self.end, today=utc_today()
            )
        ]
        shard = self.shard
        # By day and table, not by position in the queue, because the missing days change while shards run.
        places = {table: number for number, table in enumerate(TABLES)}
        return [job for job in jobs if shard is None or shard.takes(job.day.toordinal() + places[job.table])]


def whole_days(lake: Lake, table: TableSpec) -> list[date]:
    """Return the days of bronze whose receipt can be read; a damaged partition counts as missing."""
    return [day for day, held in lake.held(Layer.RAW, table.name).items() if held.receipt is not None]
