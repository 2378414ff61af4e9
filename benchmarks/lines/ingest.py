"""A million hits in 200 pages: ours beside dlt, as it comes and tuned, and beside a plain loop of httpx and Polars."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from benchmarks.bench import ROOT, Bench, Contender, MissingError, Place, check_rows, peer
from benchmarks.child import FailedError, Run, measured
from benchmarks.data import hits
from benchmarks.data.shelf import Shelf
from benchmarks.figures import Limit, Line, Measure, Side
from benchmarks.machine import PYTHON
from benchmarks.server import API_KEY, serving

FIRST = date(2024, 1, 1)
DAYS = 10
HITS_A_DAY = 100_000
_AS_FAST_AS_DLT = Limit(Measure.SPEED, 20)
_PEAK = Limit(Measure.PEAK, 350)


def lines(bench: Bench) -> Iterator[Line]:
    """Measure the ingest; a peer that is not installed costs its own line only."""
    rows = DAYS * bench.rows(HITS_A_DAY)
    shelf = stocked(bench, DAYS)
    with serving(shelf) as url:
        us = Contender("mootech ingest", lambda: ours(bench, url, DAYS, rows), rows)
        floor = Contender("httpx + Polars loop", lambda: _script(bench, PYTHON, "httpx_polars", url, rows), rows)
        sides, missing = [us, floor], ""
        try:
            python = peer("dlt")
            sides += [
                Contender("dlt", lambda: _script(bench, python, "dlt_ingest", url, rows, tuned=False), rows),
                Contender("dlt, tuned", lambda: _script(bench, python, "dlt_ingest", url, rows, tuned=True), rows),
            ]
        except MissingError as exc:
            missing = str(exc)
        mine, plain, *dlt = bench.compared(*sides)
    bench.kept[f"ingest {DAYS}"] = mine
    title = f"ingest of {rows:,} hits"
    if missing:
        yield Line("ingest", f"{title}, beside dlt", mine, limits=(_AS_FAST_AS_DLT, _PEAK), missing=missing)
    for each in dlt:
        yield Line("ingest", f"{title}, beside {each.name}", mine, each, (_AS_FAST_AS_DLT, _PEAK))
    yield Line("ingest", f"{title}, beside the floor", mine, plain)


def stocked(bench: Bench, days: int) -> Shelf:
    """Return a shelf with at least so many days of hits."""
    rows = bench.rows(HITS_A_DAY)
    shelf = Shelf(bench.folder(f"hits-{rows}"))
    for number in range(days):
        hits.stock(shelf, FIRST + timedelta(days=number), rows)
    return shelf


def ours(bench: Bench, url: str, days: int, rows: int, first: date = FIRST) -> Run:
    """Run `mootech ingest` of so many days into a new lake, and see that all rows are in it."""
    with bench.fresh() as folder:
        place = Place(str(folder / "lake"), folder / "state", url)
        span = ("--start", first.isoformat(), "--end", (first + timedelta(days=days - 1)).isoformat())
        run = place.mootech("ingest", "-t", "clickstream", *span, "--json")
    (table,) = run.told["tables"]
    check_rows(rows, sum(day["published"] for day in table["days"]), "mootech ingest")
    return run


def several_days(bench: Bench, days: int) -> Side:
    """Return our side for so many days of hits; measured once, whichever line asks for it first."""
    rows = days * bench.rows(HITS_A_DAY)
    shelf = stocked(bench, days)
    with serving(shelf) as url:
        return bench.remembered(
            f"ingest {days}", Contender(f"mootech ingest, {days} days", lambda: ours(bench, url, days, rows), rows)
        )


def _script(bench: Bench, python: Path, name: str, url: str, rows: int, **more: bool) -> Run:
    """Run a peer's script, and see that it has all rows."""
    with bench.fresh() as folder:
        asked = {"url": url, "key": API_KEY, "first": FIRST.isoformat(), "days": DAYS, "folder": str(folder), **more}
        script = ROOT / "benchmarks" / "peers" / f"{name}.py"
        # dlt looks for its configuration in the home folder and writes there; it gets an empty one.
        run = measured([python, script, json.dumps(asked)], {"HOME": str(folder)})
    last = run.said.strip().splitlines()[-1:]
    if not last:
        raise FailedError(f"{name} said nothing")
    check_rows(rows, json.loads(last[0])["rows"], name)
    return run
