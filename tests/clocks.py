"""A lease's clocks, moved by hand, and a pause that takes no time."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mootech.lake.locks.lease import Clock, LockPolicy

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


@dataclass
class Time:
    """Both clocks of a lease, moved by hand; they begin at NOON."""

    seconds: float = 0

    @property
    def policy(self) -> LockPolicy:
        """The policy of a lease on this clock."""
        return LockPolicy(Clock(lambda: NOON + timedelta(seconds=self.seconds), lambda: self.seconds))


async def at_once(_seconds: float) -> None:
    """Stand in for a pause between attempts: everybody else has a turn, and no time passes."""
    await asyncio.sleep(0)
