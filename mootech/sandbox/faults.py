"""Which answers of the sandbox are spoiled, and how: shares of faults, drawn from a seed."""

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Self

from mootech.errors import UsageError


class Fault(StrEnum):
    """One way to spoil an answer."""

    RATE_LIMIT = "rate-limit"
    SERVER_ERRORS = "server-errors"
    RESETS = "resets"
    DRIP = "drip"
    SLOW = "slow"
    TRUNCATED_GZIP = "truncated-gzip"
    BOMB = "bomb"
    OVERSIZED = "oversized"
    HTML = "html"
    EMPTY = "empty"
    NAN = "nan"
    BAD_UTF8 = "bad-utf8"
    TRAILING = "trailing"
    DEEP = "deep"
    ERROR_INSIDE = "error-inside"
    REPEATED_CURSOR = "repeated-cursor"
    REPEATED_PAGE = "repeated-page"
    ENDLESS = "endless"
    SHORT = "short"
    MOVING_TOTAL = "moving-total"
    SHIFTING_ROWS = "shifting-rows"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    GONE = "gone"
    DROPPED_ROWS = "dropped-rows"
    WITHHELD_ROWS = "withheld-rows"
    JOB_FAILED = "job-failed"
    JOB_LOST = "job-lost"
    JOB_STUCK = "job-stuck"
    JOB_TRUNCATED = "job-truncated"
    JOB_SHORT = "job-short"


_BAD_JSON: Final = (Fault.HTML, Fault.EMPTY, Fault.NAN, Fault.BAD_UTF8, Fault.TRAILING, Fault.DEEP)
LIES: Final = (
    Fault.REPEATED_CURSOR,
    Fault.REPEATED_PAGE,
    Fault.ENDLESS,
    Fault.SHORT,
    Fault.MOVING_TOTAL,
    Fault.SHIFTING_ROWS,
)
"""Faults that give whole, well-formed pages with false contents."""
LEAKS: Final = (Fault.DROPPED_ROWS, Fault.WITHHELD_ROWS)
"""Faults that leave hits out of whole, well-formed pages that fit together; their shares are of the hits."""
EXPORT_FAULTS: Final = (Fault.JOB_FAILED, Fault.JOB_LOST, Fault.JOB_STUCK, Fault.JOB_TRUNCATED, Fault.JOB_SHORT)
"""What goes wrong with exports, the jobs of the older service; no page has these."""

_DEFAULT_SHARE: Final = 0.1
_LEAKING_SHARE: Final = 0.08
GROUPS: Final[Mapping[str, tuple[float, tuple[Fault, ...]]]] = {
    "flaky": (
        0.1,
        (Fault.RATE_LIMIT, Fault.SERVER_ERRORS, Fault.RESETS, Fault.SLOW, Fault.TRUNCATED_GZIP, Fault.HTML),
    ),
    # Every fault after which a later run can still get every row.
    "rough": (0.4, tuple(fault for fault in Fault if fault not in {Fault.SLOW, Fault.GONE, *LEAKS, *EXPORT_FAULTS})),
    "bad-json": (_DEFAULT_SHARE, _BAD_JSON),
    "lies": (_DEFAULT_SHARE, LIES),
    "jobs": (_DEFAULT_SHARE, EXPORT_FAULTS),
}
"""Names for several faults: the share that they have together by default, and the faults."""


@dataclass(frozen=True)
class FaultMix:
    """The share of the answers that each fault spoils. The shares add up to 1 at most, without those of leaks."""

    shares: Mapping[Fault, float]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `NAME[=SHARE]`, several with commas between them; a later one replaces an earlier one's share.

        A name is that of a fault or of a group, whose faults have equal parts of its share.

        Raises:
            UsageError: an unknown name, a share that is no number from 0 to 1, or shares that add up to more than 1.

        """
        shares: dict[Fault, float] = {}
        for item in text.split(","):
            name, given, share = item.strip().partition("=")
            default, faults = _named(name.strip())
            whole = _share(share) if given else default
            shares |= dict.fromkeys(faults, whole / len(faults))
        mix = cls({fault: share for fault, share in shares.items() if share})
        together = sum(mix.of_answers.values())
        if together > 1 + 1e-9:
            raise UsageError(
                f"the shares of --faults {text!r} add up to {together:g}",
                hint="They are shares of all answers: 1 is every one.",
            )
        return mix

    @property
    def of_answers(self) -> Mapping[Fault, float]:
        """The shares of the faults that spoil single answers."""
        return {fault: share for fault, share in self.shares.items() if fault not in LEAKS}

    @property
    def total(self) -> float:
        """The share of the answers that are spoiled in some way."""
        return min(sum(self.of_answers.values()), 1.0)


@dataclass
class Draw:
    """Decides on each answer. The same requests get the same faults, whatever their order."""

    mix: FaultMix
    seed: int = 0
    _seen: Counter[str] = field(default_factory=Counter)

    def only(self, faults: Collection[Fault]) -> Self:
        """Return a draw with only these faults of the mix, at their shares."""
        shares = {fault: share for fault, share in self.mix.shares.items() if fault in faults}
        return replace(self, mix=FaultMix(shares))

    def fault(self, request: str, possible: Collection[Fault]) -> tuple[Fault | None, int]:
        """Decide on one answer.

        Args:
            request: what is asked for; every repetition is decided anew.
            possible: the faults that this answer can have; they also take the shares of the others.

        Returns:
            The fault, None for a good answer; and a number to choose among the fault's variants.

        """
        time = self._seen[request]
        self._seen[request] += 1
        digest = hashlib.blake2b(f"{self.seed}\n{time}\n{request}".encode(), digest_size=16).digest()
        drawn = int.from_bytes(digest[:8], "big") / 2**64
        shares = {fault: share for fault, share in self.mix.of_answers.items() if fault in possible}
        stretch = self.mix.total / sum(shares.values()) if shares else 0.0
        edge = 0.0
        for fault, share in shares.items():
            edge += share * stretch
            if drawn < edge:
                return fault, digest[8]
        return None, digest[8]


def _named(name: str) -> tuple[float, tuple[Fault, ...]]:
    """Return the default share and the faults of a name."""
    if name in GROUPS:
        return GROUPS[name]
    try:
        fault = Fault(name)
    except ValueError as exc:
        raise UsageError(
            f"there is no fault {name!r}",
            hint=f"The groups are: {', '.join(GROUPS)}. The faults are: {', '.join(Fault)}. "
            "A share goes behind it: resets=0.2,drip=0.1.",
        ) from exc
    return _LEAKING_SHARE if fault in LEAKS else _DEFAULT_SHARE, (fault,)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise UsageError(f"{text!r} is no share of the answers", hint="Give a number from 0 to 1: resets=0.2.")
    return share
