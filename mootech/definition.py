"""What a report's SQL file says of itself: the comment that it begins with. Pure.

    -- Traffic: hits, visits and visitors of each day.
    --
    -- Grain       UTC day and campaign.
    -- Inputs      clickstream: silver, one row per hit.
    -- Parameters  $at_least BIGINT = 0: campaigns with fewer hits are left out.
    --             $held_days DATE[]: the days that the lake holds of the first input.
    -- Columns     day       DATE     UTC day
    --             campaign  VARCHAR  as delivered, NULL for none
    --             hits      BIGINT   hits
    -- Key         day, campaign
    -- Objects     one per product, product_id: Traffic of {product}
    -- Figures     hits
    -- Chart       line day hits by campaign
    -- Source      where the definition of the figures comes from

A further line of a section is indented as its first one is. Objects, Parameters, Figures, Chart and Source may be
missing. The columns are those of the result, in its order. The key's columns tell its rows apart, and the rows are
sorted by them. Without Objects the report is one object of the lake. Figures are what `--changes` compares: every
numeric column besides the key where none are named.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from mootech.errors import UsageError
from mootech.tables import TABLES

Value = str | int | float | bool | date | Sequence[str] | Sequence[date] | None
"""What can be bound to a parameter of a statement."""

HELD_DAYS, PRODUCT_IDS = "held_days", "product_ids"
GIVEN = {HELD_DAYS: "DATE[]", PRODUCT_IDS: "VARCHAR[]"}
"""Parameters that nobody sets: the days that the lake holds of the first input, and the products asked for."""

CHANGE_COLUMNS = ("figure", "before", "now", "change")
"""What a comparison with an earlier report has beside the report's key."""

CHARTS = ("line", "bar", "stacked", "heat")

PRODUCT = "{product}"
"""Stands for the product's name in the title of a report that is one object per product."""

_SECTIONS = ("Grain", "Inputs", "Parameters", "Columns", "Key", "Objects", "Figures", "Chart", "Source")
_NEEDED = ("Grain", "Inputs", "Columns", "Key")
_SECTION = re.compile(rf"({'|'.join(_SECTIONS)}) +(\S.*)")
_MISWRITTEN = re.compile(rf"(?:{'|'.join(_SECTIONS)})(?::|\t)")
_TITLE = re.compile(r"([^:]+): *(\S.*)")
_INPUT = re.compile(rf"({'|'.join(TABLES.names)}): *(\S.*)")
_PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*) ([A-Z]+(?:\[\])?)(?: = ('(?:[^']|'')*'|[^:]*?))?: *(\S.*)")
_COLUMN = re.compile(r"([a-z_][a-z0-9_]*) +([A-Z]+(?:\(\d+, ?\d+\))?(?:\[\])?)(?: +(\S.*))?")
_OBJECTS = re.compile(rf"one per product, ([a-z_][a-z0-9_]*)(?:: *(.*{re.escape(PRODUCT)}.*))?")
_CHART = re.compile(rf"({'|'.join(CHARTS)}) ([a-z0-9_]+) ([a-z0-9_]+)(?: by ([a-z0-9_]+))?")
_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")
_NUMBER: Mapping[str, Callable[[str], int | float]] = {"BIGINT": int, "INTEGER": int, "DOUBLE": float}
_TYPES = (*_NUMBER, "VARCHAR", "DATE", "BOOLEAN", "VARCHAR[]")


class DefinitionError(UsageError):
    """A report's SQL file does not say of itself what it must; the message names file and line."""


@dataclass(frozen=True)
class Column:
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
    """A value that the statement is given."""

    name: str
    type: str
    default: str | None
    """As text; None: it has to be given."""
    meaning: str


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
    """Of one object; PRODUCT stands for the product's name."""


