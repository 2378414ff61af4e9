"""Silver and gold: what is made from bronze."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from mootech.config import Settings
from mootech.engines.duckdb import Engine
from mootech.errors import UsageError
from mootech.lake.lake import Lake
from mootech.layers import gold
from mootech.layers.silver import Builder
from mootech.model import Outcome, Progress, ReportOutcome, Table, utc_today
from mootech.session import locked, opened

_REPORTS = ("sales",)


def silver(
    settings: Settings, *, tables: Sequence[Table] = (), full: bool = False, progress: Progress | None = None
) -> Outcome:
    """Rebuild silver where its bronze changed; with `full` everywhere.

    Raises:
        EmptyLakeError: the lake holds no bronze.

    """
    opened(settings)
    return locked(settings, "silver", lambda lake: build_silver(lake, settings, tables, full=full, progress=progress))


def report(settings: Settings, *, name: str = "sales", products: Sequence[str] = ()) -> ReportOutcome:
    """Compute a report from silver and keep it in the lake's results.

    Raises:
        UsageError: there is no report, or no product, of that name; the hint lists the nearest.
        EmptyLakeError: silver holds nothing to report on.

    """
    if name not in _REPORTS:
        raise UsageError(f"there is no report {name!r}", hint=f"The reports are: {', '.join(_REPORTS)}.")
    opened(settings)
    return locked(settings, "report", lambda lake: make_report(lake, settings, products or settings.report.products))


def build_silver(
    lake: Lake, settings: Settings, tables: Sequence[Table], *, full: bool, progress: Progress | None
) -> Outcome:
    """Rebuild silver in an open lake."""
    with _engine(lake, settings) as engine:
        builder = Builder(lake, engine, utc_today())
        return Outcome("silver", days=builder.build(tables or tuple(Table), full=full, progress=progress))


def make_report(lake: Lake, settings: Settings, products: Sequence[str]) -> ReportOutcome:
    """Compute the report from an open lake and keep it there."""
    with _engine(lake, settings) as engine:
        return ReportOutcome("report", reports=gold.sales(lake, engine, products))


def _engine(lake: Lake, settings: Settings) -> AbstractContextManager[Engine]:
    return Engine.opened(lake.store, state_dir=settings.state_dir, copies=lake.copies(settings.copies_mb * 2**20))
