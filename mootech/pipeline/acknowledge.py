"""`qa --acknowledge`: a person has seen the quarantined rows of a day, and they are no alarm any more."""

from collections.abc import Sequence
from datetime import date

from mootech.config import Settings
from mootech.errors import UsageError
from mootech.lake.lake import Lake
from mootech.layers.bronze.quarantine import lately_quarantined, quarantined_days
from mootech.model import DayRange, Receipt
from mootech.outcomes import QaOutcome
from mootech.pipeline.session import locked, opened
from mootech.qa.quarantined import findings_of
from mootech.tables import TABLES, TableSpec


def acknowledge(settings: Settings, day: date, *, tables: Sequence[TableSpec] = ()) -> QaOutcome:
    """End the alarm about the rows that are in quarantine of a UTC day now. Other rows that come there later ring anew.

    Reports, `status` and `qa` go on counting the rows. The outcome has what is still to be said of these tables.

    Raises:
        EmptyLakeError: there is no lake.
        UsageError: no row of the day is in quarantine, or rows of several tables are and none is named.
        LockHeldError, StoreError: the lake cannot be written now.

    Example:
        >>> from datetime import date
        >>> from mootech.config import load
        >>> from mootech.tables import CLICKSTREAM
        >>> acknowledge(load(), date(2024, 3, 1), tables=(CLICKSTREAM,)).errors
        ()

    """
    seen = _seen(opened(settings), day, tables)

    def work(lake: Lake) -> QaOutcome:
        for table, receipt in seen.items():
            lake.acknowledge(table.name, day, receipt.quarantine or "")
        limit = settings.qa.max_quarantined_share
        found = [each for table in seen for each in findings_of(table.name, lately_quarantined(lake, table), limit)]
        notes = tuple(f"{table} {day}: {receipt.quarantined:,} rows acknowledged" for table, receipt in seen.items())
        return QaOutcome("qa", findings=tuple(found), notes=notes)

    return locked(settings, "qa", work)


def _seen(lake: Lake, day: date, tables: Sequence[TableSpec]) -> dict[TableSpec, Receipt]:
    """Return the receipts that name the quarantine objects in question, by table."""
    span = DayRange(day, day)
    held = {table: quarantined_days(lake, table, span).get(day) for table in tables or tuple(TABLES)}
    seen = {table: receipt for table, receipt in held.items() if receipt is not None}
    if not seen:
        raise UsageError(
            f"no row of {day} is in quarantine there",
            hint="Nothing was changed. `mootech qa` names the days; a day that the gate blocked is not in the lake.",
        )
    if len(seen) > 1 and not tables:
        names = " and ".join(table.name for table in seen)
        raise UsageError(
            f"rows of {names} are in quarantine on {day}",
            hint=f"Nothing was changed. Say which you mean: mootech qa -t {next(iter(seen))} --acknowledge {day}",
        )
    return seen
