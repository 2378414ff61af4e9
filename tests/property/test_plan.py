"""Which days are fetched, for any lake and any options."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.config import IngestSettings
from mootech.errors import UsageError
from mootech.layers.bronze.plan import days_to_fetch, shrinks

TODAY = date(2024, 3, 10)
near = st.dates(date(2024, 1, 1), TODAY - timedelta(days=1))


@given(st.sets(near, max_size=30), near, near, st.integers(0, 5))
def test_without_a_start_every_missing_day_and_the_lookback_are_fetched(
    held: set[date], first: date, last: date, lookback: int
) -> None:
    """Nothing between the configured start and the end stays missing, and only the last held days are fetched again."""
    days = days_to_fetch(held, IngestSettings(start=first, lookback=lookback), start=None, end=last, today=TODAY)
    wanted = {first + timedelta(days=n) for n in range((last - first).days + 1)}
    assert days == sorted(set(days))
    assert wanted - held <= set(days)
    again = sorted(set(days) & held)
    assert again == sorted(day for day in held if day <= last)[len([d for d in held if d <= last]) - len(again) :]
    assert len(again) == min(lookback, len([day for day in held if day <= last]))
    assert set(days) <= (wanted - held) | set(again)


@given(st.sets(near, max_size=30), near, near)
def test_an_explicit_range_is_fetched_whole(held: set[date], start: date, end: date) -> None:
    """A given range is fetched day by day, held or not; a reversed one is an error that shows how to swap it."""
    if end < start:
        with pytest.raises(UsageError, match="before it starts") as caught:
            days_to_fetch(held, IngestSettings(), start=start, end=end, today=TODAY)
        assert f"--start {end} --end {start}" in caught.value.hint
        return
    days = days_to_fetch(held, IngestSettings(), start=start, end=end, today=TODAY)
    assert days == [start + timedelta(days=n) for n in range((end - start).days + 1)]


def test_an_empty_lake_needs_to_know_where_to_begin() -> None:
    """With nothing held and nothing configured, the error says what to type."""
    with pytest.raises(UsageError, match="no day to begin at") as caught:
        days_to_fetch([], IngestSettings(), start=None, end=None, today=TODAY)
    assert "mootech ingest --start" in caught.value.hint


@pytest.mark.parametrize(("day", "words"), [(TODAY, "not over"), (TODAY + timedelta(days=1), "in the future")])
def test_a_day_that_is_not_over_is_refused(day: date, words: str) -> None:
    """Today and tomorrow cannot be fetched whole, and the error names the last day that can."""
    for start, end in ((None, day), (day, None)):
        with pytest.raises(UsageError, match=r"--(start|end)") as caught:
            days_to_fetch([TODAY], IngestSettings(start=TODAY), start=start, end=end, today=TODAY)
        assert words in caught.value.message
        assert "2024-03-09" in caught.value.hint


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_day_may_lose_a_twentieth_of_its_rows_and_never_all(before: int, after: int) -> None:
    """The guard stops a refetch below 95 percent of what was published, and any that would empty the day."""
    limit = before * 95 // 100
    for left in (0, after, *range(max(0, limit - 2), limit + 3)):
        assert shrinks(before, left) is (before > 0 and (left == 0 or 100 * left < 95 * before))


@pytest.mark.parametrize(
    ("before", "after", "stopped"),
    [(0, 0, False), (0, 5, False), (1, 0, True), (1, 1, False), (20, 19, False), (20, 18, True), (100, 101, False)],
)
def test_where_the_guard_begins(before: int, after: int, *, stopped: bool) -> None:
    """One row of twenty may go and the second not; an empty day cannot lose any."""
    assert shrinks(before, after) is stopped
