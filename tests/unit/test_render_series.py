"""What a report's chart draws: sums, few series, a bounded number of x, and gaps where there is nothing."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.outcomes import ReportResult
from mootech.render.series import drawing
from tests.definitions import definition
from tests.hostile import NAMES, funnel, traffic


def report(rows: list[tuple[Any, ...]], chart: str = "line x y by s", x: str = "BIGINT") -> ReportResult:
    """Return a report of x, series and y."""
    defined = definition(f"x {x}", "s VARCHAR", "y DOUBLE", chart=chart)
    return ReportResult("funnel", "t", "k", ("x", "s", "y"), tuple(rows), changed=True, definition=defined)


def test_equal_x_and_series_are_summed() -> None:
    """Rows of one x and series are one figure; NULL and what is no finite number add nothing."""
    drawn = drawing(
        report([(1, "a", 2), (1, "a", Decimal("0.5")), (2, "a", None), (1, "b", float("nan")), (2, "b", 4)])
    )
    assert drawn is not None
    assert (drawn.xs, drawn.series) == ((1, 2), ("b", "a"))
    assert drawn.values == {(0, 1): 2.5, (1, 0): 4.0}
    assert drawn.totals == {0: 2.5, 1: 4.0}


@given(st.lists(st.tuples(st.integers(0, 5), st.text(max_size=3), st.integers(0, 9)), min_size=1, max_size=60))
def test_folding_loses_nothing(rows: list[tuple[int, str, int]]) -> None:
    """Of any number of series at most eight are drawn, each with a name of its own, and their sum is the rows'."""
    drawn = drawing(report(list(rows)))
    assert drawn is not None
    assert len(drawn.series) <= 8
    assert len(set(drawn.series)) == len(drawn.series)
    assert sum(drawn.values.values()) == sum(y for _, _, y in rows)
    assert drawn.folded is (len({name for _, name, _ in rows}) > 8)


def test_the_seven_largest_series_stay() -> None:
    """Of nine series the seven largest keep their names, the rest is one, and a note says so."""
    drawn = drawing(traffic(days=2))
    assert drawn is not None
    assert drawn.series[-1] == "other"
    assert drawn.series[-2] == NAMES[6]
    assert drawn.values[0, 7] == 100 * (2 + 1)
    assert drawn.notes == ("other is the sum of 2 smaller ones.",)


def test_a_real_other_is_not_hidden() -> None:
    """A series that is called other, or looks like another one, has a name that tells it apart."""
    drawn = drawing(report([(1, "other", 99), (1, "a", 5), (1, "a\u202e", 4), *((1, f"s{n}", 1) for n in range(9))]))
    assert drawn is not None
    assert drawn.series == ("other", "a", "a (2)", "s0", "s1", "s2", "s3", "other (2)")


@pytest.mark.parametrize(
    ("days", "filled"),
    [
        ([date(2023, 1, 1), date(2023, 1, 2), date(2023, 1, 5)], 5),
        ([date(2023, 1, 2), date(2023, 1, 9), date(2023, 1, 30)], 5),
        ([date(2022, 11, 1), date(2023, 2, 1)], 4),
        ([date(2023, 1, 1)], 1),
    ],
)
def test_days_that_no_row_has_are_gaps(days: list[date], filled: int) -> None:
    """Between the first and the last x every day, week or month has its place, in the rows' own step."""
    drawn = drawing(report([(day, "a", 1) for day in days], x="DATE"))
    assert drawn is not None
    assert len(drawn.xs) == len(drawn.labels) == filled
    assert [drawn.xs[n] for n, _ in drawn.values] == days


def test_too_many_x_are_left_out_and_told() -> None:
    """Of many days the latest are drawn, of many names the largest in their own order, and a note says how many."""
    days = drawing(traffic(days=30, names=("a",)), 24)
    assert days is not None
    assert (len(days.xs), days.labels[-1]) == (24, "2023-01-30")
    assert days.notes == ("Drawn are the latest 24 of 30 values of day.",)
    names = drawing(funnel(tuple(f"n{n}" for n in range(30))[::-1]))
    assert names is not None
    assert (len(names.xs), names.labels[0]) == (24, "n29")
    assert names.notes == ("Drawn are the largest 24 of 30 values of step.",)


def test_a_heat_map_has_rows_in_their_order() -> None:
    """The rows of a heat map are neither summed up nor ordered by size where they are days."""
    cohorts = [date(2020 + n // 12, n % 12 + 1, 1) for n in range(30)]
    defined = definition("cohort DATE", "month INTEGER", "share DOUBLE", chart="heat month share by cohort")
    rows = tuple((cohort, month, 1 / (month + 1)) for cohort in cohorts for month in range(3))
    result = ReportResult("funnel", "t", "k", ("cohort", "month", "share"), rows, changed=True, definition=defined)
    drawn = drawing(result)
    assert drawn is not None
    assert (len(drawn.series), drawn.series[0], drawn.series[-1]) == (24, "2020-07", "2022-06")
    assert drawn.notes == ("Drawn are the latest 24 of 30 values of cohort.",)


def test_x_without_a_place_is_told() -> None:
    """A NULL among days has no place on their axis and is counted; among names it is one of them."""
    days = drawing(report([(date(2023, 1, 1), "a", 1), (None, "a", 5)], x="DATE"))
    assert days is not None
    assert days.notes == ("1 row without x left out.",)
    names = drawing(report([("a", "a", 1), (None, "a", 5)], "bar x y", "VARCHAR"))
    assert names is not None
    assert names.labels == ("a", "(none)")


def test_nothing_is_drawn_of_nothing() -> None:
    """A report without a chart, without rows or without figures has no drawing."""
    plain = ReportResult("funnel", "t", "k", ("a",), (("x",),), changed=True, definition=definition("a"))
    assert drawing(plain) is None
    assert drawing(report([])) is None
    assert drawing(report([(1, "a", None)])) is None
