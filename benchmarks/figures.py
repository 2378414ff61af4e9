"""What a run of the benchmarks found: sides, lines and limits, their ratios, and the JSON they are kept as."""

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

LATEST = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: what all of its runs took."""

    name: str
    seconds: tuple[float, ...]
    """Wall time of each run, in order."""
    peak_mb: tuple[float, ...]
    """The most memory of each run, in MB (2**20 bytes); how it is measured is told in launcher.py."""
    rows: int | None = None
    """Rows that each run worked through."""

    @property
    def time(self) -> float:
        """Median of the runs' seconds."""
        return statistics.median(self.seconds)

    @property
    def peak(self) -> float:
        """Median of the runs' peaks, in MB."""
        return statistics.median(self.peak_mb)


class Measure(StrEnum):
    """What a limit is about, in the words of the table."""

    SPEED = "times as fast"
    TIME = "times the time"
    MEMORY = "times the memory"
    SECONDS = "s"
    PEAK = "MB"


@dataclass(frozen=True)
class Limit:
    """A budget of docs/design.md: SPEED at least, everything else at most."""

    measure: Measure
    bound: float

    def value(self, ours: Side, other: Side | None) -> float | None:
        """Return the figure that the bound is for; None where it takes another side and there is none."""
        match self.measure:
            case Measure.SECONDS:
                return ours.time
            case Measure.PEAK:
                return ours.peak
        if other is None:
            return None
        match self.measure:
            case Measure.SPEED:
                return other.time / ours.time
            case Measure.TIME:
                return ours.time / other.time
        return ours.peak / other.peak

    def holds(self, ours: Side, other: Side | None) -> bool | None:
        """Say whether the figure is within the bound; None when there is no figure."""
        value = self.value(ours, other)
        if value is None:
            return None
        return value >= self.bound if self.measure is Measure.SPEED else value <= self.bound


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    name: str
    """What `--only` knows its module by."""
    title: str
    ours: Side | None
    other: Side | None = None
    limits: tuple[Limit, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """Further figures, ready to be read."""
    missing: str = ""
    """Why something was not measured; empty when all was."""

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Return the line that `asdict` and JSON made this of."""
        sides = {
            side: told[side]
            and Side(**{**told[side], **{key: tuple(told[side][key]) for key in ("seconds", "peak_mb")}})
            for side in ("ours", "other")
        }
        limits = tuple(Limit(Measure(each["measure"]), each["bound"]) for each in told["limits"])
        return cls(**{**told, **sides, "limits": limits})


@dataclass(frozen=True)
class Point:
    """One size of the chart of growth."""

    rows: int
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Results:
    """Everything that one run of the benchmarks found."""

    date: str
    """UTC day on which it ended."""
    scale: float
    """Share of the full size; 1 is what the budgets are about."""
    runs: int
    """Runs that the medians are of."""
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    lines: tuple[Line, ...]
    growth: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    """Points by subject, smallest first; empty when growth was not measured."""

    @property
    def judged(self) -> bool:
        """Say whether these figures are about the budgets, which are about the full size."""
        return self.scale == 1

    def save(self, file: Path) -> None:
        """Write it as JSON, ending in a line break."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, file: Path = LATEST) -> Self:
        """Read what `save` wrote."""
        told = json.loads(file.read_text("utf-8"))
        lines = tuple(Line.from_dict(line) for line in told["lines"])
        growth = {name: tuple(Point(**each) for each in points) for name, points in told["growth"].items()}
        return cls(**{**told, "lines": lines, "growth": growth})
