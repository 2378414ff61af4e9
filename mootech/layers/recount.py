"""Hold the lake against the shop's own counts: what it declares for a day now, and its metrics of the clickstream."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus

import msgspec

from mootech.errors import RefusedError
from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.layers import interruptible
from mootech.layers.finding import Mend
from mootech.model import DayRange, Finding, Receipt, Table
from mootech.source.body import TransientError
from mootech.source.http import Api, Connection
from mootech.source.pages import parse_page

THRESHOLD = 0.99
"""The share of the shop's own count below which rows are missing."""

_VISITOR = ("visid_high", "visid_low")


@dataclass(frozen=True)
class Counts:
    """What the shop says of one table's day; None where it says nothing."""

    total: int | None
    """Rows it hands out, dirt and repeats included."""
    hits: int | None = None
    """Different hits."""
    visitors: int | None = None
    """Different visitors."""


def recount(lake: Lake, table: Table, span: DayRange, connection: Connection) -> Iterator[Finding]:
    """Ask the shop for its counts of every held day of one table and compare; days without a receipt are left out.

    Yields:
        A finding per day of which the shop has more than the lake, and one for the days where it has not.

    Raises:
        SourceError: the shop did not answer.

    """
    held = lake.held(Layer.RAW, table)
    receipts = {day: each.receipt for day, each in held.items() if day in span and each.receipt is not None}
    asked = interruptible.run(_ask(connection, table, list(receipts)), stop=lambda: None)
    behind = 0
    for day, receipt in receipts.items():
        visitors = None
        if asked[day].visitors is not None:
            visitors = lake.read(held[day].key).select(_VISITOR).n_unique()
        short = shortfall(receipt, visitors, asked[day])
        if short is not None:
            behind += 1
            data = {"layer": str(Layer.RAW), "mend": str(Mend.UPDATE)}
            yield Finding(str(table), day, None, "behind", f"{Layer.RAW}: {short}", data=data)
    if len(receipts) > behind:
        told = f"{len(receipts) - behind:,} days hold what the shop counts"
        yield Finding(str(table), None, None, "source", told, ok=True, data={"partitions": len(receipts) - behind})


def shortfall(receipt: Receipt, visitors: int | None, shop: Counts) -> str | None:
    """Return what the shop has more than a day's partition, None when nothing; `visitors` are the partition's."""
    accounted = receipt.published + receipt.quarantined
    declared = receipt.fetched if receipt.source_total is None else receipt.source_total
    if shop.total is not None and shop.total > declared:
        return f"the shop has {shop.total:,} rows, {declared:,} when the day was fetched"
    if shop.hits is not None and accounted < THRESHOLD * shop.hits:
        return f"the shop counts {shop.hits:,} hits, {accounted:,} are held or quarantined"
    if shop.visitors is not None and visitors is not None and visitors < THRESHOLD * shop.visitors:
        return f"the shop counts {shop.visitors:,} visitors, {visitors:,} are held"
    return None


async def _ask(connection: Connection, table: Table, days: list[date]) -> Mapping[date, Counts]:
    async with Api(connection) as api:
        return dict(zip(days, await asyncio.gather(*(_counts(api, table, day) for day in days)), strict=True))


async def _counts(api: Api, table: Table, day: date) -> Counts:
    asked = {"start_date": day.isoformat(), "end_date": day.isoformat(), "limit": "1"}
    page = await api.get(table, asked, lambda body: parse_page(body, 1, None))
    if table is not Table.CLICKSTREAM:
        return Counts(page.total)
    return Counts(page.total, await _metric(api, "hits", day), await _metric(api, "visitors", day))


async def _metric(api: Api, name: str, day: date) -> int | None:
    """Return one of the shop's metrics; None when it has none of that name."""
    try:
        return await api.get(f"metrics/{name}", {"date": day.isoformat()}, _integer)
    except RefusedError as exc:
        if exc.status != HTTPStatus.NOT_FOUND:
            raise
        return None


def _integer(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=int)
    except msgspec.MsgspecError as exc:
        raise TransientError(f"a body that is no count ({exc})") from exc
