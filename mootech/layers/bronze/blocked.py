"""Days that the quality gate blocked: their rejected rows stay in the state folder until the day is published.

<root>/<table>/<day>.parquet      reasons LIST<VARCHAR>, raw VARCHAR; the counts in the footer
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from mootech.lake.disk import mapped, private_folder, replacing
from mootech.model import Job
from mootech.tables import TableSpec

_FOOTER_KEY = "mootech.blocked"


@dataclass(frozen=True)
class BlockedDay:
    """Why one table's day, or its newest version, is not in the lake."""

    table: str
    utc_date: str
    why: str
    """The message of the gate or of the shrink guard."""
    fetched: int
    rejected: int
    reasons: dict[str, int]
    """Reason → rows that have it, the most frequent first."""


class BlockedDays:
    """The blocked days of one lake on this host."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is read or written yet."""
        self._root = root

    def keep(self, job: Job, why: str, *, fetched: int, rejects: pl.DataFrame) -> BlockedDay:
        """Keep a blocked day with its rejected rows, in place of an earlier version of it.

        Raises:
            StoreError: the state folder cannot be written.

        """
        counts = rejects["reasons"].explode().value_counts().sort(["count", "reasons"], descending=[True, False])
        blocked = BlockedDay(str(job.table), job.day.isoformat(), why, fetched, rejects.height, dict(counts.rows()))
        path = self._path(job)
        with mapped(f"keeping the rejected rows of {job.table} {job.day} in {self._root}"):
            private_folder(path.parent)
            with replacing(path, private=True) as file:
                rejects.write_parquet(file, metadata={_FOOTER_KEY: json.dumps(asdict(blocked))})
        return blocked

    def forget(self, job: Job) -> None:
        """Remove a day; it has been published."""
        self._path(job).unlink(missing_ok=True)

    def all(self, table: TableSpec) -> list[BlockedDay]:
        """Return the table's blocked days, oldest first."""
        known = [pl.read_parquet_metadata(path) for path in sorted((self._root / table.name).glob("*.parquet"))]
        return [BlockedDay(**json.loads(footer[_FOOTER_KEY])) for footer in known if _FOOTER_KEY in footer]

    def _path(self, job: Job) -> Path:
        return self._root / job.table.name / f"{job.day.isoformat()}.parquet"
