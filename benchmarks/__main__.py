"""Run the benchmarks, print one table, keep the figures as JSON.

    python -m benchmarks [--only NAME...] [--runs N] [--scale F] [--work DIR] [--output FILE]

A run of everything at full size is written to benchmarks/results/latest.json; any other only where --output says.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench, MissingError, peers
from benchmarks.child import FailedError
from benchmarks.figures import LATEST, Line, Point, Results
from benchmarks.lines import growth, idle, ingest, memory, report, report_s3, reports, safety, silver, startup
from benchmarks.machine import machine, versions
from benchmarks.table import printed

MODULES: dict[str, Callable[[Bench], Iterable[Line]]] = {
    "startup": startup.lines,
    "ingest": ingest.lines,
    "memory": memory.lines,
    "safety": safety.lines,
    "silver": silver.lines,
    "report": report.lines,
    "report-s3": report_s3.lines,
    "reports": reports.lines,
    "idle": idle.lines,
}
GROWTH = "growth"
"""Measured last: it takes over what the others have measured."""


def main() -> int:
    """Measure; the exit code is 1 when something could not be measured or a limit at full size does not hold."""
    options = _options()
    names = options.only or [*MODULES, GROWTH]
    whole = options.scale == 1 and not options.only
    output = options.output or (LATEST if whole else None)
    with TemporaryDirectory(prefix="mootech-bench-") as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(work.resolve(), options.runs, options.scale)
        lines: list[Line] = []
        points: dict[str, tuple[Point, ...]] = {}
        for name in names:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            for line in _measured(name, bench, points):
                lines.append(line)
                # Kept after each line: the last one must not take the others with it.
                found = _results(bench, lines, points)
                if output is not None:
                    found.save(output)
    print(printed(found))
    missed = found.judged and [
        line for line in lines if line.ours and False in {each.holds(line.ours, line.other) for each in line.limits}
    ]
    return int(any(line.missing for line in lines) or bool(missed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=[*MODULES, GROWTH], metavar="NAME", help=", ".join([*MODULES, GROWTH])
    )
    parser.add_argument("--runs", type=int, default=3, help="runs that a median is of (3)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full size (1)")
    parser.add_argument("--work", type=Path, help="folder for data, which stay; else a temporary one")
    parser.add_argument("--output", type=Path, help="write the figures there as JSON")
    return parser.parse_args()


def _measured(name: str, bench: Bench, points: dict[str, tuple[Point, ...]]) -> Iterator[Line]:
    """Yield the lines of a module; what fails or is not there becomes a line that says so."""
    try:
        if name == GROWTH:
            points |= growth.points(bench)
            yield from growth.lines(points)
        else:
            yield from MODULES[name](bench)
    except (FailedError, MissingError) as exc:
        print(f"{name}: {exc}", file=sys.stderr)
        yield Line(name, name, None, missing=str(exc).splitlines()[0])


def _results(bench: Bench, lines: list[Line], points: dict[str, tuple[Point, ...]]) -> Results:
    return Results(
        date=datetime.now(UTC).date().isoformat(),
        scale=bench.scale,
        runs=bench.runs,
        machine=machine(),
        versions=versions(peers(), shutil.which("java")),
        lines=tuple(lines),
        growth=points,
    )


if __name__ == "__main__":
    sys.exit(main())
