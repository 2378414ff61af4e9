"""`mootech qa`: the checks on what is in raw_data, and what lies in quarantine."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

from typing import Annotated

import typer

from mootech.commands.common import Act, Command, Common
from mootech.commands.options import End, Start, Tables, named, window_of
from mootech.errors import Exit, UsageError
from mootech.model import Progress, parse_day
from mootech.outcomes import Outcome


def qa(  # noqa: PLR0913 - one for each of the command's options
    common: Common,
    *,
    table: Tables = None,
    start: Start = None,
    end: End = None,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="List why rows were quarantined, with counts and examples.")
    ] = False,
    replay: Annotated[
        bool, typer.Option("--replay", help="Judge quarantined rows again, and publish those that pass now.")
    ] = False,
    acknowledge: Annotated[
        str | None,
        typer.Option(
            "--acknowledge", metavar="DAY", help="End the alarm about the rows that are quarantined of this UTC day."
        ),
    ] = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Also write a page with the history of every day.")
    ] = None,
) -> Act:
    """Check again what is in raw_data.

    Reports nulls, duplicates, categories, ranges and schema drift of every column; days that the gate blocked; what is
    quarantined of the last 28 days; and odd days: unlike the weeks before, missing, or with purchases of unknown
    customers. With --replay, once a rule or a mapping is mended, rows that it kept out go into their days; nothing else
    is touched. With --acknowledge, rows in quarantine that are no loss stop being an alarm; they are still shown.
    """
    tables, window = named(table), window_of(start, end)
    if quarantine and replay:
        raise UsageError(
            "--quarantine and --replay exclude each other", hint="Look at the rows first, then replay them."
        )
    seen = parse_day(acknowledge, "--acknowledge") if acknowledge is not None else None
    if seen is not None and (quarantine or replay or start is not None or end is not None):
        raise UsageError("--acknowledge DAY takes no other option but -t", hint="Acknowledge one day at a time.")
    if html is not None and (quarantine or replay or seen is not None):
        raise UsageError("--html is about all checks", hint="Leave out --quarantine, --replay and --acknowledge.")
    page = None
    if html is not None:
        from mootech.render.output import QaPage

        page = QaPage.chosen(html)

    def act(progress: Progress | None) -> Outcome:
        from mootech.pipeline import qa as pipeline

        if seen is not None:
            from mootech.pipeline.acknowledge import acknowledge as acknowledged

            return acknowledged(common.settings(), seen, tables=tables)
        if replay:
            return pipeline.replay_quarantine(common.settings(), tables=tables, progress=progress, **window)
        if quarantine:
            return pipeline.show_quarantine(common.settings(), tables=tables, **window)
        outcome = pipeline.qa(common.settings(), tables=tables, **window)
        return outcome if page is None else page.written(outcome)

    return act


COMMAND = Command(
    qa,
    example="mootech qa -t clickstream --start 2023-03-01",
    exits=(Exit.QUALITY, Exit.STORE, Exit.BROKEN_PROMISE, Exit.LOCKED),
    safe="What was published is whole and stays; the same command may be run again.",
)
