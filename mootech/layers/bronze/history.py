"""Describes the quality of every day of a range: what the lake holds of the day, and the findings about it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from mootech.lake.lake import Lake
from mootech.lake.paths import Layer
from mootech.layers.bronze.profiles import Profiles
from mootech.model import DayRange, Finding
from mootech.outcomes import DayQuality, DayState
from mootech.tables import TableSpec


def history(
    lake: Lake, profiles: Profiles, days: Mapping[TableSpec, Sequence[date]], findings: Sequence[Finding]
) -> Iterator[DayQuality]:
    """Yield every day between the first and the last held or blocked day, table by table, oldest first."""
    for table, of_table in days.items():
        by_day: dict[date, list[Finding]] = {}
        for finding in findings:
            if finding.table == table.name and finding.utc_date is not None:
                by_day.setdefault(finding.utc_date, []).append(finding)
        seen = {*of_table, *by_day}
        for day in DayRange(min(seen), max(seen)) if seen else ():
            yield _quality(lake, profiles, table, day, by_day.get(day, []))


def _quality(lake: Lake, profiles: Profiles, table: TableSpec, day: date, findings: Sequence[Finding]) -> DayQuality:
    held = lake.partition(Layer.RAW, table.name, day)
    receipt = held.receipt if held is not None else None
    profile = profiles.of(table, day)
    blocked = any(finding.check == "blocked" for finding in findings)
    return DayQuality(
        str(table),
        day,
        DayState.BLOCKED if blocked else DayState.MISSING if held is None else DayState.HELD,
        fetched=receipt.fetched if receipt else None,
        published=receipt.published if receipt else None,
        quarantined=receipt.quarantined if receipt else None,
        duplicates=receipt.duplicates if receipt else None,
        undeclared=profile.undeclared if profile else None,
        source_share=receipt.reconciled.share if receipt and receipt.reconciled else None,
        remarks=tuple(": ".join(filter(None, (each.check, each.column, each.message))) for each in findings),
    )
