"""`status`: says what the lake holds, and how fresh it is."""

from datetime import timedelta

from mootech.config import Settings
from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.layers.bronze.quarantine import lately_quarantined
from mootech.layers.silver.build import stale_objects
from mootech.model import DayRange, utc_today
from mootech.outcomes import StatusOutcome, TableStatus
from mootech.pipeline.qa import blocked_days
from mootech.pipeline.session import opened
from mootech.tables import TABLES, TableSpec


def status(settings: Settings) -> StatusOutcome:
    """Say what the lake holds per table, how fresh it is, what is blocked, and who holds its lock. All days are UTC.

    Example:
        >>> from mootech.config import load
        >>> clickstream = status(load()).tables[0]
        >>> clickstream.table, str(clickstream.first)
        ('clickstream', '2024-03-01')

    """
    lake = opened(settings)
    return StatusOutcome(
        "status",
        notes=tuple(lake.warnings),
        lake=lake.store.url,
        tables=tuple(_table_status(lake, table) for table in TABLES),
        last_run=lake.last_run(),
        lock_holder=lake.lock_holder(),
    )


def _table_status(lake: Lake, table: TableSpec) -> TableStatus:
    bronze = lake.held(Layer.RAW, table.name)
    days = sorted(bronze)
    receipts = [held.receipt for held in bronze.values() if held.receipt is not None]
    span = DayRange(days[0], days[-1]) if days else ()
    return TableStatus(
        table=str(table),
        days=len(days),
        first=days[0] if days else None,
        last=days[-1] if days else None,
        gaps=tuple(day for day in span if day not in bronze),
        rows=sum(receipt.published for receipt in receipts),
        quarantined=sum(receipt.quarantined for receipt in receipts),
        blocked=tuple(finding.utc_date for finding in blocked_days(lake, (table,)) if finding.utc_date),
        silver_behind=stale_objects(lake, table, bronze),
        freshness_days=(utc_today() - timedelta(days=1) - days[-1]).days if days else None,
        quarantined_lately=lately_quarantined(lake, table),
    )
