"""What `mootech qa` finds in the bronze partitions of a table: first the figures, then what is wrong, day by day.

Figures and rules stand in lists of their own, `figures.FIGURES` and `rules.RULES`. Partitions are checked in batches:
a range takes the memory of one batch, and small days do not cost a validation each.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date

import polars as pl

from mootech.model import Finding, Receipt
from mootech.qa.drift import schema_drift
from mootech.qa.figures import FIGURES, Totals
from mootech.qa.rules import RULES
from mootech.tables import TableSpec

_BATCH_ROWS = 200_000
"""Rows that are checked at once, or one day where it has more."""


def check_partitions(table: TableSpec, days: Iterable[tuple[date, pl.DataFrame, Receipt | None]]) -> list[Finding]:
    """Return the findings of a range of partitions.

    Args:
        table: which table.
        days: UTC day, rows without utc_date, and receipt (None where the footer has none) of each partition, oldest
            first.

    """
    checked = _Checked(table)
    for day, rows, receipt in days:
        checked.add(day, rows, receipt)
    return checked.findings()


class _Checked:
    """What has been found so far of one table."""

    def __init__(self, table: TableSpec) -> None:
        self._table = table
        self._totals = Totals()
        self._figures = [figure(table) for figure in FIGURES]
        self._wrong: list[Finding] = []
        self._batch: list[pl.DataFrame] = []

    def add(self, day: date, rows: pl.DataFrame, receipt: Receipt | None) -> None:
        """Take in a partition."""
        self._totals.days += 1
        self._totals.rows += rows.height
        if receipt is not None:
            self._totals.receipts += Counter(
                fetched=receipt.fetched, quarantined=receipt.quarantined, duplicates=receipt.duplicates
            )
        drift = schema_drift(self._table, rows.schema)
        self._wrong += [Finding(str(self._table), day, None, "schema_drift", difference) for difference in drift]
        if not drift:  # columns that are not what they are called cannot be counted by name
            self._batch.append(rows.with_columns(utc_date=pl.lit(day.isoformat())))
        if sum(part.height for part in self._batch) >= _BATCH_ROWS:
            self._check_batch()

    def findings(self) -> list[Finding]:
        """Return all that was found."""
        self._check_batch()
        figures = [finding for figure in self._figures for finding in figure.findings(self._totals)]
        return [*figures, *self._wrong]

    def _check_batch(self) -> None:
        if not self._batch:
            return
        rows = pl.concat(self._batch)
        self._batch.clear()
        for figure in self._figures:
            figure.add(rows)
        for rule in RULES:
            self._wrong += rule(self._table, rows)
