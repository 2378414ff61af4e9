"""What a report is: its inputs, parameters, columns, key, objects and chart. Pure values.

A report's SQL file says all of it in the comment that it begins with: layers/gold/header.py reads that.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from mootech.errors import UsageError

Value = str | int | float | bool | date | Sequence[str] | Sequence[date] | None
"""What can be bound to a parameter of a statement."""

HELD_DAYS, PRODUCT_IDS = "held_days", "product_ids"
GIVEN = {HELD_DAYS: "DATE[]", PRODUCT_IDS: "VARCHAR[]"}
"""Parameters that mootech sets, with their types: the days held of the first input, and the products asked for."""

CHARTS = ("line", "bar", "stacked", "heat")

PRODUCT = "{product}"
"""Stands for the product's name in the title of a report that is one object per product."""

_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")
_NUMBER: Mapping[str, Callable[[str], int | float]] = {"BIGINT": int, "INTEGER": int, "DOUBLE": float}
PARAMETER_TYPES = (*_NUMBER, "VARCHAR", "DATE", "BOOLEAN", "VARCHAR[]")
"""Types of the parameters that people set."""


class DefinitionError(UsageError):
    """A report's SQL file is not a valid definition, or its SQL does not work; the message names file and line."""


@dataclass(frozen=True)
class ReportColumn:
    """A column of the result."""

    name: str
    type: str
    """As SQL names it: BIGINT, DECIMAL(18,2), DATE …"""
    meaning: str
    """With its unit; may be empty."""

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.type in _NUMBER or self.places is not None

    @property
    def places(self) -> int | None:
        """Decimal places of a DECIMAL, None for any other type."""
        match = _DECIMAL.fullmatch(self.type)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class Parameter:
    """A value that is bound to the statement."""

    name: str
    type: str
    default: str | None
    """As text; None: a person has to give a value."""
    meaning: str

    def value(self, text: str) -> Value:
        """Return a person's text as a value of the parameter's type; UsageError where it is none."""
        try:
            return _typed(self.type, text)
        except ValueError as exc:
            msg = f"{self.name} is {self.type}, and {text!r} is none"
            raise UsageError(msg, hint=f"Nothing was computed. It means: {self.meaning}") from exc


@dataclass(frozen=True)
class Chart:
    """How the result is drawn."""

    kind: str
    """One of CHARTS."""
    x: str
    y: str
    series: str | None = None
    """The column that tells the lines, the parts of a bar or the rows of a heat map apart."""


@dataclass(frozen=True)
class PerProduct:
    """How a report is split into one object per product."""

    column: str
    """The column that holds the product's id."""
    title: str
    """Title of one object, in which PRODUCT stands for the product's name."""


@dataclass(frozen=True)
class Definition:
    """One report."""

    name: str
    """What a person types to get it."""
    title: str
    summary: str
    """One sentence: what it says."""
    grain: str
    inputs: Mapping[str, str]
    """Tables of silver, and what the report reads of them. The first one is the main one."""
    parameters: tuple[Parameter, ...]
    columns: tuple[ReportColumn, ...]
    key: tuple[str, ...]
    """Columns that tell the rows apart. The rows are sorted by them."""
    per_product: PerProduct | None
    """None: the report is one object."""
    figures: tuple[str, ...]
    """Numeric columns that `--changes` compares."""
    chart: Chart | None
    source: str
    """Where the definition of the figures comes from; may be empty."""
    sql: str
    """The whole file."""
    file: str
    """For messages: the file's name, or its path where a person wrote it."""

    @property
    def settable(self) -> tuple[Parameter, ...]:
        """The parameters that people set."""
        return tuple(each for each in self.parameters if each.name not in GIVEN)

    @property
    def objects_start(self) -> str:
        """What the names of its objects in the lake begin with; the whole name where the report is one object."""
        return self.name if self.per_product is None else f"{self.name}_report_"

    def column(self, name: str) -> ReportColumn:
        """Return the column of that name; KeyError when there is none."""
        return next(column for column in self.columns if column.name == name)

    def arguments(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Return the values of the parameters that people set: by their texts, else by the defaults.

        Raises:
            UsageError: a value is not of its parameter's type or is missing, or there is no such parameter.

        """
        own = {each.name: each for each in self.settable}
        for name in given.keys() - own.keys():
            known = f"Its parameters: {', '.join(own)}." if own else "It has none."
            raise UsageError(f"the report {self.name} has no parameter {name!r}", hint=known)
        values: dict[str, Value] = {}
        for name, parameter in own.items():
            text = given.get(name, parameter.default)
            if text is None:
                hint = f"Say --set {name}=…: {parameter.meaning}"
                raise UsageError(f"the report {self.name} needs the parameter {name}", hint=hint)
            values[name] = parameter.value(text)
        return values


def _typed(kind: str, text: str) -> Value:
    if kind in _NUMBER:
        return _NUMBER[kind](text)
    if kind == "DATE":
        return date.fromisoformat(text)
    if kind == "BOOLEAN":
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if kind == "VARCHAR[]":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
