"""Waiting times: bounded, jittered, never nothing."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.source.backoff import LONGEST_WAIT, retry_after_seconds, wait_seconds

NOW = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("5", 5),
        ("0", 0),
        ("-1", 0),
        ("1e9", LONGEST_WAIT),
        ("inf", LONGEST_WAIT),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Thu, 29 Feb 2024 12:00:10 GMT", 10),
        ("Thu, 29 Feb 2024 11:00:00 GMT", 0),
        ("Fri, 01 Mar 2030 00:00:00 GMT", LONGEST_WAIT),
    ],
)
def test_retry_after_is_read_and_clamped(header: str | None, seconds: float | None) -> None:
    """Seconds and dates are believed up to the longest wait; nonsense counts as absent."""
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_no_header_breaks_the_reader(header: str) -> None:
    """Whatever a server sends, the answer is nothing or a wait within bounds."""
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT


@given(st.integers(1, 1000), st.none() | st.floats(0, LONGEST_WAIT), st.integers())
def test_a_wait_is_jittered_and_bounded(attempt: int, asked_for: float | None, seed: int) -> None:
    """A wait is never nothing, never shorter than asked for, and bounded however many attempts failed."""
    wait = wait_seconds(attempt, asked_for, random.Random(seed))
    assert 0 < wait <= 2 * LONGEST_WAIT
    assert wait > (asked_for or 0)
