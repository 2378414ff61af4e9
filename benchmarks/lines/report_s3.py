"""The same report from S3: a real server on loopback, and one that is 30 ms farther away for every request."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench, Contender, Place
from benchmarks.child import Run
from benchmarks.data import lakes
from benchmarks.figures import Limit, Line, Measure
from benchmarks.lines.report import ROWS, ours, printed
from benchmarks.s3 import forget_results, made, proxying, upload
from tests.conftest import s3_running

_DELAY_SECONDS = 0.03
_NEAR, _FAR = Limit(Measure.TIME, 1.5), Limit(Measure.TIME, 3)


def lines(bench: Bench) -> Iterator[Line]:
    """Measure the report on the disk, on the server and behind the delay, in turn."""
    rows = bench.rows(ROWS)
    local = lakes.with_silver(lakes.sales(bench, rows))
    with TemporaryDirectory(dir=bench.work) as folder, s3_running(made(Path(folder) / "weed")) as server:
        address = upload(server, Path(local.lake), "report")
        with proxying(server.endpoint, _DELAY_SECONDS) as proxy:
            variables = server.environment(Path(folder))
            near = replace(local, lake=address, state=Path(folder) / "state", variables=variables)
            far = replace(near, state=Path(folder) / "far", variables=variables | {"AWS_ENDPOINT_URL": proxy.url})
            bare = replace(near, state=Path(folder) / "bare", variables=variables | {"MOOTECH_COPIES_MB": "0"})

            def computed(place: Place) -> Run:
                forget_results(server, address)
                return printed(place)

            # The first report of each reads the footers and copies the objects to this disk.
            firsts = bench.compared(
                Contender("S3 on loopback, first report", lambda: computed(near), rows),
                Contender("S3, 30 ms farther, first report", lambda: computed(far), rows),
                runs=1,
            )
            before = len(proxy.requests)
            disk, loopback, delayed, uncopied = bench.compared(
                Contender("local disk", lambda: ours(local), rows),
                Contender("S3 on loopback", lambda: computed(near), rows),
                Contender("S3, 30 ms farther", lambda: computed(far), rows),
                Contender("S3 on loopback, no copies", lambda: computed(bare), rows),
            )
            requests = (len(proxy.requests) - before) // bench.runs
    title = f"report of one product over {rows:,} transactions"
    yield Line("report-s3", f"{title} from S3 on loopback", loopback, disk, (_NEAR,))
    facts = {"S3 requests": f"{requests:,}"}
    yield Line("report-s3", f"{title} from S3, 30 ms more a request", delayed, disk, (_FAR,), facts)
    for other in (*firsts, uncopied):
        yield Line("report-s3", f"{title}: {other.name}", other, disk)
