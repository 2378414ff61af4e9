"""`silver`: rebuilds silver where bronze changed."""

from collections.abc import Sequence

from mootech.config import Settings
from mootech.engines.registry import opened_engine
from mootech.lake.lake import Lake
from mootech.layers.silver.build import Builder
from mootech.model import Progress, utc_today
from mootech.outcomes import Outcome
from mootech.pipeline.session import locked, opened
from mootech.tables import TABLES, TableSpec


def silver(
    settings: Settings, *, tables: Sequence[TableSpec] = (), full: bool = False, progress: Progress | None = None
) -> Outcome:
    """Rebuild silver where its bronze changed; with `full`, rebuild all of it.

    Raises:
        EmptyLakeError: the lake holds no bronze.

    Example:
        >>> from mootech.config import load
        >>> silver(load()).errors
        ()

    """
    opened(settings)
    return locked(settings, "silver", lambda lake: build_silver(lake, settings, tables, full=full, progress=progress))


def build_silver(
    lake: Lake, settings: Settings, tables: Sequence[TableSpec], *, full: bool, progress: Progress | None
) -> Outcome:
    """Rebuild silver in an open lake."""
    with opened_engine(lake, settings) as engine:
        builder = Builder(lake, engine, utc_today())
        return Outcome("silver", days=builder.build(tables or tuple(TABLES), full=full, progress=progress))
