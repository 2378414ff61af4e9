"""One run of the benchmarks: its size, its folders, and how two sides take turns."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.child import FailedError, Run, measured
from benchmarks.figures import Side
from benchmarks.machine import script
from benchmarks.server import API_KEY

ROOT = Path(__file__).parents[1]
_PEERS = {"dlt": ".venv-dlt", "pyspark": ".venv"}
"""The environments that `make bench` puts the peers in, by package name; Spark is in the tests'."""


class MissingError(Exception):
    """What a line needs is not on this machine; the message says what."""


@dataclass(frozen=True)
class Place:
    """A lake, its state folder and what its commands need to know besides."""

    lake: str
    state: Path
    url: str = "http://127.0.0.1:9"
    """The shop's API; by default nobody answers there."""
    variables: Mapping[str, str] = field(default_factory=dict)

    def mootech(self, *arguments: str) -> Run:
        """Run the installed command there, to its end; FailedError when it does not end with 0."""
        env = {
            "MOOTECH_LAKE": self.lake,
            "MOOTECH_STATE_DIR": str(self.state),
            "MOOTECH_API_URL": self.url,
            "MOOTECH_API_KEY": API_KEY,
            **self.variables,
        }
        return measured([script("mootech"), *arguments], env)


@dataclass(frozen=True)
class Contender:
    """One side before it has run."""

    name: str
    once: Callable[[], Run]
    rows: int | None = None


@dataclass(frozen=True)
class Bench:
    """How much is measured, and where its data lie."""

    work: Path
    runs: int = 3
    scale: float = 1.0
    kept: dict[str, Side] = field(default_factory=dict)
    """Sides that more than one line needs, by a name for each."""

    def rows(self, full: int) -> int:
        """Return that many rows at this run's scale."""
        return max(1, round(full * self.scale))

    def days(self, full: int, least: int = 36) -> int:
        """Return that many days at this run's scale, but never so few that months or lookbacks lose their meaning."""
        return min(full, max(least, round(full * self.scale)))

    def folder(self, name: str) -> Path:
        """Return a folder for data that are made once and stay."""
        folder = self.work / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """Yield an empty folder that goes afterwards, beside the data so that renames and caches are alike."""
        folder = Path(mkdtemp(dir=self.work))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def compared(self, *contenders: Contender, runs: int | None = None) -> list[Side]:
        """Let the sides take turns, so that what else the machine does falls on all of them alike."""
        took: list[list[Run]] = [[] for _ in contenders]
        for _ in range(runs or self.runs):
            for mine, contender in zip(took, contenders, strict=True):
                mine.append(contender.once())
        return [side(each.name, mine, each.rows) for each, mine in zip(contenders, took, strict=True)]

    def remembered(self, key: str, contender: Contender) -> Side:
        """Return the side of that name, measured now if it is not yet."""
        if key not in self.kept:
            (self.kept[key],) = self.compared(contender)
        return self.kept[key]


def side(name: str, runs: Sequence[Run], rows: int | None = None) -> Side:
    """Return a side from its runs."""
    return Side(name, tuple(run.seconds for run in runs), tuple(run.peak_mb for run in runs), rows)


def peers() -> dict[str, Path]:
    """Return the Pythons of the environments of the peers that are installed, by package name."""
    environments = {package: ROOT / name for package, name in _PEERS.items()}
    return {
        package: environment / "bin" / "python"
        for package, environment in environments.items()
        if any(environment.glob(f"lib/python*/site-packages/{package}"))
    }


def peer(package: str) -> Path:
    """Return the Python of a peer's environment; MissingError when it is not there."""
    found = peers().get(package)
    if found is None:
        raise MissingError(f"{package} is not installed in {_PEERS[package]}; `make bench` does it")
    return found


def check_rows(expected: int, found: int, who: str) -> None:
    """Refuse a run that has not done the whole work; FailedError says what is missing."""
    if found != expected:
        raise FailedError(f"{who} has {found:,} rows of {expected:,}")
