"""The pace at which the shop is asked: one for all, slowed by 429, never faster than configured."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from mootech.source.throttle import Pace, Throttle


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        """Begin at a second that is not zero."""
        self.now = 100.0

    def clock(self) -> float:
        """Return the current second."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass, and others work."""
        until = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, until)


@given(st.lists(st.booleans(), max_size=200), st.none() | st.floats(0.01, 1000))
def test_the_pace_stays_within_its_bounds(answers: list[bool], rate: float | None) -> None:
    """Whatever is answered, it is never faster than configured; after a 429 it is slower, and it recovers."""
    pace = Pace.of(rate)
    for good in answers:
        following = pace.eased() if good else pace.slowed()
        assert following.gap >= following.least == pace.least
        assert (following.gap <= pace.gap) if good else (following.gap >= min(2 * pace.gap, 10.0) or not pace.gap)
        pace = following
    for _ in range(200):
        pace = pace.eased()
    assert pace.gap == pace.least


def test_requests_of_all_tables_share_one_pace() -> None:
    """Five at once at two a second: the last begins two seconds after the first."""

    async def five() -> list[float]:
        time = Time()
        throttle = Throttle(Pace.of(2), sleep=time.sleep, clock=time.clock)

        async def one() -> float:
            await throttle.turn()
            return time.now

        return sorted(await asyncio.gather(*(one() for _ in range(5))))

    assert asyncio.run(five()) == [100.0, 100.5, 101.0, 101.5, 102.0]


def test_nobody_asks_before_retry_after() -> None:
    """What one request was told holds for one that waits already, and for the next."""

    async def told() -> tuple[float, float]:
        time = Time()
        throttle = Throttle(Pace.of(1), sleep=time.sleep, clock=time.clock)
        await throttle.turn()
        waiting = asyncio.create_task(throttle.turn())
        await asyncio.sleep(0)
        throttle.slow(30.0)
        await waiting
        first = time.now
        await throttle.turn()
        return first, time.now

    first, second = asyncio.run(told())
    assert first >= 130.0
    assert second >= first


def test_without_a_rate_nothing_waits() -> None:
    """The default asks as fast as it is answered."""

    async def many() -> float:
        time = Time()
        throttle = Throttle(Pace.of(None), sleep=time.sleep, clock=time.clock)
        for _ in range(50):
            await throttle.turn()
            throttle.ease()
        return time.now

    assert asyncio.run(many()) == 100.0
