"""How fast the shop may be asked: one pace for all tables, which learns from 429 and Retry-After.

Every "too many requests" halves the pace, and no request goes before the time that the server named. Every answer
brings the pace a little nearer to the configured one again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

_FIRST_GAP = 0.05
"""Seconds between two requests after the first 429 of a source with no configured rate."""
_WIDEST_GAP = 10.0
_EASING = 0.9
_NO_GAP = 0.001
"""A shorter gap counts as none."""


@dataclass(frozen=True)
class Pace:
    """Seconds between the beginnings of two requests. A plain value: each answer gives a new one."""

    least: float = 0.0
    """As configured; 0 is no limit."""
    gap: float = 0.0
    """As learned; never less than `least`."""

    @classmethod
    def of(cls, requests_per_second: float | None) -> "Pace":
        """Return the configured pace; None is no limit."""
        least = 0.0 if requests_per_second is None else 1.0 / requests_per_second
        return cls(least, least)

    def slowed(self) -> "Pace":
        """Return the pace after the server said that it was too fast."""
        return replace(self, gap=max(self.least, min(max(2 * self.gap, _FIRST_GAP), _WIDEST_GAP)))

    def eased(self) -> "Pace":
        """Return the pace after an answer."""
        gap = max(self.least, self.gap * _EASING)
        return replace(self, gap=gap if gap >= _NO_GAP else self.least)


class Throttle:
    """Lets requests go at a pace, in the order they come. For one event loop."""

    def __init__(
        self,
        pace: Pace,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at this pace; the first request may go at once."""
        self.pace = pace
        self._sleep = sleep
        self._clock = clock
        self._next = self._closed_until = 0.0

    async def turn(self) -> None:
        """Return when the next request may go."""
        at = max(self._clock(), self._next, self._closed_until)
        self._next = at + self.pace.gap
        wait = at - self._clock()
        while wait > 0:
            await self._sleep(wait)
            # Another request may have been told to wait in the meantime, which holds for all of them.
            at, wait = max(at, self._closed_until), self._closed_until - at

    def slow(self, asked_for: float | None) -> None:
        """Ask less often from now on, and not at all for the seconds the server asked for."""
        self.pace = self.pace.slowed()
        self._closed_until = max(self._closed_until, self._clock() + (asked_for or 0.0))

    def ease(self) -> None:
        """Come nearer to the configured pace: the server answered."""
        self.pace = self.pace.eased()
