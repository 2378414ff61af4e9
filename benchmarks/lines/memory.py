"""Memory stays level: ten times the days, and a single day of five million hits."""

from collections.abc import Iterator
from datetime import timedelta

from benchmarks.bench import Bench, Contender
from benchmarks.data import hits
from benchmarks.data.shelf import Shelf
from benchmarks.figures import Limit, Line, Measure
from benchmarks.lines import ingest
from benchmarks.server import serving

_TIMES = 10
_BIG_DAY = 5_000_000
_LEVEL = Limit(Measure.MEMORY, 1.2)
_ONE_DAY = Limit(Measure.PEAK, 1024)


def lines(bench: Bench) -> Iterator[Line]:
    """Measure the peaks of both."""
    few = ingest.several_days(bench, ingest.DAYS)
    many = ingest.several_days(bench, ingest.DAYS * _TIMES)
    title = f"memory of an ingest of {many.rows:,} hits in {ingest.DAYS * _TIMES} days, beside {ingest.DAYS} days"
    yield Line("memory", title, many, few, (_LEVEL,))

    rows = bench.rows(_BIG_DAY)
    day = ingest.FIRST - timedelta(days=1)
    shelf = Shelf(bench.folder(f"big-day-{rows}"))
    hits.stock(shelf, day, rows)
    with serving(shelf) as url:
        us = Contender("mootech ingest", lambda: ingest.ours(bench, url, 1, rows, first=day), rows)
        (one,) = bench.compared(us)
    yield Line("memory", f"ingest of one day of {rows:,} hits", one, limits=(_ONE_DAY,))
