"""The page about a report, and the sentences on its face: how fresh, how whole, how clean."""

import re
from dataclasses import replace
from datetime import date

import pytest

from mootech.outcomes import Freshness, InputCoverage, ReportOutcome, ReportResult
from mootech.render.freshness import freshness_message, quality, quarantine_message
from mootech.render.report_page import MOST_ROWS, report_page, versions
from tests.hostile import COVERAGE, NAMES, funnel, traffic
from tests.unit.test_render_reports import sales

MADE_WITH = {"mootech": "0.1.0", "polars": "2.1.0"}


def page(*reports: ReportResult) -> str:
    """Return the page about these reports."""
    return report_page(ReportOutcome("report", "run-1", reports=reports, lake="s3://shop/lake"), MADE_WITH)


@pytest.mark.parametrize(
    ("freshness", "message"),
    [
        (None, ""),
        (Freshness(date(2023, 3, 14), 1, 14, 31), "Data to 2023-03-14, 1 day behind. March 2023: 14 of 31 days."),
        (Freshness(date(2023, 2, 28), 0, 28, 28), "Data to 2023-02-28, up to date. February 2023 is complete."),
        (Freshness(date(2023, 1, 5), 400, 1, 31), "Data to 2023-01-05, 400 days behind. January 2023: 1 of 31 days."),
    ],
)
def test_how_fresh_a_report_is(freshness: Freshness | None, message: str) -> None:
    """One sentence says to which day there are data and how much of that month there is."""
    assert freshness_message(freshness) == message


def read(table: str, missing: int, fetched: int, quarantined: int) -> InputCoverage:
    """Return what was read of a table."""
    return InputCoverage(table, 10, date(2023, 1, 1), date(2023, 1, 10), missing, fetched, quarantined)


@pytest.mark.parametrize(
    ("coverage", "good", "message"),
    [
        ((), None, "Quality not known: nothing says how many rows were read."),
        ((replace(read("users", 0, 0, 0), days=0),), None, "Quality not known: nothing says how many rows were read."),
        ((read("users", 0, 1000, 0),), True, "Good: none of 1,000 rows quarantined; no day missing."),
        ((read("users", 0, 1000, 10),), True, "Good: 10 of 1,000 rows quarantined (1.00 %); no day missing."),
        ((read("users", 0, 10**6, 1),), True, "Good: 1 of 1,000,000 rows quarantined (under 0.01 %); no day missing."),
        ((read("users", 0, 1000, 11),), False, "Look closer: 11 of 1,000 rows quarantined (1.10 %); no day missing."),
        (
            (read("users", 1, 9, 0), read("products", 0, 1, 0)),
            False,
            "Look closer: none of 10 rows quarantined; 1 day of users missing.",
        ),
    ],
)
def test_how_good_the_inputs_are(coverage: tuple[InputCoverage, ...], message: str, *, good: bool | None) -> None:
    """More than a row of a hundred rejected, or a day missing between the first and the last, is to be looked at."""
    judged = quality(coverage)
    assert (judged.good, judged.message) == (good, message)


def test_what_is_in_quarantine_is_said_table_by_table() -> None:
    """Tables without a rejected row are left out, and where there is none there is no sentence."""
    clean = read("users", 0, 1000, 0)
    assert quarantine_message(()) == quarantine_message((clean,)) == ""
    assert quarantine_message((read("transactions", 0, 1200, 7), clean, read("products", 2, 20, 1))) == (
        "In quarantine, and not counted: 7 of 1,200 rows of transactions, 1 of 20 rows of products."
    )


def test_the_page_says_what_the_report_is() -> None:
    """Title, freshness, quality, quarantined rows, definitions and provenance stand on the page."""
    text = re.sub(
        r"<[^>]+>", " ", page(replace(sales(), coverage=COVERAGE, freshness=Freshness(date(2023, 3, 14), 1, 14, 31)))
    )
    for words in (
        "Sales of Tumbler",
        "Data to 2023-03-14, 1 day behind. March 2023: 14 of 31 days.",
        "Look closer: 250 of 10,000 rows quarantined (2.50 %); 1 day of clickstream missing.",
        "In quarantine, and not counted: 250 of 10,000 rows of clickstream.",
        "21,216.00",
        "USD: net units at the price in force on their day",
        "DECIMAL(18,2)",
        "s3://shop/lake",
        "run-1",
        "results/x/data.parquet",
        "mootech 0.1.0, polars 2.1.0",
    ):
        assert words in text, words
    assert " 2023 " in text  # a year is no amount
    assert "2,023" not in text


def test_the_page_holds_no_element_of_the_data() -> None:
    """Hostile names are text on the page; there is no script, and no address that a browser would ask."""
    html = page(traffic())
    assert not re.search(r"<script|<img|<b>|onerror=alert\(2\)>", html)
    assert NAMES[0].replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;") in html
    assert set(re.findall(r"https?://[^\s\"']+", html)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert re.search(r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'", html)


def test_long_reports_are_cut_and_counted() -> None:
    """The latest rows stand in the table, as many as there is room for, and what is left out is counted."""
    html = page(traffic("heat", days=200, names=("a", "b", "c")))
    assert html.count("<td>a</td>") + html.count("<td>b</td>") + html.count("<td>c</td>") == MOST_ROWS
    assert "100 earlier rows left out; mootech report traffic --format csv has all." in html
    assert "2023-07-19" in html
    assert "left out" not in page(funnel(("a", "b")))


def test_many_products_are_a_chart_each_up_to_twelve() -> None:
    """Each product has its chart under its name, twelve at most, and all are in the table."""
    html = page(*(sales(f"P{n:02}") for n in range(14)))
    assert re.findall(r"<figcaption>Sales of (P\d+)</figcaption>", html) == [f"P{n:02}" for n in range(12)]
    assert "2 more charts left out; the table goes on." in html
    assert html.count("<td>P13</td>") == 3


def test_a_report_without_rows_has_a_page() -> None:
    """The page of a product that was never sold says that there are no rows."""
    html = page(replace(sales(), rows=()))
    assert "There are no rows." in html
    assert "<svg" not in html


def test_the_versions_are_those_installed() -> None:
    """What computes reports is named with its version."""
    assert versions().keys() == {"mootech", "polars", "duckdb", "Python"}
    assert versions()["polars"][0].isdigit()
