"""Ask for a few rows of each table and say what is understood of the answer; it helps to set up a source."""

from collections.abc import Sequence
from datetime import date

import msgspec

from mootech.errors import SourceError
from mootech.outcomes import TableCheck
from mootech.qa.contract import delivered_schema
from mootech.qa.decode import RowDecoder
from mootech.qa.gate import Fetched, judge
from mootech.source.dialect import Dialect
from mootech.source.endpoint import Endpoint
from mootech.source.guards import START, Page
from mootech.source.http import Api
from mootech.source.pages import read_page
from mootech.source.setup import dialect_of
from mootech.tables import TableSpec

ROWS = 5
"""Rows that are asked for."""


async def probe(endpoint: Endpoint, tables: Sequence[TableSpec], day: date) -> list[TableCheck]:
    """Ask for the first rows of each table's UTC day. A failure is part of the table's result."""
    async with Api(endpoint) as api:
        return [await _probe(api, table, dialect_of(endpoint.settings, table).on(day), day) for table in tables]


async def _probe(api: Api, table: TableSpec, dialect: Dialect, day: date) -> TableCheck:
    asked = f"{api.endpoint.url}/{dialect.path}"
    try:
        page = await api.ask(dialect.ask(day, START, ROWS), lambda answer: read_page(dialect, answer, START, ROWS))
    except SourceError as exc:
        return TableCheck(table.name, asked, error=exc)
    return understood(table, asked, dialect, page, day)


def understood(table: TableSpec, asked: str, dialect: Dialect, page: Page, day: date) -> TableCheck:
    """Return how the mapping and the gate understand a table's first page. Pure."""
    rows = list(page.data) if dialect.mapping is None else dialect.mapping.rows(page.data, day)
    decoded = RowDecoder(table).decode(rows)
    (judged,) = judge(table, [Fetched(day, decoded.frame, decoded.reasons)])
    reasons: dict[str, int] = {}
    for reason in judged.rejected["reasons"].explode().drop_nulls().to_list():
        reasons[reason] = reasons.get(reason, 0) + 1
    columns = delivered_schema(table).names()
    missing = [name for name in columns if f"{name}:missing" in reasons]
    extra: set[str] = set()
    for text in decoded.frame["extra"].drop_nulls().to_list():
        extra |= msgspec.json.decode(text, type=dict[str, msgspec.Raw]).keys()
    return TableCheck(
        table.name,
        asked,
        status=200,
        rows=page.rows,
        rejected=judged.rejected.height,
        mapped=tuple(name for name in columns if name not in missing) if rows else (),
        missing=tuple(missing),
        extra=tuple(sorted(extra)),
        reasons=dict(sorted(reasons.items())),
        next_page=page.next_cursor is not None,
        total=page.total,
        total_in_doubt=dialect.style.counts and page.rows == page.total == ROWS,
    )
