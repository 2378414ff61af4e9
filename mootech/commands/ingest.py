"""`mootech ingest`: fetch days from the shop, judge them, publish them."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

from typing import Annotated

import typer

from mootech.commands.common import Act, Command, Common
from mootech.commands.options import End, Start, Tables, named, window_of
from mootech.errors import Exit, UsageError
from mootech.lake.locks.shard import Shard
from mootech.model import Progress
from mootech.outcomes import Outcome


def ingest(  # noqa: PLR0913 - one for each of the command's options
    common: Common,
    *,
    table: Tables = None,
    start: Start = None,
    end: End = None,
    lookback: Annotated[
        int | None,
        typer.Option(
            "--lookback",
            min=0,
            max=366,
            metavar="N",
            help="Fetch the last N held days again, for late rows; default: [ingest] lookback, else 2.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched, and fetch nothing.")] = False,
    allow_shrink: Annotated[
        bool, typer.Option("--allow-shrink", help="Publish a day even if it lost more than 5 % of its rows.")
    ] = False,
    allow_anomaly: Annotated[
        bool, typer.Option("--allow-anomaly", help="Publish a day even if it is unlike the weeks before.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="K/N", help="Only the K-th of N slices, which N machines can work on at once."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Fetch again exactly the days that `mootech verify` finds broken.")
    ] = False,
) -> Act:
    """Fetch days from the shop's API, check and publish them.

    Good days go to raw_data, bad rows to quarantine, and a day with too many of them is blocked. Without --start:
    every day missing since [ingest] start in mootech.toml, or since the first day the lake holds, and the last held
    days again. With --repair: the broken days among the tables and days named, or among all of them.
    """
    tables, window = named(table), window_of(start, end)
    if repair and (lookback is not None or shard is not None):
        other = "--lookback" if lookback is not None else "--shard"
        raise UsageError(f"--repair and {other} exclude each other", hint="--repair finds the days to fetch itself.")
    slice_of = None if shard is None else Shard.parse(shard)

    def act(progress: Progress | None) -> Outcome:
        from mootech.layers.bronze.publishing import Overrides
        from mootech.layers.bronze.selection import Selection
        from mootech.pipeline import ingest as pipeline

        return (pipeline.repair if repair else pipeline.ingest)(
            common.settings(),
            Selection(tables=tables, lookback=lookback, shard=slice_of, **window),
            dry_run=dry_run,
            overrides=Overrides(allow_shrink=allow_shrink, allow_anomaly=allow_anomaly),
            progress=progress,
        )

    return act


COMMAND = Command(
    ingest,
    example="mootech ingest -t clickstream --start 2023-03-01 --end 2023-03-31",
    exits=(Exit.QUALITY, Exit.SOURCE, Exit.STORE, Exit.BROKEN_PROMISE, Exit.LOCKED),
)
