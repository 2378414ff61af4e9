"""Staged pages on local disk: what has arrived of a day, kept until the day is published.

A day's folder holds one file per page and a journal with one line per page. A line is written after its page is safe
on disk. So after a kill at any moment the journal names only whole pages, and the next run fetches the rest. The
journal says only which pages are whole; a resume reads the pages themselves again, through the same guards. Pages that
do not check out, that belong to other settings or another version, or that are stale are removed and fetched again.

    <root>/<table>/<day>/journal.jsonl        a header line, then a line per page: its number, its hash, its headers
    <root>/<table>/<day>/page-00001.json      the body, decoded from the wire
    <root>/<table>/<day>/pass-2/…             the same for a further pass over the day; it goes with the first one
"""

import hashlib
import json
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from mootech.errors import IncompleteError, RefusedError
from mootech.lake.disk import mapped, write_atomically
from mootech.model import Job
from mootech.source.body import TransientError
from mootech.source.dialect import Dialect
from mootech.source.guards import START, Page, PagePosition, TotalChangedError
from mootech.source.http import Answer
from mootech.source.pages import read_page, rows_of

_JOURNAL_VERSION = 4
_STALE_SECONDS = 6 * 3600
"""Older pages are fetched again, because the shop's rows may have moved between pages since."""


class _Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A journal line: this page is whole on disk, and has this hash."""

    page: int
    sha256: str
    head: dict[str, str] = {}
    """The headers that the page is read with, when its dialect needs any."""


_LINE = msgspec.json.Decoder(_Whole)


class StagedDay:
    """The staged pages of one pass over a table's day."""

    def __init__(self, root: Path, job: Job, dialect: Dialect, *, page_size: int, number: int = 1) -> None:
        """Name the folder; nothing is read or written yet.

        Args:
            root: the staging area of one lake.
            job: which table and UTC day.
            dialect: how pages are asked for, where, and how they are read; pages of another one are not resumed.
            page_size: rows a page; cursors of another page size do not fit.
            number: which pass over the day, from 1.

        """
        self.page_size = page_size
        self.job = job
        self.dialect = dialect.on(job.day)
        self._folder = root / job.table.name / job.day.isoformat()
        if number > 1:
            self._folder /= f"pass-{number}"
        self._header = {
            "journal": _JOURNAL_VERSION,
            "source": dialect.url,
            "table": job.table.name,
            "utc_date": job.day.isoformat(),
            "page_size": page_size,
            "dialect": self.dialect.digest,
        }
        self._started = time.time()
        self._whole: list[_Whole] = []
        self.position: PagePosition = START

    def resume(self) -> int:
        """Resume the pages that an earlier run staged, as far as they check out; return their number.

        Raises:
            StoreError: the state folder cannot be written.

        """
        self._whole, self.position = [], START
        try:
            self._resume_pages()
        except (TotalChangedError, IncompleteError):
            # The pages are whole, and do not belong together.
            self._whole = []
        if not self._whole:
            self.clear()
        else:
            # Written again, because the next line would be appended to a torn last one.
            self._start_journal()
        return len(self._whole)

    def add(self, page: Page) -> None:
        """Keep one page: first its body and, when that is safe on disk, its journal line.

        Raises:
            StoreError: the state folder cannot be written; what was staged before is intact.

        """
        whole = _Whole(page.number, hashlib.sha256(page.body).hexdigest(), dict(page.head))
        with mapped(f"staging page {page.number} in {self._folder}"):
            if not self._whole:
                # Each by a call of its own: mkdir does not give the mode to the parents that it makes.
                folders = (*reversed(self._folder.parents[:2]), self._folder)
                for folder in (each for each in folders if not each.exists()):
                    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._start_journal()
            _write(self._file(page.number), page.body, os.O_TRUNC)
            _write(self._journal, msgspec.json.encode(whole) + b"\n", os.O_APPEND)
        self._whole.append(whole)
        self.position = self.position.after(page)

    def end(self) -> None:
        """Note that the last page is there. Only a resume has to find out again where a refusal was the end."""
        self.position = self.position.ended()

    def bodies(self) -> list[Path]:
        """Return the pages' files in order."""
        return [self._file(whole.page) for whole in self._whole]

    def digest(self) -> bytes:
        """Return a hash of all rows in their order, however they are cut into pages; it compares passes.

        Raises:
            StoreError: a staged page cannot be read.

        """
        digest = hashlib.sha256()
        for path in self.bodies():
            with mapped(f"reading the staged page {path}"):
                rows = rows_of(path.read_bytes(), self.dialect)
            for row in rows:
                digest.update(bytes(row) + b"\n")
        return digest.digest()

    def begin_again(self, page_size: int) -> None:
        """Remove the day's pages and begin again with so many rows a page; a later run does not resume such pages.

        Raises:
            StoreError: the state folder cannot be written.

        """
        self.clear()
        self.page_size = self._header["page_size"] = page_size

    def clear(self) -> None:
        """Remove the day's pages. The first pass removes the further passes, too.

        Files that cannot be removed raise no error: a published day must not fail for them, and the next page to stage
        finds out what is wrong with the folder.
        """
        self._whole, self.position, self._started = [], START, time.time()
        with suppress(OSError):
            # The journal goes first: pages without a journal are ignored, a journal without pages would be wrong.
            self._journal.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _journal(self) -> Path:
        return self._folder / "journal.jsonl"

    def _file(self, number: int) -> Path:
        return self._folder / f"page-{number:05d}.json"

    def _start_journal(self) -> None:
        """Write the header and the lines so far, in one step."""
        header = json.dumps({**self._header, "started": self._started}).encode()
        lines = b"\n".join([header, *map(msgspec.json.encode, self._whole), b""])
        with mapped(f"writing {self._journal}"):
            write_atomically(self._journal, lines, private=True)

    def _resume_pages(self) -> None:
        """Read the journal and its pages, up to the first one that does not check out."""
        try:
            first, *lines = self._journal.read_bytes().splitlines()
            header = json.loads(first)
            age = time.time() - header.pop("started")
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return
        if header != self._header or not 0 <= age < _STALE_SECONDS:
            return
        self._started -= age
        for number, line in enumerate(lines, start=1):
            if self._whole and self.position.next_cursor is None:
                return
            try:
                whole = _LINE.decode(line)
                body = self._file(number).read_bytes()
                if (whole.page, whole.sha256) != (number, hashlib.sha256(body).hexdigest()):
                    return
                page = read_page(self.dialect, Answer(body, whole.head), self.position, self.page_size)
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError, TransientError, RefusedError):
                return
            self.position = self.position.after(page)
            self._whole.append(whole)


def remove_stale(root: Path) -> None:
    """Remove the folders of days with stale pages, which no run would resume. For a run with the lake's lock.

    A folder is stale when nothing was written to it for six hours. A folder that cannot be removed stays and does no
    harm.

    Args:
        root: the staging area of one lake; it need not exist.

    """
    for day in root.glob("*/*"):
        with suppress(OSError):
            touched = max(path.stat().st_mtime for path in (day, *day.iterdir()))
            if time.time() - touched > _STALE_SECONDS:
                shutil.rmtree(day)


def staged_pages(root: Path) -> int:
    """Count the pages that are staged below a lake's staging area, of all tables and days."""
    return sum(1 for _ in root.rglob("page-*.json"))


def _write(path: Path, data: bytes, flag: int) -> None:
    """Write and flush to disk. The file is private, because rows hold customers' addresses."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
