"""What each command does: one plain function each, settings in, an outcome out.

Every function opens the lake, and those that write hold its lock for as long as they run. A day's expected failure is
in the outcome; a failure of the command itself is raised as a MootechError.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mootech.pipeline.checking import qa
    from mootech.pipeline.demonstrating import demo
    from mootech.pipeline.deriving import report, reports, silver
    from mootech.pipeline.ingesting import fetch, ingest
    from mootech.pipeline.mending import repair, verify
    from mootech.pipeline.probing import check_source
    from mootech.pipeline.quarantine import replay_quarantine, show_quarantine
    from mootech.pipeline.standing import status
    from mootech.pipeline.wanted import Wanted
    from mootech.pipeline.whole import run

__all__ = [
    "Wanted",
    "check_source",
    "demo",
    "fetch",
    "ingest",
    "qa",
    "repair",
    "replay_quarantine",
    "report",
    "reports",
    "run",
    "show_quarantine",
    "silver",
    "status",
    "verify",
]

_HOMES = {
    "Wanted": "wanted",
    "check_source": "probing",
    "demo": "demonstrating",
    "fetch": "ingesting",
    "ingest": "ingesting",
    "qa": "checking",
    "repair": "mending",
    "replay_quarantine": "quarantine",
    "report": "deriving",
    "reports": "deriving",
    "run": "whole",
    "show_quarantine": "quarantine",
    "silver": "deriving",
    "status": "standing",
    "verify": "mending",
}


def __getattr__(name: str) -> object:
    """Import a function when it is first asked for: an ingest has no use for DuckDB, nor a report for httpx."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
