"""The content of quarantine: the rejected rows of the days held, by reason, with examples."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from mootech.lake.lake import Lake
from mootech.lake.paths import Layer, quarantine_key
from mootech.model import DayRange, Finding, Receipt
from mootech.outcomes import QuarantinedShare
from mootech.qa.quarantined import share_of
from mootech.tables import TableSpec

_EXAMPLES = 3
"""Rows shown for each reason."""
_EXAMPLE_CHARACTERS = 1000
_SHOWN_CHARACTERS = 160
"""Length of an example in a message, which is one line of a table."""


@dataclass
class _Reason:
    rows: int = 0
    days: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)


def quarantined_days(lake: Lake, table: TableSpec, span: DayRange) -> dict[date, Receipt]:
    """Return the receipts of the table's held days that have a quarantine object, oldest first."""
    return {
        day: held.receipt
        for day, held in lake.held(Layer.RAW, table.name).items()
        if day in span and held.receipt is not None and held.receipt.quarantine is not None
    }


def lately_quarantined(lake: Lake, table: TableSpec, until: date = date.max) -> QuarantinedShare | None:
    """Return how many rows of the table's last days up to `until` are in quarantine; None if it holds no such day."""
    held = lake.known(Layer.RAW, table.name)
    receipts = {day: each.receipt for day, each in held.items() if each.receipt is not None}
    # A lake without rows in quarantine is not asked for the note about them.
    known = lake.acknowledged(table.name) if any(receipt.quarantined for receipt in receipts.values()) else {}
    return share_of(receipts, known, until)


def rejects_of(lake: Lake, table: TableSpec, day: date, receipt: Receipt) -> pl.DataFrame:
    """Return the rejected rows that a receipt names: reasons (List(String)) and raw (String).

    Raises:
        StoreError: the object is missing or not whole.

    """
    return lake.read(quarantine_key(table.name, day, receipt.quarantine or ""))


def reasons(lake: Lake, table: TableSpec, span: DayRange) -> Iterator[Finding]:
    """Yield one finding per reason, the most frequent first; a row with several reasons counts for each of them.

    Raises:
        StoreError: a quarantine object is missing or not whole.

    """
    found: dict[str, _Reason] = {}
    for day, receipt in quarantined_days(lake, table, span).items():
        rows = rejects_of(lake, table, day, receipt)
        seen: Counter[str] = Counter()
        for of_row, raw in rows.iter_rows():
            for name in of_row:
                reason = found.setdefault(name, _Reason())
                seen[name] += 1
                if len(reason.examples) < _EXAMPLES:
                    reason.examples.append({"utc_date": day.isoformat(), "raw": raw[:_EXAMPLE_CHARACTERS]})
        for name, count in seen.items():
            found[name].rows += count
            found[name].days += 1
    for name, reason in sorted(found.items(), key=lambda item: (-item[1].rows, item[0])):
        column, _, rule = name.rpartition(":")
        first = reason.examples[0]
        message = (
            f"{name}: {reason.rows:,} rows on {reason.days:,} days; on {first['utc_date']} "
            f"{first['raw'][:_SHOWN_CHARACTERS]}"
        )
        data = {"reason": name, "rule": rule, "rows": reason.rows, "days": reason.days, "examples": reason.examples}
        yield Finding(str(table), None, column or None, "quarantine", message, ok=True, data=data)
