"""`mootech source check`: what is understood of the shop's API."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

from typing import Annotated

import typer

from mootech.commands.common import READS, Act, Command, Common
from mootech.commands.options import Tables, named
from mootech.errors import Exit
from mootech.model import Progress, check_over, parse_day, utc_today
from mootech.outcomes import Outcome


def check(
    common: Common,
    table: Tables = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="The UTC day to ask for; default: yesterday.")
    ] = None,
) -> Act:
    """Make one small request per table and say what is understood.

    Shows the status, the rows, the columns found and missing, the fields that land in extra, and whether a next page
    and a total were found. Exit 3 when the gate would reject every row of a table.
    """
    tables = named(table)
    asked_for = parse_day(day, "--day") if day is not None else None
    if asked_for is not None:
        check_over(asked_for, utc_today(), "--day")

    def act(_progress: Progress | None) -> Outcome:
        from mootech.pipeline import source as pipeline

        return pipeline.check_source(common.settings(), tables=tables, day=asked_for)

    return act


COMMAND = Command(
    check,
    group="source",
    example="mootech source check -t users --day 2023-03-01",
    exits=(Exit.QUALITY, Exit.SOURCE),
    safe=READS,
)
