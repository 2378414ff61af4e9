"""Where rows drift from their contract: other columns or types, and fields that no column is declared for."""

from collections.abc import Mapping
from typing import Any

import msgspec
import polars as pl

from mootech.qa.contract import bronze_schema
from mootech.tables import TableSpec


def schema_drift(table: TableSpec, columns: Mapping[str, Any]) -> list[str]:
    """Return how the columns of a partition (name → polars type) differ from the contract; empty when they agree."""
    declared = bronze_schema(table)
    drift = [f"column {name} is missing" for name in declared if name not in columns]
    drift += [f"column {name} is not declared" for name in columns if name not in declared]
    drift += [
        f"column {name} is {columns[name]}, not {dtype}"
        for name, dtype in declared.items()
        if name in columns and columns[name] != dtype
    ]
    return drift


def undeclared(extra: pl.Series) -> list[str]:
    """Return the names of the undeclared fields in a column `extra`, sorted."""
    return sorted({name for text in extra.drop_nulls().unique() for name in fields_of(text)})


def fields_of(extra: str) -> list[str]:
    """Return the names of the undeclared fields in one value of `extra`."""
    return list(msgspec.json.decode(extra, type=dict[str, msgspec.Raw]))
