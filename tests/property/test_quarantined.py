"""The share of quarantined rows of late, beside a slow and obvious count."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mootech.model import Receipt
from mootech.qa.quarantined import findings_of, share_of
from tests.rows import DAY

DAYS = st.dictionaries(
    st.integers(0, 70).map(lambda n: DAY + timedelta(days=n)), st.tuples(st.integers(0, 20), st.integers(0, 4))
)


def receipt(day: date, good: int, bad: int) -> Receipt:
    """Return the receipt of a day with so many rows."""
    name = f"{bad:016x}.parquet" if bad else None
    return Receipt("transactions", day.isoformat(), good + bad, good, bad, 0, None, name, "hash")


@given(DAYS, st.integers(0, 75).map(lambda n: DAY + timedelta(days=n)))
def test_the_share_is_that_of_the_28_days_to_the_last_one_held(days: dict[date, tuple[int, int]], until: date) -> None:
    """It counts rows of the last day held up to the limit and of the 27 days before, gaps or not, and no others."""
    share = share_of({day: receipt(day, *rows) for day, rows in days.items()}, until)
    known = [day for day in days if day <= until]
    if not known:
        assert share is None
        return
    assert share is not None
    window = [day for day in known if (max(known) - day).days < 28]
    assert (share.first, share.last) == (max(known) - timedelta(days=27), max(known))
    assert share.fetched == sum(sum(days[day]) for day in window)
    assert share.quarantined == sum(days[day][1] for day in window)
    assert [day.utc_date for day in share.days] == sorted(day for day in window if days[day][1])


@given(DAYS, st.floats(0, 1))
def test_one_row_is_worth_a_look_and_more_than_the_limit_is_to_act_on(
    days: dict[date, tuple[int, int]], limit: float
) -> None:
    """Without a quarantined row there is no finding; above the limit it is wrong, up to it a warning."""
    share = share_of({day: receipt(day, *rows) for day, rows in days.items()})
    found = list(findings_of("transactions", share, limit))
    if share is None or not share.quarantined:
        assert found == []
        return
    [finding] = found
    assert finding.ok is finding.warning is (share.quarantined <= limit * share.fetched or share.share <= limit)
