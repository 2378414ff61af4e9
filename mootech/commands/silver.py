"""`mootech silver`: make silver from raw_data where it changed."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

from typing import Annotated

import typer

from mootech.commands.common import Act, Command, Common
from mootech.commands.options import Engine, Tables, named
from mootech.errors import Exit
from mootech.model import Progress
from mootech.outcomes import Outcome


def silver(
    common: Common,
    *,
    table: Tables = None,
    full: Annotated[bool, typer.Option("--full", help="Rebuild every day, not only those that changed.")] = False,
    engine: Engine = None,
) -> Act:
    """Clean raw_data into silver.

    Real timestamps, parsed lists, validity ranges of users and products; only where raw_data changed.
    """
    tables = named(table)

    def act(progress: Progress | None) -> Outcome:
        from mootech.pipeline import silver as pipeline

        return pipeline.silver(common.settings(engine), tables=tables, full=full, progress=progress)

    return act


COMMAND = Command(silver, example="mootech silver -t transactions", exits=(Exit.STORE, Exit.LOCKED))
