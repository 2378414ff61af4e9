"""`verify`: proves again that every object of the lake is whole and adds up."""

from collections.abc import Sequence

from mootech.config import Settings
from mootech.errors import BrokenPromiseError, EmptyLakeError
from mootech.lake.lake import Lake
from mootech.layers.bronze.selection import FETCH_FIRST, Selection
from mootech.layers.silver.days import remaking
from mootech.model import DayRange, Finding
from mootech.outcomes import QaOutcome
from mootech.pipeline.session import opened
from mootech.source.setup import endpoint_of
from mootech.tables import TABLES, TableSpec
from mootech.verify.findings import advice
from mootech.verify.shop import recount
from mootech.verify.tables import foreign_folders, verify_table


def verify(settings: Settings, wanted: Selection, *, source: bool = False) -> QaOutcome:
    """Prove again that every object of bronze and silver is whole and adds up.

    Args:
        settings: the settings that name the lake, and with `source` the shop.
        wanted: the tables; `start` and `end` narrow the days, and without them all days are verified.
        source: also compare the lake with the shop's own present counts.

    Raises:
        EmptyLakeError: the lake holds nothing to prove.
        SourceError: the shop was asked and did not answer.

    Example:
        >>> from mootech.config import load
        >>> from mootech.layers.bronze.selection import Selection
        >>> verify(load(), Selection()).errors
        ()

    """
    endpoint = endpoint_of(settings) if source else None
    lake = opened(settings)
    findings = prove(lake, wanted.tables, wanted.span)
    if endpoint is not None:
        share = settings.qa.min_source_share
        for table in wanted.tables or TABLES:
            findings += recount(lake, table, wanted.span, endpoint, min_share=share)
    if not findings:
        raise EmptyLakeError(f"{settings.lake} holds nothing to verify", hint=FETCH_FIRST)
    broken = [finding for finding in findings if not finding.ok]
    if not broken:
        return QaOutcome("verify", findings=tuple(findings))
    error = BrokenPromiseError(f"broken promises in {settings.lake}: {len(broken):,}", advice(broken))
    return QaOutcome("verify", findings=tuple(findings), errors=(error,))


def prove(lake: Lake, tables: Sequence[TableSpec], span: DayRange) -> list[Finding]:
    """Verify the tables. Without tables, verify all of them, and also what lies outside the tables' folders."""
    with remaking() as remake:
        found = [finding for table in tables or TABLES for finding in verify_table(lake, remake, table, span)]
    return found if tables else [*found, *foreign_folders(lake)]
