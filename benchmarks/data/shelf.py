"""Pages on disk, ready to be sent: a folder per table and day, a file per page with the JSON list of its rows."""

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import polars as pl

PAGE_ROWS = 5_000
"""Rows a page, mootech's default."""


@dataclass(frozen=True)
class Day:
    """What the shop says about a table's day."""

    pages: int
    rows: int
    visitors: int


@dataclass(frozen=True)
class Shelf:
    """The pages of one shop, in a folder."""

    folder: Path

    def has(self, table: str, day: date) -> bool:
        """Say whether all of the day is there."""
        return (self._of(table, day) / "day.json").exists()

    def day(self, table: str, day: date) -> Day | None:
        """Return what is told of a day; None when it is not there."""
        return (
            Day(**json.loads((self._of(table, day) / "day.json").read_text("utf-8"))) if self.has(table, day) else None
        )

    def page(self, table: str, day: date, number: int) -> Path:
        """Return the file of a page; the first one has number 0."""
        return self._of(table, day) / f"{number:05d}.json"

    def put_page(self, table: str, day: date, number: int, body: bytes) -> None:
        """Keep a page: the JSON list of its rows."""
        file = self.page(table, day, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)

    def close_day(self, table: str, day: date, *, pages: int, rows: int, visitors: int = 0) -> None:
        """Say that the day is whole; until then it is made anew."""
        (self._of(table, day) / "day.json").write_text(json.dumps(asdict(Day(pages, rows, visitors))), "utf-8")

    def put_day(self, table: str, day: date, frame: pl.DataFrame, visitors: int = 0) -> None:
        """Keep a day of at most one page."""
        self.put_page(table, day, 0, frame.write_json().encode())
        self.close_day(table, day, pages=1, rows=frame.height, visitors=visitors)

    def _of(self, table: str, day: date) -> Path:
        return self.folder / table / day.isoformat()
