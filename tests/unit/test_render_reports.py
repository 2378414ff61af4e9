"""Reports as text: tables with bars, CSV, JSON and Markdown, each safe for whoever opens it."""

import csv
import io
import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mootech.errors import UsageError
from mootech.outcomes import Freshness, ReportResult
from mootech.render.formats import named, of_file
from mootech.render.formats.as_csv import CSV
from mootech.render.formats.as_json import JSON
from mootech.render.formats.as_markdown import MARKDOWN
from mootech.render.formats.as_parquet import PARQUET
from mootech.render.formats.as_table import TABLE
from mootech.render.reports import bar, print_reports
from mootech.render.screen import console_for
from tests.definitions import SALES, definition
from tests.hostile import funnel, traffic

COLUMNS = (
    "transaction_year",
    "transaction_month",
    "total_items_sold",
    "total_sale",
    "percentage_difference",
    "month",
    "product_id",
    "product_name",
    "units_purchased",
    "units_returned",
    "previous_month_sale",
    "sale_change",
    "growth_pct",
    "is_partial",
)


def sales(name: str = "Tumbler", *, title: str | None = None) -> ReportResult:
    """Return a sales report of three months, the last one partial."""
    full, half, none = Decimal("21216.00"), Decimal("10608.00"), Decimal("0.00")
    first = (full, None, date(2023, 1, 1), "p1", name, 1210, 10, None, None, None, False)
    second = (half, -67, date(2023, 2, 1), "p1", name, 600, 0, full, -half, Decimal("-50.00"), False)
    third = (none, -200, date(2023, 3, 1), "p1", name, 0, 0, half, -half, Decimal("-100.00"), True)
    rows = ((2023, 1, 1200, *first), (2023, 2, 600, *second), (2023, 3, 0, *third))
    return ReportResult(
        "sales", title or f"Sales of {name}", "results/x/data.parquet", COLUMNS, rows, changed=True, definition=SALES
    )


def table(report: ReportResult, *, width: int = 80, ascii_only: bool = False) -> str:
    """Return the report as a table of this width."""
    stream = io.StringIO()
    print_reports([report], console_for(stream, width), ascii_only=ascii_only)
    return stream.getvalue()


def test_the_sales_table_shows_each_month_with_a_bar() -> None:
    """A line per month has units, sales, the change and a bar in proportion; a partial month is marked."""
    january, february, march = [line for line in table(sales()).splitlines() if line.startswith("2023-")]
    assert january.split()[:4] == ["2023-01", "1,200", "21,216.00", "-"]
    assert february.split()[:5] == ["2023-02", "600", "10,608.00", "-50.0", "%"]
    assert february.count("█") * 2 == january.count("█") > 0
    assert march.startswith("2023-03*")
    assert "█" not in march
    assert "* part of a month" in table(sales())


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_sales_table_fits_the_terminal(width: int) -> None:
    """No line is wider than the terminal, from 60 columns on, or ends in spaces, and no month's line is broken."""
    lines = table(sales(), width=width).splitlines()
    assert all(line == line.rstrip() for line in lines)
    assert max(len(line) for line in lines) <= width
    assert sum(line.startswith("2023-") for line in lines) == 3


def test_a_terminal_without_blocks_gets_ascii() -> None:
    """Where the encoding has no block characters, the bars are made of #."""
    drawn = table(sales(), ascii_only=True)
    assert "#####" in drawn
    assert "█" not in drawn


