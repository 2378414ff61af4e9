"""What not losing anything costs: the journal, fsync and hashing as shares of the time of an ingest."""

import json
import statistics
from collections.abc import Iterator

from benchmarks.bench import ROOT, Bench, Contender, check_rows
from benchmarks.child import Run, measured
from benchmarks.figures import Line
from benchmarks.lines import ingest
from benchmarks.machine import PYTHON
from benchmarks.server import API_KEY, serving


def lines(bench: Bench) -> Iterator[Line]:
    """Measure the ingest as it is beside one without fsync and hashes, and the parts of the former."""
    rows = ingest.DAYS * bench.rows(ingest.HITS_A_DAY)
    shelf = ingest.stocked(bench, ingest.DAYS)
    shares: list[dict[str, float]] = []
    with serving(shelf) as url:

        def safe() -> Run:
            run = _once(bench, url, rows, safe=True)
            shares.append({part: seconds / run.seconds for part, seconds in run.told["parts"].items()})
            return run

        as_it_is, bare = bench.compared(
            Contender("as it is", safe, rows),
            Contender("without fsync and hashes", lambda: _once(bench, url, rows, safe=False), rows),
        )
    facts = {part: f"{statistics.median(share[part] for share in shares):.1%} of the run" for part in shares[0]}
    yield Line("safety", f"safety of an ingest of {rows:,} hits", as_it_is, bare, facts=facts)


def _once(bench: Bench, url: str, rows: int, *, safe: bool) -> Run:
    with bench.fresh() as folder:
        asked = {
            "url": url,
            "key": API_KEY,
            "first": ingest.FIRST.isoformat(),
            "days": ingest.DAYS,
            "folder": str(folder),
            "safe": safe,
        }
        run = measured([PYTHON, ROOT / "benchmarks" / "ours" / "parts.py", json.dumps(asked)])
    check_rows(rows, run.told["rows"], "the ingest")
    return run
