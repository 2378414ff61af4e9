"""`make torture`: kills for half an hour. A thousand on local disk and two hundred on S3, seeded, and the summary.

    python -m tests.faults.torture --local 1000 --s3 200 --seed 1

Kills come in chains, each on a lake of its own with a seed of its own. A chain in which something does not hold ends
there, its lake is kept, and the summary says how to run it again. Exit code 0 only when nothing was lost, doubled or
written without need.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from random import Random
from typing import TYPE_CHECKING

from mootech.sandbox.shop import Shop
from tests.conftest import s3_running
from tests.faults.invariants import World, small_world
from tests.faults.kills import Tally, Target, chain
from tests.forked import Zygote

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

CHAIN_KILLS = 25
"""Kills before a lake is renewed."""
_SCALES = (0.05, 0.03)
"""Scales of the two shops that take turns. They have other rows, and other numbers of them."""


@dataclass(frozen=True)
class Task:
    """One chain of kills on one lake, local or on S3."""

    s3: bool
    seed: int
    kills: int

    def __str__(self) -> str:
        """Return the options that run this chain alone."""
        return f"--{'local' if self.s3 else 's3'} 0 --{'s3' if self.s3 else 'local'} {self.kills} --seed {self.seed}"


def tasks(*, s3: bool, kills: int, seed: int) -> list[Task]:
    """Return the chains that make so many kills; the first has the seed itself."""
    return [
        Task(s3, seed + 1000 * number, min(CHAIN_KILLS, kills - done))
        for number, done in enumerate(range(0, kills, CHAIN_KILLS))
    ]


@contextmanager
def two_shops(folder: Path) -> Iterator[list[World]]:
    """Serve two shops whose rows for the same days differ, with an oracle of each."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(small_world(folder / f"oracle-{number}", Shop(seed=2023 + number, scale=scale)))
            for number, scale in enumerate(_SCALES)
        ]


def run(task: Task, zygote: Zygote, worlds: Sequence[World], folder: Path) -> Tally:
    """Run one chain; a failure is in the tally, and then its lake and state stay in the folder."""
    tally = Tally()
    place = folder / f"{'s3' if task.s3 else 'local'}-{task.seed}"
    place.mkdir()
    with ExitStack() as stack:
        lake = str(place / "lake")
        if task.s3:
            server = stack.enter_context(s3_running(_made(place / "seaweedfs")))
            os.environ.update(server.environment(place))
            server.client.create_bucket(Bucket="lake")
            lake = "s3://lake/shop"
        try:
            chain(Target(zygote, lake, place), worlds, Random(task.seed), task.kills, tally)
        except AssertionError as exc:
            tally.failures.append(f"{task}\n    lake and state: {place}\n    {exc}")
    if not tally.failures:
        shutil.rmtree(place)
    return tally


def _work(mine: Sequence[Task], folder: Path, results: "Queue[tuple[Task, Tally]]") -> None:
    """Run chains one after the other, in a process of its own."""
    with two_shops(_made(folder)) as worlds, Zygote() as zygote:
        for task in mine:
            results.put((task, run(task, zygote, worlds, folder)))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _summary(name: str, total: Tally, seconds: float) -> str:
    lines = (
        f"{name}: {total.kills} kills, {total.at_file_events} of them at a file event, in {seconds / 60:.1f} minutes",
        f"{total.ended_before} runs had ended before their kill came",
        f"{total.lost_rows} rows lost, {total.duplicated_rows} rows duplicated",
        f"{total.converged} times converged to the oracle's bytes, {total.resumed} of them from staged pages",
        f"{total.rewritten} objects written by runs with nothing to do",
        f"{len(total.failures)} failures",
    )
    return "\n  ".join(lines)


def torture(todo: Sequence[Task], workers: int, folder: Path) -> Tally:
    """Work through the chains with so many processes; say how it goes, and return the sum."""
    context = get_context("spawn")
    results: Queue[tuple[Task, Tally]] = context.Queue()
    processes = [
        context.Process(target=_work, args=(todo[number::workers], folder / f"worker-{number}", results))
        for number in range(min(workers, len(todo)))
    ]
    for process in processes:
        process.start()
    total, last = Tally(), sum(task.kills for task in todo)
    done = 0
    while done < len(todo):
        try:
            task, tally = results.get(timeout=1)
        except Empty:
            if any(process.is_alive() for process in processes):
                continue
            total.failures.append("a worker died before its chains were done; its error stands above")
            break
        done += 1
        total.add(tally)
        told = f"{tally.kills} kills, {tally.converged} times converged"
        _say(f"[{total.kills}/{last}] {task}: {told if not tally.failures else 'FAILED ' + tally.failures[0]}")
    for process in processes:
        process.join()
    return total


def main(argv: Sequence[str] | None = None) -> int:
    """Torture as the options say, print the summary, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.torture", description="Kill, check, resume, check.")
    parser.add_argument("--local", type=int, default=1000, metavar="N", help="kills on local disk (1000)")
    parser.add_argument("--s3", type=int, default=200, metavar="N", help="kills on S3 (200)")
    parser.add_argument("--seed", type=int, default=1, help="of the first chain; the others follow from it (1)")
    parser.add_argument("--workers", type=int, default=2, help="processes that kill at once (2)")
    given = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="mootech-torture-"))
    failures: list[str] = []
    summaries = []
    for name, s3, kills in (("local disk", False, given.local), ("S3", True, given.s3)):
        began = time.monotonic()
        if kills:
            total = torture(tasks(s3=s3, kills=kills, seed=given.seed), given.workers, folder / name.replace(" ", "-"))
            failures += total.failures
            summaries.append(_summary(name, total, time.monotonic() - began))
    _say("\n".join(["", *summaries, *(f"FAILED {failure}" for failure in failures)]))
    if not failures:
        shutil.rmtree(folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