@given(st.decimals(-100, 1000, places=2), st.decimals(1, 1000, places=2), st.integers(8, 40), st.booleans())
def test_bars_stay_in_proportion_and_bounds(value: Decimal, largest: Decimal, width: int, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """A bar is never longer than its room, never empty for a sale, and empty for none."""
    drawn = bar(min(value, largest), largest, width, ascii_only=ascii_only)
    assert len(drawn) <= width
    assert bool(drawn) is (value > 0)
    assert drawn.isascii() or not ascii_only


def test_names_cannot_drive_the_terminal() -> None:
    """Escape sequences, markup and line breaks in a product's name come out as plain text on one line."""
    drawn = table(sales("Evil\x1b[31m\u202e [bold]Cup[/bold]\n:smile:"))
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
    assert "[bold]Cup[/bold] :smile:" in drawn.splitlines()[0]


def test_any_other_report_is_a_plain_table() -> None:
    """A report without a drawing of its own shows every column and value."""
    rows = (("home", 12345, True), ("cart", None, False))
    defined = definition("step", "visits BIGINT", "ok BOOLEAN")
    report = ReportResult("funnel", "Funnel", "k", ("step", "visits", "ok"), rows, changed=False, definition=defined)
    lines = table(report).splitlines()
    assert lines[1].split() == ["step", "visits", "ok"]
    assert lines[3].split() == ["home", "12,345", "yes"]
    assert lines[4].split() == ["cart", "-", "no"]


def test_the_bars_of_a_chart_stand_below_the_table() -> None:
    """A report with a chart has a bar for each of its latest x, its series summed, and says what it leaves out."""
    lines = table(traffic("stacked", days=30, gap=28)).splitlines()
    assert lines[1] == "Data to 2023-02-28, 1 day behind. February 2023 is complete."
    start = lines.index("day           hits")
    bars = lines[start + 2 : start + 26]
    assert (bars[0].split()[0], bars[-1].split()[:2]) == ("2023-01-07", ["2023-01-30", "5,805"])
    assert bars[-2].split() == ["2023-01-29", "-"]
    assert bars[-1].count("█") > bars[0].count("█") > 0
    assert lines[start + 26 : start + 28] == [
        "Bars are sums over campaign.",
        "Drawn are the latest 24 of 29 values of day.",
    ]


def test_lines_beside_each_other_are_not_summed_up() -> None:
    """The steps of a funnel are no parts of anything: of lines by a series there is a bar each, at the latest x."""
    lines = table(traffic("line", days=3, names=("home", "cart"))).splitlines()
    start = lines.index("campaign   hits")
    assert [line.split()[:2] for line in lines[start + 2 : start + 4]] == [["home", "204"], ["cart", "102"]]
    assert lines[start + 2].count("█") == 2 * lines[start + 3].count("█") > 0
    assert lines[start + 4] == "Of day 2023-01-03, the latest."


def test_of_a_heat_map_the_longest_row_is_bars() -> None:
    """The oldest cohort of a retention, which has the most months."""
    defined = definition("cohort", "since BIGINT", "pct BIGINT", chart="heat since pct by cohort")
    rows = (("jan", 0, 100), ("jan", 1, 50), ("jan", 2, 25), ("feb", 0, 100), ("feb", 1, 40))
    report = ReportResult("r", "R", "k", ("cohort", "since", "pct"), rows, changed=False, definition=defined)
    lines = table(report).splitlines()
    start = lines.index("since   pct")
    assert [line.split()[:2] for line in lines[start + 2 : start + 5]] == [["0", "100"], ["1", "50"], ["2", "25"]]
    assert lines[start + 5] == "Of cohort jan."


def test_a_report_by_the_hour_is_printed() -> None:
    """A column of times, which have no days between them to fill in, is a chart's x like any other."""
    defined = definition("at TIMESTAMP", "hits BIGINT", chart="bar at hits")
    rows = tuple((datetime(2024, 2, 29, hour), hour) for hour in (1, 2, 5))  # noqa: DTZ001 - as DuckDB gives them
    report = ReportResult("hours", "Hours", "k", ("at", "hits"), rows, changed=False, definition=defined)
    drawn = table(report)
    assert "2024-02-29 05:00:00   " in drawn
    assert "█" in drawn


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_bars_fit_the_terminal(width: int, *, ascii_only: bool) -> None:
    """No bar goes over the line's end, whatever the names are, and an encoding without blocks gets #."""
    lines = table(funnel(), width=width, ascii_only=ascii_only).splitlines()
    assert max(map(len, lines)) <= width
    assert ("█" in "".join(lines)) is not ascii_only
    assert ("####" in "".join(lines)) is ascii_only


def test_of_a_long_report_the_latest_rows_are_printed() -> None:
    """The last 60 rows on a terminal, the last 500 in a file or a pipe; both are told how to get all."""
    report, stream = traffic("heat", days=70, names=("a",)), io.StringIO()
    console = console_for(stream, 80)
    console._force_terminal = True  # noqa: SLF001 - as it is where somebody looks
    print_reports([report], console, ascii_only=False)
    above_the_bars = stream.getvalue().partition("\n\n")[0]
    assert "2023-01-11" in above_the_bars
    assert "2023-01-10" not in above_the_bars
    assert "10 earlier rows left out; --format csv prints all" in above_the_bars
    printed = table(report).partition("\n\n")[0].splitlines()
    assert sum(line.startswith("2023-") for line in printed) == 70
    printed = table(traffic("heat", days=510, names=("a",))).partition("\n\n")[0].splitlines()
    assert sum(line.startswith("202") for line in printed) == 500
    assert "10 earlier rows left out; --format csv prints all" in printed


def test_what_is_the_same_is_said_once() -> None:
    """Freshness and quarantine stand below the first of several reports, and below another only where they differ."""
    stream = io.StringIO()
    other = replace(traffic(days=1), freshness=Freshness(date(2023, 3, 14), 0, 14, 31))
    clean = replace(traffic(days=1), coverage=())
    print_reports([traffic(days=1), traffic(days=1), other, clean], console_for(stream, 80), ascii_only=False)
    assert stream.getvalue().count("Data to 2023-02-28") == 2
    assert stream.getvalue().count("In quarantine, and not counted: 250 of 10,000 rows of clickstream.") == 2
    assert "Data to 2023-03-14, up to date. March 2023: 14 of 31 days." in stream.getvalue()


def test_years_are_no_amounts() -> None:
    """A year has no separator, a float at most four places, a decimal those it has."""
    names = ("sale_year", "n", "share", "sale")
    defined = definition("sale_year INTEGER", "n INTEGER", "share DOUBLE", "sale DECIMAL(18,2)")
    report = ReportResult(
        "x", "x", "k", names, ((2023, 2023, 1 / 3, Decimal("1234.50")),), changed=True, definition=defined
    )
    assert table(report).splitlines()[3].split() == ["2023", "2,023", "0.3333", "1,234.50"]


def test_parquet_has_the_declared_types() -> None:
    """Parquet holds every row of every report, in the types of the definition, even where a column is all NULL."""
    frame = pl.read_parquet(io.BytesIO(PARQUET.encode((sales(), sales("Mug")))))
    assert frame.columns == list(COLUMNS)
    assert frame["product_name"].to_list() == ["Tumbler"] * 3 + ["Mug"] * 3
    assert frame["total_sale"].to_list()[:2] == [Decimal("21216.00"), Decimal("10608.00")]
    defined = definition("a INTEGER", "b DOUBLE", "c DATE", "d BOOLEAN", "e VARCHAR", "f DECIMAL(9,4)", "g VARCHAR[]")
    nothing = ReportResult("x", "x", "k", tuple("abcdefg"), ((None,) * 7,), changed=True, definition=defined)
    schema = pl.read_parquet(io.BytesIO(PARQUET.encode((nothing,)))).schema
    text = pl.String()
    assert list(schema.values()) == [
        pl.Int32(),
        pl.Float64(),
        pl.Date(),
        pl.Boolean(),
        text,
        pl.Decimal(9, 4),
        pl.List(text),
    ]


def test_csv_holds_every_column_and_exact_values() -> None:
    """CSV of several products has one header, exact amounts, ISO dates and empty cells for NULL."""
    rows = list(csv.DictReader(io.StringIO(CSV.encode((sales(), sales("Mug"))).decode())))
    assert tuple(rows[0]) == COLUMNS
    assert [row["product_name"] for row in rows] == ["Tumbler"] * 3 + ["Mug"] * 3
    assert rows[0]["total_sale"] == "21216.00"
    assert rows[0]["growth_pct"] == ""
    assert rows[1]["sale_change"] == "-10608.00"
    assert (rows[2]["month"], rows[2]["is_partial"]) == ("2023-03-01", "true")


@given(st.sampled_from("=+-@\t\r\n"), st.text(max_size=20))
def test_csv_text_never_starts_a_formula(start: str, rest: str) -> None:
    """Text that a spreadsheet would run gets an apostrophe in front; numbers stay numbers."""
    rows, defined = ((start + rest, Decimal(-5)),), definition("name", "n BIGINT")
    report = ReportResult("x", "x", "k", ("name", "n"), rows, changed=True, definition=defined)
    (row,) = csv.DictReader(io.StringIO(CSV.encode((report,)).decode()))
    assert row["name"].startswith("'")
    assert row["n"] == "-5"


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\x1b", " ", "\x85\u2028"])
def test_csv_text_never_hides_a_formula(hidden: str) -> None:
    """What is cleaned away in front of it, or a blank, does not let a formula through."""
    rows, defined = ((f"{hidden}=cmd()",),), definition("name")
    report = ReportResult("x", "x", "k", ("name",), rows, changed=True, definition=defined)
    (row,) = csv.DictReader(io.StringIO(CSV.encode((report,)).decode()))
    assert row["name"].startswith("'")


def test_reports_of_different_columns_keep_their_headers() -> None:
    """Reports that do not share their columns stand apart, each below its own header."""
    other = ReportResult("x", "x", "k", ("a",), ((1,),), changed=True, definition=definition("a BIGINT"))
    assert CSV.encode((sales(), other)).decode().endswith("\n\na\n1\n")


def test_json_keeps_the_digits_of_amounts() -> None:
    """Amounts are JSON numbers with exactly the digits of the decimal, dates ISO text, NULL null."""
    text = JSON.encode((sales(),)).decode()
    rows = json.loads(text, parse_float=Decimal)
    assert rows[0]["total_sale"] == Decimal("21216.00")
    assert '"total_sale": 21216.00,' in text
    assert (rows[0]["month"], rows[0]["growth_pct"], rows[2]["is_partial"]) == ("2023-01-01", None, True)


def test_markdown_is_one_table_that_names_cannot_break() -> None:
    """Markdown has one row per month whatever stands in a name, with numbers to the right."""
    lines = MARKDOWN.encode((sales("a|b*<i>\n`c`"), sales())).decode().splitlines()
    assert len(lines) == 2 + 6
    assert lines[0] == f"| {' | '.join(COLUMNS)} |"
    assert lines[1].split(" | ")[3] == "---:"
    assert lines[1].split(" | ")[7] == "---"
    assert r"a\|b\*\<i\> \`c\`" in lines[2]


def test_a_format_is_named_or_taken_from_the_file() -> None:
    """A file's ending chooses its format, an unknown name is refused with those there are."""
    assert [of_file(name) for name in ("a.CSV", "b.json", "c.md", "d.txt", "e.parquet")] == [
        CSV,
        JSON,
        MARKDOWN,
        TABLE,
        PARQUET,
    ]
    with pytest.raises(UsageError, match="no format 'xls'") as caught:
        named("xls")
    assert caught.value.hint == "The formats are: table, csv, json, markdown, parquet."
