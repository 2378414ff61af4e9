"""What each command does: one plain function each, settings in, an outcome out.

Every function opens the lake, and those that write hold its lock for as long as they run. A day's expected failure is
in the outcome; a failure of the command itself is raised as a MootechError.
"""

from mootech.pipeline.checking import qa
from mootech.pipeline.deriving import report, silver
from mootech.pipeline.ingesting import fetch, ingest
from mootech.pipeline.mending import repair, verify
from mootech.pipeline.probing import check_source
from mootech.pipeline.quarantine import replay_quarantine, show_quarantine
from mootech.pipeline.standing import status
from mootech.pipeline.wanted import Wanted
from mootech.pipeline.whole import demo, run

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
    "run",
    "show_quarantine",
    "silver",
    "status",
    "verify",
]
