"""The statements that mootech brings: .sql files of mootech.layers.sql, written in DuckDB's SQL."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from importlib import resources

SQL_PACKAGE = "mootech.layers.sql"

MACROS: Mapping[str, AbstractSet[str]] = {"macro_sold_by_month.sql": {"transactions", "products"}}
"""What several reports have in common, and the views that it reads."""


def statement(file: str) -> str:
    """Return the text of a .sql file."""
    return resources.files(SQL_PACKAGE).joinpath(file).read_text("utf-8")


def macros() -> str:
    """Return the text of what several reports have in common."""
    return ";\n".join(map(statement, MACROS))
