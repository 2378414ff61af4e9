"""Every report over a year of the sandbox's shop: whole processes, each computing its report anew."""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial

from benchmarks.bench import Bench, Contender, Place
from benchmarks.child import Run
from benchmarks.data import lakes
from benchmarks.figures import Limit, Line, Measure
from mootech.layers.gold.library import packaged
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop

_FIRST, _DAYS = date(2023, 1, 1), 365
_LATER = date(2026, 1, 1)
_QUICK = Limit(Measure.SECONDS, 2)


def lines(bench: Bench) -> Iterator[Line]:
    """Measure each of the reports that come with mootech."""
    place, days = _year(bench)
    for name in packaged():
        (side,) = bench.compared(Contender(f"mootech report {name}", partial(_made, place, name)))
        yield Line("reports", f"report {name} over {days} days of the sandbox's shop", side, limits=(_QUICK,))


def _made(place: Place, name: str) -> Run:
    lakes.forget_results(place)
    return place.mootech("report", name, "-q", "--format", "csv")


def _year(bench: Bench) -> tuple[Place, int]:
    """Return a lake that has fetched the shop's days, silver included; it is made once."""
    days = bench.days(_DAYS)
    folder = bench.folder(f"sandbox-{days}-days")
    place = Place(str(folder / "lake"), folder / "state")
    whole = folder / "whole"
    if not whole.exists():
        with running(Shop(), today=lambda: _LATER) as url:
            shop = Place(place.lake, place.state, url, {"MOOTECH_API_KEY": API_KEY})
            span = ("--start", _FIRST.isoformat(), "--end", (_FIRST + timedelta(days=days - 1)).isoformat())
            # The shop has a day of so many bad rows that the gate stops it; here it counts with the others.
            lenient = folder / "mootech.toml"
            lenient.write_text("[qa]\nmax_bad_share = 0.2\n")
            shop.mootech("ingest", *span, "-q", "--config", str(lenient))
        lakes.with_silver(place)
        whole.touch()
    return place, days
