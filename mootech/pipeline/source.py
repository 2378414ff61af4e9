"""`source check`: says what mootech understands of the shop's API, before anything is fetched."""

from collections.abc import Sequence
from datetime import date, timedelta

from mootech.config import Settings
from mootech.errors import MootechError, QualityError
from mootech.layers.bronze.probe import probe
from mootech.model import utc_today
from mootech.outcomes import SourceOutcome, TableCheck
from mootech.source import interruptible
from mootech.source.setup import endpoint_of
from mootech.tables import TableSpec


def check_source(settings: Settings, *, tables: Sequence[TableSpec] = (), day: date | None = None) -> SourceOutcome:
    """Ask for the first rows of each table and say what mootech understands of them; no lake is read or written.

    Args:
        settings: the settings of the source.
        tables: the tables to ask for; without any, the configured ones.
        day: the UTC day to ask for; None is yesterday.

    Raises:
        UsageError: the address or the key is missing, or settings contradict each other. No request has been made.

    Example:
        >>> from datetime import date
        >>> from mootech.config import load
        >>> from mootech.tables import USERS
        >>> (users,) = check_source(load(), tables=(USERS,), day=date(2024, 3, 1)).checks
        >>> users.rows > 0, users.rejected
        (True, 0)

    """
    asked = probe(endpoint_of(settings), tables or settings.ingest.tables, day or utc_today() - timedelta(days=1))
    checks = tuple(interruptible.run(asked, stop=lambda: None))
    errors = tuple(error for each in checks if (error := _error(each)) is not None)
    return SourceOutcome("source check", errors=errors, checks=checks)


def _error(check: TableCheck) -> MootechError | None:
    if check.error is not None:
        return check.error
    if not check.rows or check.rejected < check.rows:
        return None
    why = ", ".join(list(check.reasons)[:5])
    return QualityError(
        f"{check.table}: the gate would reject every row ({why})",
        hint=f"Nothing was changed. Say under [source.tables.{check.table}.fields] of mootech.toml where the columns "
        "are in the shop's rows. Fields that are no column are listed as extra.",
    )
