"""Slices of a backfill. Each takes its own (table, day) jobs, so that several machines can share the work. Pure."""

import re
from dataclasses import dataclass
from typing import Self

from mootech.errors import UsageError

MOST = 1000
"""The largest number of slices of one backfill."""

_TEXT = re.compile(r"(\d{1,4})/(\d{1,4})")
_NAME = re.compile(r"shard-(\d{1,4})-of-(\d{1,4})")


@dataclass(frozen=True)
class Shard:
    """One of several slices, counted from 1."""

    number: int
    of: int

    def __post_init__(self) -> None:
        """Refuse a number that is out of range."""
        if not 1 <= self.number <= self.of <= MOST:
            hint = f"The slices of five are 1/5 to 5/5, and there are at most {MOST} slices."
            raise UsageError(f"there is no slice {self}", hint=hint)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the slice that a text such as `2/5` names; UsageError when it names none."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"{text!r} is not a slice", hint="Write a slice as 2/5, the second of five.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def named(cls, name: str) -> Self | None:
        """Return the slice of a name such as `shard-2-of-5`; None for any other name."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        try:
            return cls(int(match[1]), int(match[2]))
        except UsageError:
            return None

    @property
    def name(self) -> str:
        """The name of the slice in locks and folders: shard-2-of-5."""
        return f"shard-{self.number}-of-{self.of}"

    def takes(self, place: int) -> bool:
        """Say whether the slice takes the job with this number. Exactly one slice of a backfill takes it."""
        return place % self.of == self.number - 1

    def __str__(self) -> str:
        """Return the slice as a user types it: 2/5."""
        return f"{self.number}/{self.of}"


def rivals(mine: Shard | None, other: Shard | None) -> bool:
    """Say whether two runs with different locks must not run at the same time; None is a run on the whole lake.

    Two slices of one backfill share no job. A run on the whole lake takes every job. Slices of backfills that are cut
    into different numbers of slices may take the same jobs.
    """
    if mine is None or other is None:
        return mine is not other
    return mine.of != other.of
