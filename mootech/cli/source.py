"""The commands on the shop's API itself."""
# ruff: noqa: PLC0415 - commands import what they run: `mootech --help` must not wait for polars, duckdb or httpx

from typing import Annotated

import typer

from mootech.cli.app import app
from mootech.cli.commands import Tables, named
from mootech.cli.job import READS, Act, Commands, Common
from mootech.layers.plan import check_over
from mootech.model import Outcome, Progress, parse_day, utc_today

GROUP = "source"
group = typer.Typer(name=GROUP, help="Look at the shop's API: mootech source check.", rich_markup_mode=None)
app.add_typer(group)
commands = Commands(group, of=f"{GROUP} ")


@commands.add(example="mootech source check -t users --day 2023-03-01", exits=(0, 1, 2, 3, 4, 130, 143), safe=READS)
def check(
    common: Common,
    table: Tables = None,
    day: Annotated[
        str | None, typer.Option("--day", metavar="DAY", help="The UTC day to ask for; default: yesterday.")
    ] = None,
) -> Act:
    """Make one small request per table and say what is understood.

    Status, rows, columns found and missing, what lands in extra, whether a next page and a total were found. Exit 3
    when the gate would reject every row of a table.
    """
    tables = named(table)
    wanted = parse_day(day, "--day") if day is not None else None
    if wanted is not None:
        check_over(wanted, utc_today(), "--day")

    def act(_progress: Progress | None) -> Outcome:
        from mootech import pipeline

        return pipeline.check_source(common.settings(), tables=tables, day=wanted)

    return act
