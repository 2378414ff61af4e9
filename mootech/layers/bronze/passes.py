"""Unite several passes over the pages of one day: the union has each row as often as the pass with most copies of it.

A source that silently leaves out rows may leave out others the next time. The union leaves out the rows that a later
pass repeats, so it is judged like a single pass with all rows. A row that has changed between two passes is two rows,
and the gate keeps the later one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec

from mootech.lake.disk import mapped
from mootech.source.dialect import Dialect
from mootech.source.pages import rows_of


@dataclass(frozen=True)
class StagedPage:
    """A page on local disk, and which of its rows count."""

    path: Path
    counted: Sequence[int] | None = None
    """Positions, ascending; None: all of them."""
    dialect: Dialect | None = None
    """How it is read; None is mootech's own protocol."""

    def rows(self) -> list[msgspec.Raw]:
        """Return the JSON text of the rows that count.

        Raises:
            StoreError: the file cannot be read.

        """
        with mapped(f"reading the staged page {self.path}"):
            rows = rows_of(self.path.read_bytes(), self.dialect)
        return rows if self.counted is None else [rows[position] for position in self.counted]


@dataclass(frozen=True)
class Union:
    """The passes over one day as if they were one."""

    pages: Sequence[StagedPage]
    passes: tuple[int, ...] = ()
    """Rows of each pass; empty for a single pass, which is not read only to count it."""
    repeated: int = 0
    """Rows of later passes that an earlier one had handed out already."""


def united(passes: Sequence[Sequence[Path]], dialect: Dialect | None = None) -> Union:
    """Unite the pages of passes over one day, in order.

    Two rows are the same when their JSON texts are. A single pass is not read.

    Raises:
        StoreError: a file cannot be read.

    """
    if len(passes) == 1:
        return Union([StagedPage(path, dialect=dialect) for path in passes[0]])
    had: Counter[bytes] = Counter()
    pages: list[StagedPage] = []
    counts: list[int] = []
    for paths in passes:
        seen: Counter[bytes] = Counter()
        for path in paths:
            new: list[int] = []
            rows = StagedPage(path, dialect=dialect).rows()
            for position, row in enumerate(rows):
                # 128 bits: a row with the hash of another one would be lost.
                name = blake2b(bytes(row), digest_size=16).digest()
                seen[name] += 1
                if seen[name] > had[name]:
                    new.append(position)
            pages.append(StagedPage(path, new, dialect))
        had |= seen
        counts.append(seen.total())
    return Union(pages, tuple(counts), sum(counts) - had.total())
