"""How soon the command answers: `--help` and `--version` beside what Typer alone takes to be imported."""

from collections.abc import Iterator

from benchmarks.bench import Bench, Contender
from benchmarks.child import measured
from benchmarks.figures import Limit, Line, Measure
from benchmarks.machine import PYTHON, script

_LEAST_RUNS = 10
"""They are short, so that there may be more of them."""
_HELP = Limit(Measure.TIME, 3)


def lines(bench: Bench) -> Iterator[Line]:
    """Measure all three in turn."""
    command = script("mootech")
    usage, version, typer = bench.compared(
        Contender("mootech --help", lambda: measured([command, "--help"])),
        Contender("mootech --version", lambda: measured([command, "--version"])),
        Contender("import typer", lambda: measured([PYTHON, "-c", "import typer"])),
        runs=max(bench.runs, _LEAST_RUNS),
    )
    yield Line("startup", "mootech --help", usage, typer, (_HELP,))
    yield Line("startup", "mootech --version", version, typer)
