"""The sales report over ten million transactions: beside the notebook's transformation on Spark, and all products."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.bench import ROOT, Bench, Contender, MissingError, Place, peer
from benchmarks.child import Run, measured
from benchmarks.data import lakes
from benchmarks.data.orders import NAMES, PRODUCT
from benchmarks.figures import Limit, Line, Measure, Side
from benchmarks.machine import PYTHON

ROWS = 10_000_000
_WARM, _WHOLE = Limit(Measure.SPEED, 12), Limit(Measure.SPEED, 20)
_ALL = Limit(Measure.TIME, 3)


def lines(bench: Bench) -> Iterator[Line]:
    """Measure whole processes, warm sessions, and all products beside one."""
    rows = bench.rows(ROWS)
    place = lakes.with_silver(lakes.sales(bench, rows))
    title = f"report of one product over {rows:,} transactions"
    us = Contender("mootech report", lambda: ours(place), rows)
    try:
        spark = _spark()
    except MissingError as exc:
        (mine,) = bench.compared(us)
        yield Line("report", f"{title}, whole processes", mine, limits=(_WHOLE,), missing=str(exc))
        yield Line("report", f"{title}, warm", _our_session(bench, place, rows), limits=(_WARM,), missing=str(exc))
    else:
        mine, theirs = bench.compared(us, Contender("Spark", lambda: _sparks(bench, place, spark, 1)[0], rows))
        yield Line("report", f"{title}, whole processes", mine, theirs, (_WHOLE,), _units(bench, place, spark))
        run, told = _sparks(bench, place, spark, bench.runs + 1)
        yield Line(
            "report", f"{title}, warm", _our_session(bench, place, rows), _warm("Spark", run, told, rows), (_WARM,)
        )
    bench.kept[f"report {rows}"] = mine
    one, everything, again = bench.compared(
        Contender("one product", lambda: ours(place), rows),
        Contender(f"all {len(NAMES)} products", lambda: _all(place), rows),
        Contender("nothing new", lambda: printed(place), rows),
    )
    yield Line("report", "report of all products, beside one", everything, one, (_ALL,))
    yield Line("report", "report of one product with nothing new, beside computing it", again, one)


def ours(place: Place) -> Run:
    """Run `mootech report` of the one product on a lake that has no report yet."""
    lakes.forget_results(place)
    return printed(place)


def printed(place: Place) -> Run:
    """Run `mootech report` of the one product, which may lie in the lake already."""
    return place.mootech("report", "--product", PRODUCT, "--json")


def _all(place: Place) -> Run:
    lakes.forget_results(place)
    return place.mootech("report", "-q")


def several_rows(bench: Bench, rows: int) -> Side:
    """Return our side for a lake of so many transactions; measured once, whichever line asks for it first."""
    key = f"report {rows}"
    if key in bench.kept:
        return bench.kept[key]
    place = lakes.with_silver(lakes.sales(bench, rows))
    return bench.remembered(key, Contender("mootech report", lambda: ours(place), rows))


def _spark() -> Path:
    """Return the Python of Spark's environment; MissingError when it, or Java, is not there."""
    if shutil.which("java") is None:
        raise MissingError("there is no java on the path; Spark 4 needs Java 17 or later")
    return peer("pyspark")


def _sparks(bench: Bench, place: Place, python: Path, runs: int) -> tuple[Run, dict[str, Any]]:
    """Run the notebook's transformation in one session, so many times."""
    with bench.fresh() as scratch:
        asked = {"lake": place.lake, "product": PRODUCT, "runs": runs, "scratch": str(scratch)}
        run = measured([python, ROOT / "benchmarks" / "peers" / "spark_report.py", json.dumps(asked)])
    return run, run.told


def _our_session(bench: Bench, place: Place, rows: int) -> Side:
    asked = {"lake": place.lake, "state": str(place.state), "product": PRODUCT, "runs": bench.runs + 1}
    run = measured([PYTHON, ROOT / "benchmarks" / "ours" / "warm_report.py", json.dumps(asked)])
    return _warm("mootech", run, run.told, rows)


def _warm(name: str, run: Run, told: dict[str, Any], rows: int) -> Side:
    """Return the side of a session: its runs but the first; the peak is the whole session's."""
    return Side(f"{name}, warm", tuple(told["seconds"][1:]), (run.peak_mb,), rows)


def _units(bench: Bench, place: Place, python: Path) -> dict[str, str]:
    """Return what both reports count, so that a reader sees that they are about the same."""
    _, told = _sparks(bench, place, python, 1)
    months = ours(place).told["rows"]
    mine = sum(month["total_items_sold"] for month in months)
    return {
        "net units, ours": f"{mine:,} in {len(months)} months",
        "net units, Spark": f"{told['units']:,} in {told['months']} months",
    }
