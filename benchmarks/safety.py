"""What not losing anything costs: the journal, fsync and hashing as shares of the time of an ingest.

    python -m benchmarks.safety [--days 4] [--scale 25] [--runs 3]

One sandbox serves every run from a process of its own. Each run ingests the same clickstream days into a new lake on
local disk, once as it is and once with fsync and hashing left out (the journal cannot be: it is how pages are found).
Printed are medians of both, their ratio, and what the parts took in the run as it is, added up over all threads.
"""

import argparse
import hashlib
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

from pydantic import SecretStr

from mootech import pipeline
from mootech.config import IngestSettings, Settings, SourceSettings
from mootech.lake import canonical, publishing
from mootech.layers import stage
from mootech.model import Table
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop

FIRST = date(2024, 3, 1)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=4, help="clickstream days a run ingests")
    parser.add_argument("--scale", type=float, default=25.0, help="size of the shop; 1 has about 2,000 hits a day")
    parser.add_argument("--runs", type=int, default=3, help="runs of each kind")
    options = parser.parse_args()
    with _shop(options.scale) as url:
        _ingest(url, options.days)  # the shop makes its days once, and Python imports what it needs
        plain, spent, bare, rows = [], [], [], 0
        for _ in range(options.runs):
            with _timed() as parts:
                seconds, rows = _ingest(url, options.days)
            plain.append(seconds)
            spent.append(parts)
            with _without_safety():
                bare.append(_ingest(url, options.days)[0])
    as_it_is, without = statistics.median(plain), statistics.median(bare)
    print(f"{rows:,} rows in {options.days} days, medians of {options.runs} runs, {os.cpu_count()} cores")
    print(f"  as it is                      {as_it_is:6.2f} s   {rows / as_it_is:10,.0f} rows/s")
    print(f"  without fsync and hashes      {without:6.2f} s   {rows / without:10,.0f} rows/s")
    print(f"  ratio                         {as_it_is / without:6.2f}")
    for part in ("staging: journal, page hash, fsync", "fsync alone", "content hash"):
        share = statistics.median(of_run[part] / seconds for of_run, seconds in zip(spent, plain, strict=True))
        print(f"  {part:34s}{share:6.1%} of the run")


def _ingest(url: str, days: int) -> tuple[float, int]:
    """Ingest into a new lake; return seconds and rows fetched."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            lake=str(Path(folder) / "lake"),
            state_dir=Path(folder) / "state",
            source=SourceSettings(url=url, api_key=SecretStr(API_KEY)),
            ingest=IngestSettings(tables=(Table.CLICKSTREAM,)),
        )
        began = time.perf_counter()
        outcome = pipeline.ingest(settings, pipeline.Wanted(start=FIRST, end=FIRST + timedelta(days=days - 1)))
        seconds = time.perf_counter() - began
    if outcome.exit_code:
        raise SystemExit(f"the ingest failed: {outcome.all_errors[0].message}")
    return seconds, sum(day.fetched or 0 for day in outcome.days)


@contextmanager
def _timed() -> Iterator[Counter[str]]:
    """Add up what the safety parts take."""
    parts: Counter[str] = Counter()
    lock = threading.Lock()

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: object, **options: object) -> object:
            began = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                with lock:
                    parts[part] += time.perf_counter() - began  # type: ignore[assignment]  # seconds, not a count

        return wrapper

    staging = timed("staging: journal, page hash, fsync", stage.StagedDay.add)
    with (
        mock.patch.object(stage.StagedDay, "add", staging),
        mock.patch.object(publishing, "content_hash", timed("content hash", canonical.content_hash)),
        mock.patch.object(os, "fsync", timed("fsync alone", os.fsync)),
    ):
        yield parts


@contextmanager
def _without_safety() -> Iterator[None]:
    """Leave out fsync and hashing; the lake that comes of it is thrown away."""
    no_hash = mock.Mock(**{"hexdigest.return_value": "0" * 64})
    with (
        mock.patch.object(os, "fsync", return_value=None),
        mock.patch.object(publishing, "content_hash", return_value="0" * 64),
        mock.patch.object(hashlib, "sha256", return_value=no_hash),
    ):
        yield


@contextmanager
def _shop(scale: float) -> Iterator[str]:
    """Serve a sandbox from a process of its own; yields its URL."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(scale, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


def _serve(scale: float, told: Connection) -> None:
    with running(Shop(scale=scale)) as url:
        told.send(url)
        told.recv()


if __name__ == "__main__":
    main()
