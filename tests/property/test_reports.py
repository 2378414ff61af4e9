"""What holds for every report that comes with mootech, whatever it says."""

import re

import polars as pl
import pytest

from mootech.definition import Column
from mootech.layers.library import packaged
from mootech.model import Table
from tests.property.views import Views

TYPES: dict[str, pl.DataType] = {
    "BIGINT": pl.Int64(),
    "INTEGER": pl.Int32(),
    "VARCHAR": pl.String(),
    "DATE": pl.Date(),
    "BOOLEAN": pl.Boolean(),
}
NETTING = ("moves", "returners", "events", "matched", "counted", "days", "prices", "sold")


def _type(column: Column) -> pl.DataType:
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.type)
    return pl.Decimal(int(decimal[1]), int(decimal[2])) if decimal else TYPES[column.type]


@pytest.mark.parametrize("report", packaged())
def test_a_report_of_nothing_has_the_declared_columns(views: Views, report: str) -> None:
    """Over empty tables the result has no rows, and exactly the columns and types that the header declares."""
    for table in Table:
        views.give(table, [])
    frame = views.run(report, product_ids=["P1"])
    assert frame.is_empty()
    assert frame.schema == pl.Schema({column.name: _type(column) for column in packaged()[report].columns})


@pytest.mark.parametrize("report", packaged())
def test_every_declared_parameter_is_used(report: str) -> None:
    """A parameter that the header declares stands in the statement below it, and no other does."""
    definition = packaged()[report]
    statement = "\n".join(line for line in definition.sql.splitlines() if not line.lstrip().startswith("--"))
    assert set(re.findall(r"\$([a-z_]+)", statement)) == {parameter.name for parameter in definition.parameters}


@pytest.mark.parametrize("report", ["products", "revenue"])
@pytest.mark.parametrize("name", NETTING)
def test_returns_are_netted_in_the_same_words(report: str, name: str) -> None:
    """Reports that net returns as the sales report does say so word for word, but for its choice of products."""
    assert _query(report, name) == _query("sales", name)


def _query(report: str, name: str) -> str:
    """Return a common table expression of a report, from its name to the line that closes it."""
    (text,) = re.findall(rf"^(?:WITH )?{name} AS \(\n.*?^\)", packaged()[report].sql, re.MULTILINE | re.DOTALL)
    chosen = "    WHERE product_id IN (SELECT unnest(CAST($product_ids AS VARCHAR[])))\n"
    return str(text).replace(chosen, "")
