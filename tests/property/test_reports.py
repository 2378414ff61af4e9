"""What holds for every report that comes with mootech, whatever it says."""

import re

import polars as pl
import pytest

from mootech.definition import ReportColumn
from mootech.layers.gold.library import packaged
from mootech.tables import TABLES
from tests.property.views import Views

TYPES: dict[str, pl.DataType] = {
    "BIGINT": pl.Int64(),
    "INTEGER": pl.Int32(),
    "VARCHAR": pl.String(),
    "DATE": pl.Date(),
    "BOOLEAN": pl.Boolean(),
}


def _type(column: ReportColumn) -> pl.DataType:
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.type)
    return pl.Decimal(int(decimal[1]), int(decimal[2])) if decimal else TYPES[column.type]


@pytest.mark.parametrize("report", packaged())
def test_a_report_of_nothing_has_the_declared_columns(views: Views, report: str) -> None:
    """Over empty tables the result has no rows, and exactly the columns and types that the header declares."""
    for table in TABLES:
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
