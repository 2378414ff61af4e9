"""`mootech verify`: prove that no row was lost, doubled or changed."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

from typing import Annotated

import typer

from mootech.commands.common import READS, Act, Command, Common
from mootech.commands.options import End, Start, Tables, named, window_of
from mootech.errors import Exit
from mootech.model import Progress
from mootech.outcomes import Outcome


def verify(
    common: Common,
    *,
    table: Tables = None,
    start: Start = None,
    end: End = None,
    source: Annotated[
        bool, typer.Option("--source", help="Also ask the shop for its own counts of every day, and compare.")
    ] = False,
) -> Act:
    """Prove that no row was lost, doubled or changed.

    Opens and hashes every object again and recounts, for every table and day: fetched = published + quarantined +
    duplicates. Names what is damaged, missing or foreign, and the command that mends it. Without --start and --end:
    every day.
    """
    tables, window = named(table), window_of(start, end)

    def act(_progress: Progress | None) -> Outcome:
        from mootech.layers.bronze.selection import Selection
        from mootech.pipeline import verify as pipeline

        return pipeline.verify(common.settings(), Selection(tables, window["start"], window["end"]), source=source)

    return act


COMMAND = Command(
    verify,
    example="mootech verify --source --start 2023-03-01",
    exits=(Exit.SOURCE, Exit.STORE, Exit.BROKEN_PROMISE),
    safe=READS,
)
