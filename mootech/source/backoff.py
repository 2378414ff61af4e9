"""How long to wait before a request is sent again: pure functions of the attempt and of the server's Retry-After."""

import math
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_WAIT = 0.25
"""Seconds, before jitter, after the first failure; it doubles from attempt to attempt."""
LONGEST_WAIT = 30.0
"""Seconds, before jitter; also the longest Retry-After that is obeyed."""


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for, clamped to [0, LONGEST_WAIT]; None when it names no time.

    Args:
        header: seconds or an HTTP date (RFC 9110, 10.2.3); anything else counts as absent.
        now: timezone-aware.

    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header).astimezone(UTC) - now).total_seconds()
        except (ValueError, OverflowError):
            return None
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def wait_seconds(attempt: int, asked_for: float | None, rng: random.Random) -> float:
    """Return the seconds to wait after failed attempt number `attempt` (1 is the first).

    Exponential, with jitter, so that many clients do not come back in step. Never less than the server asked for, and
    never zero: a Retry-After of 0 must not use up all attempts at once.
    """
    ceiling = min(FIRST_WAIT * 2.0 ** (attempt - 1), LONGEST_WAIT)
    jittered = ceiling * (0.5 + rng.random() / 2)
    return jittered if asked_for is None else asked_for + jittered
