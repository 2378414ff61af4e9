"""Slices of a backfill: each takes its own (table, day) jobs, so that several machines can share one. Pure."""

import re
from dataclasses import dataclass
from typing import Self

from mootech.errors import UsageError

MOST = 1000
"""Slices of one backfill."""

_TEXT = re.compile(r"(\d{1,4})/(\d{1,4})")
_NAME = re.compile(r"shard-(\d{1,4})-of-(\d{1,4})")


@dataclass(frozen=True)
class Shard:
    """One of several slices, counted from 1."""

    number: int
    of: int

    def __post_init__(self) -> None:
        """Refuse a slice that there is not."""
        if not 1 <= self.number <= self.of <= MOST:
            raise UsageError(f"there is no slice {self}", hint=f"Such as 2/5: from 1 to 5, and {MOST} slices at most.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `2/5` means; UsageError where it means nothing."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"{text!r} is no slice", hint="Such as 2/5, the second of five.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def named(cls, name: str) -> Self | None:
        """Return the slice of a name such as `shard-2-of-5`, None for any other name."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        try:
            return cls(int(match[1]), int(match[2]))
        except UsageError:
            return None

    @property
    def name(self) -> str:
        """What its lock is called: shard-2-of-5."""
        return f"shard-{self.number}-of-{self.of}"

    def takes(self, place: int) -> bool:
        """Say whether the job of that place is in the slice; of slices that share a backfill exactly one says so."""
        return place % self.of == self.number - 1

    def __str__(self) -> str:
        """Return it as it is typed: 2/5."""
        return f"{self.number}/{self.of}"


def rivals(mine: Shard | None, other: Shard | None) -> bool:
    """Say whether two runs of different locks may not work at the same time; None is a run on the whole lake.

    Slices of one backfill share nothing. A run on the whole lake takes every day, and slices of another number of them
    may take the same ones.
    """
    if mine is None or other is None:
        return mine is not other
    return mine.of != other.of
