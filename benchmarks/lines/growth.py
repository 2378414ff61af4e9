"""Time and memory from 100,000 to ten million rows, for the chart: the ingest by days, the report by rows."""

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Line, Point, Side
from benchmarks.lines import ingest, report

_DAYS = (1, 3, 10, 30, 100)
_TRANSACTIONS = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)


def points(bench: Bench) -> dict[str, tuple[Point, ...]]:
    """Return the points of the chart, by subject."""
    return {
        "ingest": tuple(_point(ingest.several_days(bench, days)) for days in _DAYS),
        "report": tuple(_point(report.several_rows(bench, bench.rows(rows))) for rows in _TRANSACTIONS),
    }


def lines(found: dict[str, tuple[Point, ...]]) -> Iterator[Line]:
    """Return what the smallest and the largest of each subject are to each other."""
    for subject, of_subject in found.items():
        small, large = of_subject[0], of_subject[-1]
        yield Line("growth", f"{subject}, {large.rows:,} rows beside {small.rows:,}", _side(large), _side(small))


def _point(side: Side) -> Point:
    return Point(side.rows or 0, side.time, side.peak)


def _side(point: Point) -> Side:
    return Side(f"{point.rows:,} rows", (point.seconds,), (point.peak_mb,), point.rows)
