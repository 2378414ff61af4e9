"""The comment that a report's SQL file begins with, read into its Definition. Pure.

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
    -- Figures     hits
    -- Chart       line day hits by campaign
    -- Source      where the definition of the figures comes from

A further line of a section is indented as its first one is. Parameters, Objects, Figures, Chart and Source may be
missing. The columns are those of the result, in its order. The key's columns tell its rows apart, and the rows are
sorted by them. Figures are what `--changes` compares: without the section every numeric column besides the key.

`-- Objects     one per product, product_id: Sales of {product}` makes a report one object per product: it names the
column of the product's id, and the title of one object. Without the section the report is one object.
"""

import re
from collections.abc import Mapping, Sequence

from mootech.definition import (
    CHARTS,
    GIVEN,
    PARAMETER_TYPES,
    PRODUCT,
    PRODUCT_IDS,
    Chart,
    Definition,
    DefinitionError,
    Parameter,
    PerProduct,
    ReportColumn,
)
from mootech.errors import UsageError
from mootech.tables import TABLES

CHANGE_COLUMNS = ("figure", "before", "now", "change")
"""The columns that `--changes` shows besides the report's key."""

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
        ReportColumn(match[1], match[2].replace(" ", ""), (match[3] or "").strip())
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


def _numeric(columns: Sequence[ReportColumn], key: Sequence[str]) -> tuple[str, ...]:
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
    if wanted is None and parameter.type not in PARAMETER_TYPES:
        raise _wrong(file, line, f"{parameter.type} is none of {', '.join(PARAMETER_TYPES)}")
    if parameter.default is not None:
        try:
            parameter.value(parameter.default)
        except UsageError as exc:
            raise _wrong(file, line, exc.message) from exc


def _unquoted(text: str | None) -> str | None:
    return None if text is None else text.strip().removeprefix("'").removesuffix("'")


def _wrong(file: str, line: int, what: str) -> DefinitionError:
    return DefinitionError(
        f"{file}, line {line}: {what}", hint="Nothing was computed. docs/reports.md says what a report's file needs."
    )
