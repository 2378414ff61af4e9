"""Staged pages on local disk: what has arrived of a day, kept until the day is published.

A day's folder holds one file per page and a journal, one line per page, written after the page is safe on disk; so
after a kill at any moment the journal names only whole pages, and the next run fetches the rest. What does not check
out, belongs to other settings, or is stale is thrown away, never believed.

    <root>/<table>/<day>/journal.jsonl        a header line, then a line per page
    <root>/<table>/<day>/page-00001.json      the body, decoded from the wire
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from mootech.errors import IncompleteError
from mootech.lake.disk import mapped
from mootech.model import Table
from mootech.source.pages import START, Page, Progress, TotalChangedError

_JOURNAL_VERSION = 1
_STALE_SECONDS = 6 * 3600
"""Pages older than this are fetched again: the shop's rows may have moved between pages since."""


@dataclass(frozen=True)
class _Entry:
    """A journal line: what `Progress` needs of a page, and the proof that its file is whole."""

    number: int
    cursor: str | None
    next_cursor: str | None
    rows: int
    total: int | None
    sha256: str


class StagedDay:
    """The staged pages of one table and day."""

    def __init__(self, root: Path, table: Table, day: date, *, source: str, page_size: int) -> None:
        """Name the folder; nothing is read or written yet.

        Args:
            root: the staging area of one lake.
            table: which table.
            day: which UTC day.
            source: URL of the shop's API; pages of another source are not resumed.
            page_size: rows a page; cursors of another page size do not fit.

        """
        self.page_size = page_size
        self._folder = root / table / day.isoformat()
        self._header = {
            "journal": _JOURNAL_VERSION,
            "source": source,
            "table": str(table),
            "utc_date": day.isoformat(),
            "page_size": page_size,
        }
        self._started = time.time()
        self._entries: list[_Entry] = []
        self.progress: Progress = START

    def resume(self) -> int:
        """Take up what an earlier run staged, as far as it checks out; return the number of pages."""
        self._entries, self.progress = [], START
        entries = self._believable()
        if not entries:
            self.clear()
            return 0
        for entry in entries:
            try:
                self.progress = self.progress.after(_page(entry, b""))
            except (TotalChangedError, IncompleteError):
                self.clear()
                return 0
            self._entries.append(entry)
        # Written anew, because a torn last line would swallow the next one.
        self._start_journal()
        return len(entries)

    def add(self, page: Page) -> None:
        """Keep one page: its body first, then, when that is safe on disk, its journal line.

        Raises:
            StoreError: the state folder cannot be written; what was staged before is intact.

        """
        digest = hashlib.sha256(page.body).hexdigest()
        entry = _Entry(page.number, page.cursor, page.next_cursor, page.rows, page.total, digest)
        with mapped(f"staging page {page.number} in {self._folder}"):
            if not self._entries:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._start_journal()
            _write(self._file(page.number), page.body, os.O_TRUNC)
            _write(self._journal, _line(asdict(entry)), os.O_APPEND)
        self._entries.append(entry)
        self.progress = self.progress.after(page)

    def bodies(self) -> list[Path]:
        """Return the pages' files in order."""
        return [self._file(entry.number) for entry in self._entries]

    def clear(self) -> None:
        """Forget the day's pages."""
        self._entries, self.progress, self._started = [], START, time.time()
        # The journal goes first: pages without a journal are nothing, a journal without pages would be a lie.
        self._journal.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _journal(self) -> Path:
        return self._folder / "journal.jsonl"

    def _file(self, number: int) -> Path:
        return self._folder / f"page-{number:05d}.json"

    def _start_journal(self) -> None:
        """Write the header and the entries there are, in one step."""
        lines = [{**self._header, "started": self._started}, *map(asdict, self._entries)]
        beside = self._journal.with_suffix(".new")
        _write(beside, b"".join(map(_line, lines)), os.O_TRUNC)
        beside.replace(self._journal)

    def _believable(self) -> list[_Entry]:
        """Return the journal's entries up to the first that does not hold."""
        try:
            first, *lines = self._journal.read_text().splitlines()
            header = json.loads(first)
            age = time.time() - header.pop("started")
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return []
        if header != self._header or not 0 <= age < _STALE_SECONDS:
            return []
        self._started -= age
        entries: list[_Entry] = []
        for line in lines:
            try:
                entry = _Entry(**json.loads(line))
                body = self._file(entry.number).read_bytes()
            except (OSError, ValueError, TypeError):
                break
            follows = entry.number == len(entries) + 1 and entry.cursor == (
                entries[-1].next_cursor if entries else None
            )
            if not follows or hashlib.sha256(body).hexdigest() != entry.sha256:
                break
            entries.append(entry)
        return entries


def _page(entry: _Entry, body: bytes) -> Page:
    return Page(entry.number, entry.cursor, entry.next_cursor, entry.rows, entry.total, body)


def _line(values: Mapping[str, object]) -> bytes:
    return json.dumps(values).encode() + b"\n"


def _write(path: Path, data: bytes, flag: int) -> None:
    """Write and flush to disk; private, because rows hold customers' addresses."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
