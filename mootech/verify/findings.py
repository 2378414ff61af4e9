"""What `verify` finds wrong, and how to repair it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mootech.lake.paths import Layer
from mootech.model import Finding, Job
from mootech.tables import TABLES

DAMAGED = frozenset(
    {"unreadable", "receipt", "content_hash", "conservation", "schema", "duplicates", "wrong_day", "deleted"}
)
"""The checks of a bronze partition. If one of them fails, the partition's receipt is no longer trusted."""


class Mend(StrEnum):
    """How a finding is repaired."""

    FETCH = "fetch"
    """`mootech ingest --repair` fetches the day and publishes it again."""
    REBUILD = "rebuild"
    """`mootech silver` makes the object again from bronze, after `mootech ingest --repair` or with `--full`."""
    UPDATE = "update"
    """`mootech ingest` fetches the day again: the partition is whole, but the shop has more rows by now."""
    BY_HAND = "by_hand"
    """A person decides whether to remove the object, because mootech did not write it."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the name of the check, what it found and how to repair it."""

    check: str
    message: str
    mend: Mend


def finding(layer: Layer, table: str, day: date | None, problem: Problem) -> Finding:
    """Return a problem as a finding, with the layer and the way to repair it in `data`."""
    data = {"layer": str(layer), "mend": str(problem.mend)}
    return Finding(str(table), day, None, problem.check, f"{layer}: {problem.message}", data=data)


def days_to_mend(findings: Iterable[Finding]) -> list[Job]:
    """Return the days that must be fetched again, each once, sorted by table and day."""
    named = {(each.table, each.utc_date) for each in findings if _mended_by(each, Mend.FETCH)}
    return [Job(TABLES.named(table), day) for table, day in sorted((t, d) for t, d in named if d is not None)]


def to_rewrite(findings: Iterable[Finding]) -> list[tuple[Layer, str, date | None]]:
    """Return the objects that must be written again whatever their footers say: (layer, table, day), each once.

    A damaged quarantine object counts as its bronze partition, because publishing the partition writes both.
    """
    wrong = [each for each in findings if not each.ok and each.check != "deleted"]
    bronze = {
        (Layer.RAW, each.table, each.utc_date)
        for each in wrong
        if _mended_by(each, Mend.FETCH) and (each.data["layer"] == Layer.RAW or each.check == "bytes")
    }
    silver = {(Layer.SILVER, each.table, each.utc_date) for each in wrong if _mended_by(each, Mend.REBUILD)}
    return sorted(bronze | silver, key=str)


def unbelievable(findings: Iterable[Finding]) -> Collection[Job]:
    """Return the days whose published row count is not reliable, because their partition is damaged or gone."""
    return {
        Job(TABLES.named(each.table), each.utc_date)
        for each in findings
        if each.data.get("layer") == Layer.RAW and each.check in DAMAGED and each.utc_date is not None
    }


def advice(findings: Iterable[Finding]) -> str:
    """Return the commands that repair what was found, in order; empty when nothing is wrong."""
    wrong = [each for each in findings if not each.ok]
    tables = {each.table for each in wrong}
    mends = {each.data.get("mend") for each in wrong}
    only = f" -t {next(iter(tables))}" if len(tables) == 1 and tables <= set(TABLES.names) else ""
    steps = []
    if mends & {Mend.FETCH, Mend.REBUILD}:
        steps.append(f"run `mootech ingest --repair{only}`, then `mootech silver{only}`")
    if Mend.BY_HAND in mends:
        steps.append("move the foreign objects away")
    if Mend.UPDATE in mends:
        steps.append(f"fetch what the shop has more: {', '.join(_refetch(wrong))}")
    text = "; ".join([*steps, "then verify again"])
    return f"{text[0].upper()}{text[1:]}." if steps else ""


def _refetch(wrong: Iterable[Finding]) -> list[str]:
    days: dict[str, list[date]] = {}
    for each in wrong:
        if _mended_by(each, Mend.UPDATE) and each.utc_date is not None:
            days.setdefault(each.table, []).append(each.utc_date)
    return [f"`mootech ingest -t {table} --start {min(of)} --end {max(of)}`" for table, of in sorted(days.items())]


def _mended_by(each: Finding, mend: Mend) -> bool:
    return not each.ok and each.data.get("mend") == mend
