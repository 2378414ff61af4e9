"""What a report's SQL file says of itself, and what a person is told about one that does not."""

import re
from datetime import date

import pytest

from mootech.definition import Chart, DefinitionError, Parameter, PerProduct, ReportColumn, Value
from mootech.errors import UsageError
from mootech.layers.gold.header import parse

GOOD = """\
-- Traffic: hits of each day.
--
-- Words that stand in no section.
--
-- Grain       UTC day and campaign,
--             as delivered.
-- Inputs      clickstream: silver, one row per hit.
-- Parameters  $least BIGINT = 5: fewer are left out
--             $from DATE: the first day
--             $name VARCHAR = 'a b': what it is called
--             $held_days DATE[]: the days held
-- Columns     day       DATE            UTC day
--             campaign  VARCHAR
--             sale      DECIMAL(18, 2)  USD
-- Key         day, campaign
-- Chart       line day sale by campaign
-- Source      somewhere
SELECT 1
"""


def test_a_header_is_understood_whole() -> None:
    """Every section comes back as it is written, further lines of a section joined."""
    found = parse("traffic", GOOD, "traffic.sql")
    assert (found.title, found.summary) == ("Traffic", "hits of each day.")
    assert found.grain == "UTC day and campaign, as delivered."
    assert found.inputs == {"clickstream": "silver, one row per hit."}
    assert found.parameters[:2] == (
        Parameter("least", "BIGINT", "5", "fewer are left out"),
        Parameter("from", "DATE", None, "the first day"),
    )
    assert found.columns[1:] == (ReportColumn("campaign", "VARCHAR", ""), ReportColumn("sale", "DECIMAL(18,2)", "USD"))
    assert (found.key, found.chart) == (("day", "campaign"), Chart("line", "day", "sale", "campaign"))
    assert (found.source, found.sql) == ("somewhere", GOOD)
    assert found.column("day").type == "DATE"


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("-- Traffic: hits of each day.", "SELECT 1", 1, "no comment"),
        ("-- Traffic: hits of each day.", "-- Traffic", 1, "first line"),
        ("-- Key         day, campaign\n", "", 1, "no Key"),
        ("-- Key         day, campaign", "-- Key         day, system", 15, "'system', which is no column"),
        ("line day sale by campaign", "pie day sale", 16, "line|bar"),
        ("line day sale by campaign", "bar day nothing", 16, "'nothing', which is no column"),
        ("campaign  VARCHAR", "campaign, VARCHAR", 13, "name TYPE meaning"),
        ("$least BIGINT = 5:", "$least BIGINT = many:", 8, "'many' is none"),
        ("$least BIGINT = 5:", "$least STRUCT = 5:", 8, "STRUCT is none of"),
        ("$held_days DATE[]", "$held_days DATE", 11, "$held_days is DATE[]"),
        ("-- Source      somewhere", "-- Grain       again", 17, "second time"),
        ("campaign  VARCHAR\n", "day       VARCHAR\n", 12, "one name"),
        ("clickstream: silver", "click stream, silver", 7, "what of it is read"),
        ("clickstream: silver", "orders: silver", 7, "a table of clickstream, transactions"),
        ("-- Chart       line day sale by campaign", "-- Chart: line day sale", 16, "its name, blanks and text"),
        ("-- Key         day, campaign", "-- Key         day, campaign\n-- Figures     campaign", 16, "no number"),
        ("campaign  VARCHAR\n", "change    VARCHAR\n", 15, "'campaign'"),
        ("$held_days DATE[]", "$product_ids VARCHAR[]", 7, "needs products"),
        ("-- Chart ", "-- Objects     one per day, day\n-- Chart ", 16, "not 'one per product, column: title"),
        ("-- Chart ", "-- Objects     one per product, day: Hits\n-- Chart ", 16, "title with {product}'"),
        ("-- Chart ", "-- Objects     one per product, product\n-- Chart ", 16, "'product', which is no column"),
        ("-- Chart ", "-- Objects     one per product, sale\n-- Chart ", 16, "which is no VARCHAR"),
        ("-- Chart ", "-- Objects     one per product, campaign\n-- Chart ", 16, "needs the parameter $product_ids"),
    ],
)
def test_a_header_that_is_wrong_is_named_by_its_line(old: str, new: str, line: int, told: str) -> None:
    """The error says which file, which line and what about it."""
    assert old in GOOD
    with pytest.raises(DefinitionError, match=rf"^mine\.sql, line {line}: .*{re.escape(told)}") as caught:
        parse("mine", GOOD.replace(old, new), "mine.sql")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("objects", "title"),
    [("", "Traffic of {product}"), (": What {product}\n--             brings", "What {product} brings")],
)
def test_a_report_may_be_one_object_per_product(objects: str, title: str) -> None:
    """Objects names the column of the product's id and the title of one object; titles are made where it has none."""
    sql = (
        GOOD.replace("$held_days DATE[]", "$product_ids VARCHAR[]")
        .replace("clickstream: silver, one row per hit.", "products: silver")
        .replace("-- Chart ", f"-- Objects     one per product, campaign{objects}\n-- Chart ")
    )
    found = parse("traffic", sql, "traffic.sql")
    assert found.per_product == PerProduct("campaign", title)
    assert found.objects_start == "traffic_report_"
    assert parse("traffic", GOOD, "traffic.sql").objects_start == "traffic"


def test_a_default_may_hold_a_colon() -> None:
    """In quotes it ends where they end, not at the first colon."""
    found = parse("x", GOOD.replace("'a b': what", "'product:mug': what"), "x.sql")
    assert found.parameters[2] == Parameter("name", "VARCHAR", "product:mug", "what it is called")


def test_a_key_is_told_apart_from_what_a_comparison_adds() -> None:
    """A key column called like one of --changes' own would stand there twice."""
    sql = GOOD.replace("campaign", "before")
    with pytest.raises(DefinitionError, match="'before' is what --changes calls"):
        parse("mine", sql, "mine.sql")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("BIGINT", "-7", -7),
        ("DOUBLE", "0.5", 0.5),
        ("DATE", "2024-02-29", date(2024, 2, 29)),
        ("BOOLEAN", "True", True),
        ("VARCHAR", "x; DROP TABLE y --", "x; DROP TABLE y --"),
        ("VARCHAR[]", "home, , product", ["home", "product"]),
    ],
)
def test_arguments_are_typed(kind: str, text: str, value: Value) -> None:
    """A person's text becomes a value of the parameter's type, which is bound, whatever stands in it."""
    found = parse("x", GOOD.replace("$least BIGINT = 5", f"$least {kind}"), "x.sql")
    assert found.arguments({"least": text, "from": "2024-01-01"}) == {
        "least": value,
        "from": date(2024, 1, 1),
        "name": "a b",
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"from": "1 March"}, "from is DATE, and '1 March' is none"),
        ({}, "needs the parameter from"),
        ({"from": "2024-01-01", "held_days": "2024-01-01"}, "no parameter 'held_days'"),
        ({"from": "2024-01-01", "least": "4.5"}, "least is BIGINT"),
    ],
)
def test_arguments_that_are_none_are_refused(given: dict[str, str], told: str) -> None:
    """A wrong type, a missing value, a parameter that there is not: the error names it."""
    with pytest.raises(UsageError, match=re.escape(told)) as caught:
        parse("x", GOOD, "x.sql").arguments(given)
    assert caught.value.hint