@dataclass(frozen=True)
class Definition:
    """One report."""

    name: str
    """What it is asked for by."""
    title: str
    summary: str
    """One sentence: what it says."""
    grain: str
    inputs: Mapping[str, str]
    """Tables of silver, and what of them is read; the first one is the main one."""
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that tell the rows apart, and that they are sorted by."""
    per_product: PerProduct | None
    """None: the report is one object."""
    figures: tuple[str, ...]
    """Columns, all numeric, that are compared when a report changes."""
    chart: Chart | None
    source: str
    """Where the definition of the figures comes from; may be empty."""
    sql: str
    """The whole file."""
    file: str
    """For messages: the file's name, or path where a person has written it."""

    @property
    def objects_start(self) -> str:
        """How the names of its objects in the lake begin; a report that is one object is called just that."""
        return self.name if self.per_product is None else f"{self.name}_report_"

    def column(self, name: str) -> Column:
        """Return the column of that name; KeyError when there is none."""
        return next(column for column in self.columns if column.name == name)

    def arguments(self, given: Mapping[str, str]) -> dict[str, Value]:
        """Return what a person's texts and the defaults make of the parameters that people set.

        Raises:
            UsageError: a value that is not of its type, one that is missing, or a parameter that there is not.

        """
        own = {each.name: each for each in self.parameters if each.name not in GIVEN}
        for name in given.keys() - own.keys():
            known = f"Its parameters: {', '.join(own)}." if own else "It has none."
            raise UsageError(f"the report {self.name} has no parameter {name!r}", hint=known)
        values: dict[str, Value] = {}
        for name, parameter in own.items():
            text = given.get(name, parameter.default)
            if text is None:
                hint = f"Say --set {name}=…: {parameter.meaning}"
                raise UsageError(f"the report {self.name} needs the parameter {name}", hint=hint)
            values[name] = _value(parameter, text)
        return values


def parse(name: str, sql: str, file: str) -> Definition:
    """Return what a report's SQL says of itself.

    Raises:
        DefinitionError: it does not say enough, or says what cannot be understood.

    """
    header = _header(sql)
    if not header:
        raise _wrong(file, 1, "no comment that says what the report is")
    title = _TITLE.fullmatch(header[0].strip())
    if title is None:
        raise _wrong(file, 1, "the first line is not 'Title: what the report says.'")
    sections = _sections(header, file)
    for section in _NEEDED:
        if section not in sections:
            raise _wrong(file, 1, f"the comment has no {section}")
    columns = tuple(
        Column(match[1], match[2].replace(" ", ""), (match[3] or "").strip())
        for match in _all(_COLUMN, sections["Columns"], file, "not 'name TYPE meaning'")
    )
    parameters = tuple(
        Parameter(match[1], match[2], _unquoted(match[3]), match[4])
        for match in _all(_PARAMETER, sections.get("Parameters", []), file, "not '$name TYPE = default: meaning'")
    )
    inputs = _all(
        _INPUT, sections["Inputs"], file, f"not 'table: what of it is read', a table of {', '.join(TABLES.names)}"
    )
    found = Definition(
        name=name,
        title=title[1],
        summary=title[2],
        grain=_text(sections["Grain"]),
        inputs={match[1]: match[2] for match in inputs},
        parameters=parameters,
        columns=columns,
        key=_names(sections["Key"]),
        per_product=_per_product(sections.get("Objects"), title[1], file),
        figures=_names(sections["Figures"]) if "Figures" in sections else _numeric(columns, _names(sections["Key"])),
        chart=_chart(sections.get("Chart"), file),
        source=_text(sections.get("Source", [])),
        sql=sql,
        file=file,
    )
    _check(found, sections)
    return found


Lines = list[tuple[int, str]]
"""A section's lines, with their numbers in the file."""


def _header(sql: str) -> list[str]:
    """Return the lines of the comment at the top, without their dashes."""
    lines = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line[2:])
    return lines


def _sections(header: Sequence[str], file: str) -> dict[str, Lines]:
    found: dict[str, Lines] = {}
    lines: Lines | None = None
    for number, line in enumerate(header[1:], start=2):
        text = line.strip()
        if not text:
            lines = None
        elif match := _SECTION.fullmatch(line.removeprefix(" ").rstrip()):
            if match[1] in found:
                raise _wrong(file, number, f"{match[1]} for the second time")
            lines = found[match[1]] = [(number, match[2])]
        elif _MISWRITTEN.match(text):
            raise _wrong(file, number, f"a section is its name, blanks and text: {text}")
        elif lines is not None and line.startswith("   "):
            lines.append((number, text))
    return found


def _all(pattern: re.Pattern[str], lines: Lines, file: str, wanted: str) -> list[re.Match[str]]:
    """Return each line as the pattern takes it apart."""
    found = []
    for number, text in lines:
        match = pattern.fullmatch(text)
        if match is None:
            raise _wrong(file, number, f"{wanted}: {text}")
        found.append(match)
    return found


