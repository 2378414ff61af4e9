"""The cells of a report's table, for people: figures with separators, money with its places, years as years."""

from datetime import date
from decimal import Decimal
from typing import Any

from mootech.definition import ReportColumn
from mootech.outcomes import ReportResult
from mootech.render.text import NOTHING, clean

_PLACES = 4


def columns_of(report: ReportResult) -> tuple[ReportColumn, ...]:
    """Return what the definition says of each of the report's columns; one it does not name has no type."""
    known = {column.name: column for column in report.definition.columns}
    return tuple(known.get(name, ReportColumn(name, "", "")) for name in report.columns)


def cell(value: Any, column: ReportColumn) -> str:  # noqa: ANN401 - whatever a report's SQL returns
    """Return a value as people read it: 1,234, 17.68, 2023-03-01, yes; harmless whatever it holds."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int) and "year" in column.name.split("_"):
        return str(value)
    if isinstance(value, float):
        return _rounded(value)
    return f"{value:,}" if isinstance(value, int | Decimal) else clean(value)


def summed(value: float, column: ReportColumn) -> str:
    """Return a sum of the column's figures, with the places that it declares."""
    return _rounded(value) if column.places is None else f"{value:,.{column.places}f}"


def _rounded(value: float) -> str:
    """Return a float with at most four places, none of them an empty one."""
    text = f"{value:,.{_PLACES}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
