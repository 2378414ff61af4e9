"""`mootech demo`: everything at work on this machine."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

import shlex
from dataclasses import replace
from typing import Annotated

import typer

from mootech.commands.common import Act, Command, Common
from mootech.errors import Exit
from mootech.model import Progress
from mootech.outcomes import Outcome


def demo(
    _common: Common,
    days: Annotated[int, typer.Option("--days", min=1, max=3660, metavar="N", help="Days up to yesterday.")] = 120,
    # Never the configured lake: a rehearsal must not land in the real one.
    lake: Annotated[str, typer.Option("--lake", metavar="URL", help="Where its lake lies.")] = "./mootech-lake",
) -> Act:
    """Show everything at work on this machine.

    Starts the sandbox shop, fetches its days into a lake, builds all layers and prints the tumbler's sales.
    """

    def act(progress: Progress | None) -> Outcome:
        from mootech import config
        from mootech.pipeline import demo as pipeline

        outcome = pipeline.demo(lake, config.state_dir(), days=days, progress=progress)
        there = f"--lake {shlex.quote(lake)}"
        return replace(
            outcome,
            command="demo",
            notes=(
                *outcome.notes,
                "Type next:",
                f"  mootech status {there}",
                f"  mootech report funnel {there}",
                "  mootech report --list",
                f"  mootech verify {there}",
                "  mootech sandbox    (the shop behind this, to fetch from yourself)",
            ),
        )

    return act


COMMAND = Command(
    demo,
    example="mootech demo --days 120",
    exits=(Exit.QUALITY, Exit.SOURCE, Exit.STORE, Exit.LOCKED),
    common=("json", "quiet", "verbose"),
)
