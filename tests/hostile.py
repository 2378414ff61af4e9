"""Reports whose names are out to break whatever shows them."""

from datetime import date, timedelta

from mootech.outcomes import Freshness, InputCoverage, ReportResult
from tests.definitions import definition

NAMES = (
    '"><script>alert(1)</script>',
    "=cmd()|' /C calc'!A0",
    "\U0001f389 F\xeate \u201cquoted\u201d 'x'",
    "\u05e9\u05dc\u05d5\u05dd \u202eevil",
    "datum['c1'] + \"\\\")}//",
    "</svg><img src=x onerror=alert(2)>",
    "a.b[c]\\d",
    "newsletter",
    "search",
)
COVERAGE = (InputCoverage("clickstream", 58, date(2023, 1, 1), date(2023, 2, 28), 1, 10_000, 250),)
FRESHNESS = Freshness(date(2023, 2, 28), 1, 28, 28)
FIRST = date(2023, 1, 1)


def traffic(kind: str = "line", days: int = 30, names: tuple[str, ...] = NAMES, gap: int | None = None) -> ReportResult:
    """Return hits by day and campaign, n + 1 times as many for the n-th last name; the day `gap` has none of them."""
    defined = definition(
        "day DATE", "campaign VARCHAR", "hits BIGINT", name="traffic", chart=f"{kind} day hits by campaign"
    )
    rows = tuple(
        (FIRST + timedelta(days=n), name, None if n == gap else (len(names) - k) * (100 + n))
        for n in range(days)
        for k, name in enumerate(names)
    )
    title = f"Traffic of {NAMES[0]}"
    return ReportResult(
        "traffic",
        title,
        "results/traffic/data.parquet",
        ("day", "campaign", "hits"),
        rows,
        changed=True,
        definition=defined,
        coverage=COVERAGE,
        freshness=FRESHNESS,
    )


def funnel(names: tuple[str, ...] = NAMES) -> ReportResult:
    """Return a figure for each name, the first one the largest."""
    defined = definition("step", "visits BIGINT", chart="bar step visits")
    rows = tuple((name, 1000 // (n + 1)) for n, name in enumerate(names))
    return ReportResult("funnel", "Funnel", "k", ("step", "visits"), rows, changed=True, definition=defined)
