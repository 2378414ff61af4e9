"""Compares the lake with the shop's own counts: the total that it declares for a day now, and its metrics."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.model import DayRange, Finding, Receipt
from mootech.source import interruptible
from mootech.source.dialect import Dialect
from mootech.source.endpoint import Endpoint
from mootech.source.guards import START
from mootech.source.http import Api
from mootech.source.metrics import Metrics, metrics_of
from mootech.source.pages import read_page
from mootech.source.setup import dialect_of
from mootech.tables import TableSpec
from mootech.verify.findings import Mend


@dataclass(frozen=True)
class Counts:
    """The shop's counts of one table's day; None where the shop has no count."""

    total: int | None
    """All rows that the shop hands out, with bad and repeated ones."""
    metrics: Metrics | None = None


def recount(lake: Lake, table: TableSpec, span: DayRange, endpoint: Endpoint, *, min_share: float) -> Iterator[Finding]:
    """Compare the shop's counts with every held day of one table; days without a receipt are left out.

    Args:
        lake: the lake to compare.
        table: the table to compare.
        span: the UTC days to compare.
        endpoint: the shop's API.
        min_share: the share of the shop's metrics, 0 to 1, that a day must hold; a day below it lacks rows.

    Yields:
        A finding per day of which the shop has more rows than the lake, and one finding for all other days.

    Raises:
        SourceError: the shop did not answer.

    """
    if endpoint.settings.protocol == "jobs" and not (table.has_metrics and endpoint.settings.metrics):
        return
    held = lake.held(Layer.RAW, table.name)
    receipts = {day: each.receipt for day, each in held.items() if day in span and each.receipt is not None}
    asked = interruptible.run(_ask(endpoint, table, list(receipts)), stop=lambda: None)
    behind = 0
    for day, receipt in receipts.items():
        visitors = None
        if asked[day].metrics is not None and receipt.reconciled is None:
            visitors = lake.read(held[day].key).select(table.visitor).n_unique()
        short = shortfall(receipt, visitors, asked[day], min_share)
        if short is not None:
            behind += 1
            data = {"layer": str(Layer.RAW), "mend": str(Mend.UPDATE)}
            yield Finding(str(table), day, None, "behind", f"{Layer.RAW}: {short}", data=data)
    if len(receipts) > behind:
        message = f"{len(receipts) - behind:,} days hold what the shop counts"
        yield Finding(str(table), None, None, "source", message, ok=True, data={"partitions": len(receipts) - behind})


def shortfall(receipt: Receipt, visitors: int | None, shop: Counts, share: float) -> str | None:
    """Say what the shop has beyond a day's partition; None when it has no more.

    `visitors` is the number of visitors in the partition, for a receipt that does not count them.
    """
    accounted = receipt.published + receipt.quarantined
    if receipt.reconciled is not None:
        accounted, visitors = receipt.reconciled.hits, receipt.reconciled.visitors
    once = receipt.of_one_pass
    declared = once.fetched if once.source_total is None else once.source_total
    if shop.total is not None and shop.total > declared:
        return f"the shop has {shop.total:,} rows, {declared:,} when the day was fetched"
    if shop.metrics is None:
        return None
    if accounted < share * shop.metrics.hits:
        return f"the shop counts {shop.metrics.hits:,} hits, {accounted:,} are held or quarantined"
    if visitors is not None and visitors < share * shop.metrics.visitors:
        return f"the shop counts {shop.metrics.visitors:,} visitors, {visitors:,} are held"
    return None


async def _ask(endpoint: Endpoint, table: TableSpec, days: list[date]) -> Mapping[date, Counts]:
    dialect = dialect_of(endpoint.settings, table)
    async with Api(endpoint) as api:
        asked = await asyncio.gather(*(_counts(api, table, dialect.on(day), day) for day in days))
    return dict(zip(days, asked, strict=True))


async def _counts(api: Api, table: TableSpec, dialect: Dialect, day: date) -> Counts:
    total = None
    if api.endpoint.settings.protocol == "pages":
        page = await api.ask(dialect.ask(day, START, 1), lambda answer: read_page(dialect, answer, START, 1))
        total = page.total
    return Counts(total, await metrics_of(api, table, day))