def _text(lines: Lines) -> str:
    return " ".join(text for _, text in lines)


def _names(lines: Lines) -> tuple[str, ...]:
    return tuple(part.strip() for part in _text(lines).split(","))


def _numeric(columns: Sequence[Column], key: Sequence[str]) -> tuple[str, ...]:
    return tuple(each.name for each in columns if each.is_numeric and each.name not in key)


def _per_product(lines: Lines | None, title: str, file: str) -> PerProduct | None:
    if lines is None:
        return None
    [match] = _all(
        _OBJECTS, [(lines[0][0], _text(lines))], file, f"not 'one per product, column: title with {PRODUCT}'"
    )
    return PerProduct(match[1], match[2] or f"{title} of {PRODUCT}")


def _chart(lines: Lines | None, file: str) -> Chart | None:
    if lines is None:
        return None
    [match] = _all(_CHART, lines[:1], file, "not 'line|bar|stacked|heat x y [by series]'")
    return Chart(match[1], match[2], match[3], match[4])


def _check(found: Definition, sections: Mapping[str, Lines]) -> None:
    """Refuse what does not fit together."""
    names = [column.name for column in found.columns]
    if len(set(names)) < len(names):
        raise _wrong(found.file, sections["Columns"][0][0], "two columns have one name")
    _check_figures(found, sections)
    chart = found.chart
    drawn = (chart.x, chart.y, chart.series) if chart else ()
    split = (found.per_product.column,) if found.per_product else ()
    named = (("Key", found.key), ("Objects", split), ("Figures", found.figures), ("Chart", drawn))
    for section, columns in named:
        for name in columns:
            if name is not None and name not in names:
                raise _wrong(found.file, sections[section][0][0], f"{section} names {name!r}, which is no column")
    if found.per_product:
        _check_objects(found, found.per_product, sections["Objects"][0][0])
    for (number, _), parameter in zip(sections.get("Parameters", []), found.parameters, strict=True):
        _check_parameter(parameter, found.file, number)


def _check_objects(found: Definition, split: PerProduct, line: int) -> None:
    if found.column(split.column).type != "VARCHAR":
        raise _wrong(found.file, line, f"Objects names {split.column!r}, which is no VARCHAR and so no product's id")
    if not _asks_for_products(found):
        raise _wrong(found.file, line, f"one object per product needs the parameter ${PRODUCT_IDS}")


def _check_figures(found: Definition, sections: Mapping[str, Lines]) -> None:
    types = {column.name: column for column in found.columns}
    for name in found.figures:
        if name in types and not types[name].is_numeric:
            raise _wrong(found.file, sections["Figures"][0][0], f"Figures names {name!r}, which is no number")
    for name in found.key:
        if name in CHANGE_COLUMNS:
            raise _wrong(found.file, sections["Key"][0][0], f"{name!r} is what --changes calls a column of its own")
    if _asks_for_products(found) and "products" not in found.inputs:
        raise _wrong(found.file, sections["Inputs"][0][0], f"${PRODUCT_IDS} needs products among the Inputs")


def _asks_for_products(found: Definition) -> bool:
    return PRODUCT_IDS in {each.name for each in found.parameters}


def _check_parameter(parameter: Parameter, file: str, line: int) -> None:
    wanted = GIVEN.get(parameter.name)
    if wanted is not None and parameter.type != wanted:
        raise _wrong(file, line, f"${parameter.name} is {wanted}")
    if wanted is None and parameter.type not in _TYPES:
        raise _wrong(file, line, f"{parameter.type} is none of {', '.join(_TYPES)}")
    if parameter.default is not None:
        try:
            _value(parameter, parameter.default)
        except UsageError as exc:
            raise _wrong(file, line, exc.message) from exc


def _unquoted(text: str | None) -> str | None:
    return None if text is None else text.strip().removeprefix("'").removesuffix("'")


def _value(parameter: Parameter, text: str) -> Value:
    try:
        return _typed(parameter.type, text)
    except ValueError as exc:
        msg = f"{parameter.name} is {parameter.type}, and {text!r} is none"
        raise UsageError(msg, hint=f"Nothing was computed. It means: {parameter.meaning}") from exc


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


def _wrong(file: str, line: int, what: str) -> DefinitionError:
    return DefinitionError(
        f"{file}, line {line}: {what}", hint="Nothing was computed. docs/reports.md says what a report's file needs."
    )
