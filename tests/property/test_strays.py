"""How far events lie outside the day that was asked for, for any zone and any moment."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from mootech.layers.bronze.strays import hours_off

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@given(day=DAYS, hours=st.integers(1, 12), minutes=st.sets(st.integers(0, 24 * 60 - 1), min_size=1))
def test_a_zone_behind_utc_makes_events_late(day: date, hours: int, minutes: set[int]) -> None:
    """Events of a local day behind UTC lie after the UTC day, by no more hours than the zone is behind."""
    outside = _outside(day, timezone(timedelta(hours=-hours)), minutes)
    found = hours_off(outside)
    assert found is not None
    assert 0 <= found <= hours
    if 24 * 60 - 1 in minutes:
        assert found == hours


@given(day=DAYS, hours=st.integers(1, 14), minutes=st.sets(st.integers(0, 24 * 60 - 1), min_size=1))
def test_a_zone_ahead_of_utc_makes_events_early(day: date, hours: int, minutes: set[int]) -> None:
    """Events of a local day ahead of UTC lie before the UTC day, by no more hours than the zone is ahead."""
    outside = _outside(day, timezone(timedelta(hours=hours)), minutes)
    found = hours_off(outside)
    assert found is not None
    assert -hours <= found <= 0
    if 0 in minutes:
        assert found == -hours


@given(day=DAYS, before=st.integers(1, 10**6), after=st.integers(0, 10**6))
def test_events_on_both_sides_are_no_zone(day: date, before: int, after: int) -> None:
    """Events before and after the day are explained by no one zone; events more than 14 hours off by none at all."""
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    early, late = (day, begin - before), (day, begin + 86_400 + after)
    assert hours_off([early, late]) is None
    assert (hours_off([late]) is None) == (after >= 14 * 3600)
    assert (hours_off([early]) is None) == (before > 14 * 3600)


def _outside(day: date, zone: timezone, minutes: set[int]) -> list[tuple[date, int]]:
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    moments = [begin + timedelta(minutes=minute) for minute in sorted(minutes)]
    return [(day, int(each.timestamp())) for each in moments if each.astimezone(UTC).date() != day]
