"""An ingest of clickstream with its safety timed, or with fsync and hashing left out: what lines/safety.py compares.

The journal cannot be left out: it is how pages are found. The lake that comes of it is thrown away.
"""

import hashlib
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from pydantic import SecretStr

from mootech.config import IngestSettings, Settings, SourceSettings
from mootech.lake import canonical, publishing
from mootech.layers.bronze import staging as stage
from mootech.layers.bronze.selection import Selection
from mootech.pipeline.ingest import ingest
from mootech.tables import CLICKSTREAM

STAGING, FSYNC, HASH = "staging: journal, page hash, fsync", "fsync alone", "content hash"


def main() -> None:
    """Ingest, and print the rows and what the parts took, in seconds added up over all threads."""
    asked = json.loads(sys.argv[1])
    first = date.fromisoformat(asked["first"])
    folder = Path(asked["folder"])
    settings = Settings(
        lake=str(folder / "lake"),
        state_dir=folder / "state",
        source=SourceSettings(url=asked["url"], api_key=SecretStr(asked["key"])),
        ingest=IngestSettings(tables=(CLICKSTREAM,)),
    )
    wanted = Selection(start=first, end=first + timedelta(days=asked["days"] - 1))
    with _timed() if asked["safe"] else _without_safety() as parts:
        outcome = ingest(settings, wanted)
    if outcome.exit_code:
        sys.exit(f"the ingest failed: {outcome.all_errors[0].message}")
    print(json.dumps({"rows": sum(day.published or 0 for day in outcome.days), "parts": parts}))


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
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

    with (
        mock.patch.object(stage.StagedDay, "add", timed(STAGING, stage.StagedDay.add)),
        mock.patch.object(publishing, "content_hash", timed(HASH, canonical.content_hash)),
        mock.patch.object(os, "fsync", timed(FSYNC, os.fsync)),
    ):
        yield parts  # type: ignore[misc]  # seconds, not counts


@contextmanager
def _without_safety() -> Iterator[dict[str, float]]:
    """Leave out fsync and hashing."""
    no_hash = mock.Mock(**{"hexdigest.return_value": "0" * 64})
    with (
        mock.patch.object(os, "fsync", return_value=None),
        mock.patch.object(publishing, "content_hash", return_value="0" * 64),
        mock.patch.object(hashlib, "sha256", return_value=no_hash),
    ):
        yield {}


if __name__ == "__main__":
    main()
