"""Silver and gold: what is made from bronze."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from mootech.config import Settings
from mootech.definition import Definition
from mootech.engines.duckdb import Engine
from mootech.errors import LockHeldError, MootechError, UsageError
from mootech.lake.lake import Lake
from mootech.layers import gold
from mootech.layers.library import library
from mootech.layers.silver import Builder
from mootech.model import LibraryOutcome, Outcome, Progress, ReportOutcome, ReportResult, Table, utc_today
from mootech.session import locked, opened


def silver(
    settings: Settings, *, tables: Sequence[Table] = (), full: bool = False, progress: Progress | None = None
) -> Outcome:
    """Rebuild silver where its bronze changed; with `full` everywhere.

    Raises:
        EmptyLakeError: the lake holds no bronze.

    """
    opened(settings)
    return locked(settings, "silver", lambda lake: build_silver(lake, settings, tables, full=full, progress=progress))


def reports(settings: Settings) -> LibraryOutcome:
    """Return which reports there are.

    Raises:
        DefinitionError: a file of the user's folder does not say of itself what it must.

    """
    return LibraryOutcome("report", definitions=tuple(library(settings.report.folder).values()))


def report(
    settings: Settings,
    *,
    name: str = "sales",
    products: Sequence[str] = (),
    given: Mapping[str, str] | None = None,
    changes: bool = False,
) -> ReportOutcome:
    """Compute a report from silver and keep it in the lake's results.

    Args:
        settings: which lake, and where the user's own reports are.
        name: which report.
        products: of a report about products, those to report on.
        given: parameters by name, as text; a report that has any given is not kept.
        changes: return what it says otherwise than before it last changed.

    Raises:
        UsageError: there is no report, no product or no parameter of that name, or a report's file is wrong.
        EmptyLakeError: silver holds nothing to report on.

    """
    definition = _named(library(settings.report.folder), name)
    definition.arguments(given or {})
    wanted = products or (settings.report.products if name == gold.BY_PRODUCT else ())
    request = gold.Request(definition, wanted, given or {}, changes=changes)
    opened(settings)
    return locked(settings, "report", lambda lake: make_reports(lake, settings, [request]))


def configured(settings: Settings) -> list[gold.Request]:
    """Return the reports that `run` computes.

    Raises:
        UsageError: there is none of that name; or a report's file is wrong.

    """
    known = library(settings.report.folder)
    return [
        gold.Request(_named(known, name), settings.report.products if name == gold.BY_PRODUCT else ())
        for name in settings.report.names
    ]


def build_silver(
    lake: Lake, settings: Settings, tables: Sequence[Table], *, full: bool, progress: Progress | None
) -> Outcome:
    """Rebuild silver in an open lake."""
    with _engine(lake, settings) as engine:
        builder = Builder(lake, engine, utc_today())
        return Outcome("silver", days=builder.build(tables or tuple(Table), full=full, progress=progress))


def make_reports(lake: Lake, settings: Settings, requests: Iterable[gold.Request]) -> ReportOutcome:
    """Compute reports from an open lake and keep them there; one that fails does not keep the next from being made."""
    found: list[ReportResult] = []
    notes: list[str] = []
    errors: list[MootechError] = []
    for request in requests:
        try:
            with _engine(lake, settings) as engine:
                made = gold.report(lake, engine, request, utc_today())
        except LockHeldError:
            raise
        except MootechError as exc:
            errors.append(exc)
        else:
            found += made
            if request.changes and not any(each.rows for each in made):
                notes.append("no figure that was reported before has changed since")
    if errors and not found:
        raise errors[0]
    return ReportOutcome("report", errors=tuple(errors), notes=tuple(notes), reports=tuple(found), lake=lake.store.url)


def _named(known: Mapping[str, Definition], name: str) -> Definition:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"{f'Did you mean {near[0]}? ' if near else ''}The reports are: {', '.join(known)}."
        raise UsageError(f"there is no report {name!r}", hint=hint)
    return known[name]


def _engine(lake: Lake, settings: Settings) -> AbstractContextManager[Engine]:
    return Engine.opened(lake.store, state_dir=settings.state_dir, copies=lake.copies(settings.copies_mb * 2**20))
