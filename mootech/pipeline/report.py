"""`report`: computed from silver, and kept in the lake's results."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from mootech.config import Settings
from mootech.definition import Definition
from mootech.engines.registry import opened_engine
from mootech.errors import LockHeldError, MootechError
from mootech.lake.lake import Lake
from mootech.layers.gold import report as gold
from mootech.layers.gold.library import Library, library
from mootech.model import utc_today
from mootech.outcomes import LibraryOutcome, ReportOutcome, ReportResult
from mootech.pipeline.session import locked, opened


def reports(settings: Settings) -> LibraryOutcome:
    """Return all reports, and an error for each file of the user's folder that is no valid report.

    Raises:
        ConfigError: there is no such folder.

    Example:
        >>> from mootech.config import load
        >>> [each.name for each in reports(load()).definitions if each.name.startswith("s")]
        ['sales', 'sessions']

    """
    known = library(settings.report.folder)
    return LibraryOutcome("report", errors=tuple(known.broken.values()), definitions=tuple(known.definitions.values()))


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
        products: names or ids of the products to report on; empty: those of the settings, else all.
        given: parameters by name, as text. A report with any of them is not kept.
        changes: return the changes since the report's version before, instead of the report.

    Raises:
        UsageError: there is no report, no product or no parameter of that name, or a report's file is wrong.
        EmptyLakeError: silver holds nothing to report on.

    Example:
        >>> from mootech.config import load
        >>> (tumbler,) = report(load(), products=("Tumbler",)).reports
        >>> tumbler.columns[:3]
        ('transaction_year', 'transaction_month', 'total_items_sold')

    """
    definition = library(settings.report.folder).named(name)
    definition.arguments(given or {})
    request = gold.Request(definition, products or _products(definition, settings), given or {}, changes=changes)
    opened(settings)
    return locked(settings, "report", lambda lake: make_reports(lake, settings, [lambda: request]))


def configured(settings: Settings) -> Iterator[Callable[[], gold.Request]]:
    """Yield a function per report that `run` computes. It returns the request, or raises UsageError.

    Raises:
        ConfigError: there is no folder of the user's own reports where the settings name one.

    """
    known = library(settings.report.folder)
    for name in settings.report.names:
        yield partial(_request, known, settings, name)


def _request(known: Library, settings: Settings, name: str) -> gold.Request:
    definition = known.named(name)
    return gold.Request(definition, _products(definition, settings))


def _products(definition: Definition, settings: Settings) -> tuple[str, ...]:
    """Return the configured products: those of every report that is one object per product."""
    return settings.report.products if definition.per_product else ()


def make_reports(lake: Lake, settings: Settings, wanted: Iterable[Callable[[], gold.Request]]) -> ReportOutcome:
    """Compute reports from an open lake and keep them there. A report that fails does not stop the next one."""
    found: list[ReportResult] = []
    notes: list[str] = []
    errors: list[MootechError] = []
    for each in wanted:
        try:
            request = each()
            with opened_engine(lake, settings) as engine:
                made = gold.report(lake, engine, request, utc_today())
        except LockHeldError:
            raise
        except MootechError as exc:
            errors.append(exc)
        else:
            found += made
            if request.changes and not any(one.rows for one in made):
                notes.append("no reported figure has changed")
    if len(errors) == 1 and not found:
        raise errors[0]
    return ReportOutcome("report", errors=tuple(errors), notes=tuple(notes), reports=tuple(found), lake=lake.store.url)
