"""How fresh a report's inputs are, and how complete."""

import calendar
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

from mootech.lake.lake import Held, Lake
from mootech.lake.paths import Layer
from mootech.outcomes import Freshness, InputCoverage, QuarantinedMonth
from mootech.tables import TableSpec


def coverage_of(lake: Lake, inputs: Mapping[TableSpec, Collection[date | None]]) -> tuple[InputCoverage, ...]:
    """Return for each table how many days and rows a report has read, by the receipts in raw_data.

    `inputs` are its tables with the days that it has read. None among them stands for every day that the lake holds.
    """
    coverage = []
    for table, days in inputs.items():
        held = lake.known(Layer.RAW, table.name)
        coverage.append(_covered(table.name, {day: each for day, each in held.items() if None in days or day in days}))
    return tuple(coverage)


def _covered(table: str, held: Mapping[date, Held]) -> InputCoverage:
    receipts = [each.receipt for each in held.values() if each.receipt is not None]
    months: Counter[date] = Counter()
    for day, each in held.items():
        if each.receipt is not None and each.receipt.quarantined:
            months[day.replace(day=1)] += each.receipt.quarantined
    first, last = min(held, default=None), max(held, default=None)
    return InputCoverage(
        table=table,
        days=len(held),
        first=first,
        last=last,
        missing=0 if first is None or last is None else (last - first).days + 1 - len(held),
        fetched=sum(receipt.fetched for receipt in receipts),
        quarantined=months.total(),
        months=tuple(QuarantinedMonth(month, rows) for month, rows in sorted(months.items())),
    )


def freshness_of(days: Sequence[date], today: date) -> Freshness | None:
    """Return how far the last day lies back, and how much of its month is held; None without a day."""
    if not days:
        return None
    last = max(days)
    return Freshness(
        last=last,
        behind=max(0, (today - timedelta(days=1) - last).days),
        held=sum((day.year, day.month) == (last.year, last.month) for day in set(days)),
        of=calendar.monthrange(last.year, last.month)[1],
    )
