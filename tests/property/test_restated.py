"""What a report says otherwise than before it last changed."""

from datetime import date
from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from mootech.layers.gold.header import parse
from mootech.layers.gold.restatements import differences

HEADER = """\
-- R: a report for a test.
-- Grain       month and campaign
-- Inputs      clickstream: silver
-- Columns     month     DATE           first day
--             campaign  VARCHAR        NULL for none
--             hits      BIGINT         hits
--             name      VARCHAR        not compared
--             sale      DECIMAL(18,2)  USD
-- Key         month, campaign
SELECT 1"""
DEFINED = parse("r", HEADER, "r.sql")
SCHEMA = pl.Schema(
    {"month": pl.Date(), "campaign": pl.String(), "hits": pl.Int64(), "name": pl.String(), "sale": pl.Decimal(18, 2)}
)
Key = tuple[date, str | None]
Figures = tuple[int | None, Decimal | None]

KEYS = st.tuples(st.sampled_from([date(2024, n, 1) for n in (1, 2, 3, 4)]), st.sampled_from(["a", "b", None]))
FIGURES = st.tuples(
    st.none() | st.integers(-(10**9), 10**9), st.none() | st.decimals(-(10**9), 10**9, places=2, allow_nan=False)
)
REPORTS = st.dictionaries(KEYS, FIGURES, max_size=8)


def _frame(report: dict[Key, Figures]) -> pl.DataFrame:
    rows = [(month, campaign, hits, "x", sale) for (month, campaign), (hits, sale) in report.items()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("month", "campaign")


@given(before=REPORTS, now=REPORTS)
def test_every_figure_that_differs_is_told_and_no_other(before: dict[Key, Figures], now: dict[Key, Figures]) -> None:
    """A line per figure that differs, months after the last one reported left out; the change is now minus before."""
    last = max((month for month, _ in before), default=date.min)
    expected = []
    for key in sorted(before.keys() | now.keys(), key=lambda each: (each[0], each[1] or "")):
        if key[0] > last:
            continue
        for place, figure in enumerate(("hits", "sale")):
            was, is_now = (report.get(key, (None, None))[place] for report in (before, now))
            if was != is_now:
                expected.append((*key, figure, was, is_now, (is_now or 0) - (was or 0)))
    assert differences(_frame(before), _frame(now), DEFINED).rows() == expected


@given(now=REPORTS)
def test_a_report_that_says_the_same_has_no_differences(now: dict[Key, Figures]) -> None:
    """And their columns are typed all the same."""
    found = differences(_frame(now), _frame(now), DEFINED)
    assert found.is_empty()
    assert found.columns == ["month", "campaign", "figure", "before", "now", "change"]
    assert found.schema["change"] == pl.Decimal(38, 4)


def test_what_is_no_number_is_no_amount() -> None:
    """Infinity, NaN and what is too large count as NULL, so that a comparison never fails for a figure."""
    defined = parse("r", HEADER.replace("sale      DECIMAL(18,2)", "sale      DOUBLE"), "r.sql")
    values = [
        (date(2024, 1, 1), "a", float("inf")),
        (date(2024, 1, 1), "b", float("nan")),
        (date(2024, 1, 1), "c", 1e300),
    ]
    before, now = (
        pl.DataFrame(
            [(month, name, 1, "x", sale) for month, name, sale in rows],
            schema={**SCHEMA, "sale": pl.Float64()},
            orient="row",
        )
        for rows in (values, [(month, name, 2.5) for month, name, _ in values])
    )
    assert differences(before, now, defined)["change"].to_list() == [Decimal("2.5")] * 3
