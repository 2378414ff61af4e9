"""Hold the lake against the shop's own counts: what it declares for a day now, and its metrics of the clickstream."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.model import DayRange, Finding, Receipt
from mootech.source import interruptible
from mootech.source.dialect import Dialect
from mootech.source.guards import START
from mootech.source.http import Api, Connection
from mootech.source.metrics import Metrics, metrics_of
from mootech.source.pages import read_page
from mootech.tables import TableSpec
from mootech.verify.findings import Mend


@dataclass(frozen=True)
class Counts:
    """What the shop says of one table's day; None where it says nothing."""

    total: int | None
    """Rows it hands out, dirt and repeats included."""
    metrics: Metrics | None = None


@dataclass(frozen=True)
class Shop:
    """Whom to ask, and how."""

    connection: Connection
    dialects: Mapping[TableSpec, Dialect] = field(default_factory=dict)
    """How the tables are asked for; one that is not named here is in mootech's own protocol."""
    metrics: bool = True
    """Ask for the metrics of the clickstream too."""
    older: bool = False
    """It speaks the jobs protocol, which counts the clickstream alone."""
    share: float = 0.99
    """Of the shop's metrics, below which rows are missing."""


def recount(lake: Lake, table: TableSpec, span: DayRange, shop: Shop) -> Iterator[Finding]:
    """Ask the shop for its counts of every held day of one table and compare; days without a receipt are left out.

    Args:
        lake: what is compared.
        table: which table.
        span: which days.
        shop: whom to ask.

    Yields:
        A finding per day of which the shop has more than the lake, and one for the days where it has not.

    Raises:
        SourceError: the shop did not answer.

    """
    if shop.older and (not table.has_metrics or not shop.metrics):
        return
    held = lake.held(Layer.RAW, table.name)
    receipts = {day: each.receipt for day, each in held.items() if day in span and each.receipt is not None}
    asked = interruptible.run(_ask(shop, table, list(receipts)), stop=lambda: None)
    behind = 0
    for day, receipt in receipts.items():
        visitors = None
        if asked[day].metrics is not None and receipt.reconciled is None:
            visitors = lake.read(held[day].key).select(table.visitor).n_unique()
        short = shortfall(receipt, visitors, asked[day], shop.share)
        if short is not None:
            behind += 1
            data = {"layer": str(Layer.RAW), "mend": str(Mend.UPDATE)}
            yield Finding(str(table), day, None, "behind", f"{Layer.RAW}: {short}", data=data)
    if len(receipts) > behind:
        told = f"{len(receipts) - behind:,} days hold what the shop counts"
        yield Finding(str(table), None, None, "source", told, ok=True, data={"partitions": len(receipts) - behind})


def shortfall(receipt: Receipt, visitors: int | None, shop: Counts, share: float) -> str | None:
    """Return what the shop has more than a day's partition, None when nothing.

    `visitors` are those in the partition, for a receipt that says nothing of them.
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


async def _ask(shop: Shop, table: TableSpec, days: list[date]) -> Mapping[date, Counts]:
    dialect = shop.dialects.get(table) or Dialect(table.name)
    metrics = shop.metrics and table.has_metrics
    async with Api(shop.connection) as api:
        asking = (
            _older_counts(api, day) if shop.older else _counts(api, dialect, day, metrics=metrics) for day in days
        )
        return dict(zip(days, await asyncio.gather(*asking), strict=True))


async def _older_counts(api: Api, day: date) -> Counts:
    return Counts(None, await metrics_of(api, day, older=True))


async def _counts(api: Api, dialect: Dialect, day: date, *, metrics: bool) -> Counts:
    dialect = dialect.on(day)
    page = await api.ask(dialect.ask(day, START, 1), lambda answer: read_page(dialect, answer, START, 1))
    return Counts(page.total, await metrics_of(api, day) if metrics else None)
