"""Nothing to do: `mootech run` on three years of four tables when nothing is new, on the disk and on S3."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from benchmarks.bench import Bench, Contender, Place
from benchmarks.child import FailedError, Run
from benchmarks.data import hits, lakes, orders
from benchmarks.data.shelf import Shelf
from benchmarks.figures import Limit, Line, Measure
from benchmarks.s3 import made, proxying, upload
from benchmarks.server import serving
from mootech.model import utc_today
from mootech.tables import CLICKSTREAM, TABLES, TRANSACTIONS, USERS, TableSpec
from tests.conftest import s3_running

_HITS, _ORDERS, _USERS = 1_000, 300, 200
_LOOKBACK = 2
_QUICK = Limit(Measure.SECONDS, 2)


def lines(bench: Bench) -> Iterator[Line]:
    """Measure both, and count what S3 is asked."""
    days = bench.days(lakes.DAYS)
    first = utc_today() - timedelta(days=days)
    with TemporaryDirectory(dir=bench.work) as folder:
        root = Path(folder)
        with serving(_filled(root, first, days)) as url, s3_running(made(root / "weed")) as server:
            local = Place(str(root / "lake"), root / "state", url)
            # What is measured comes after a night like any other: it fetched the lookback, built silver, reported.
            local.mootech("run", "-q")
            variables = server.environment(root)
            remote = replace(
                local, lake=upload(server, root / "lake", "idle"), state=root / "remote", variables=variables
            )
            remote.mootech("run", "-q")
            disk, bucket = bench.compared(
                Contender("mootech run", lambda: _idle(local)), Contender("mootech run, S3", lambda: _idle(remote))
            )
            with proxying(server.endpoint) as proxy:
                counted = replace(remote, state=root / "counted", variables=variables | {"AWS_ENDPOINT_URL": proxy.url})
                # The first one finds out what the store can do, once for each host.
                _idle(counted)
                proxy.requests.clear()
                _idle(counted)
                counts = proxy.counts()
                facts = {"S3 requests": ", ".join(f"{subject} {count:,}" for subject, count in counts.items())}
    title = f"run with nothing new, four tables of {days:,} days"
    yield Line("idle", title, disk, limits=(_QUICK,))
    yield Line("idle", f"{title}, on S3", bucket, disk, facts=facts)


def _idle(place: Place) -> Run:
    """Run, and see that there really was nothing to do."""
    run = place.mootech("run", "--json")
    found = {day["status"] for table in run.told["tables"] for day in table["days"]}
    if found != {"unchanged"}:
        raise FailedError(f"there was something to do: days were {', '.join(sorted(found))}")
    return run


def _filled(root: Path, first: date, days: int) -> Shelf:
    """Make the lake's bronze, and a shop that has the same rows on the days that are fetched again."""
    shelf = Shelf(made(root / "shelf"))
    place = Place(str(root / "lake"), root / "state")
    ordered = dict(orders.transactions(first, days, days * _ORDERS))
    lakes.publish(
        place,
        (
            (table, day, _of(table, day, ordered))
            for table in TABLES
            for day in (first + timedelta(days=number) for number in range(days))
        ),
    )
    for day in (first + timedelta(days=days - back) for back in range(1, _LOOKBACK + 1)):
        for table in TABLES:
            frame = _of(table, day, ordered).with_columns(pl.lit(day.isoformat()).alias("utc_date"))
            visitors = frame.n_unique(["visid_high", "visid_low"]) if table == CLICKSTREAM else 0
            shelf.put_day(table.name, day, frame, visitors)
    return shelf


def _of(table: TableSpec, day: date, ordered: dict[date, pl.DataFrame]) -> pl.DataFrame:
    """Return the table's rows of a day, sorted as bronze is."""
    if table == CLICKSTREAM:
        return hits.page(day, 0, _HITS, _HITS)[0].drop("utc_date").sort("hit_time_gmt", *table.key)
    if table == TRANSACTIONS:
        return ordered[day]
    return orders.users(_USERS) if table == USERS else orders.products(day)
