"""The commands on a lake. A command checks its options and returns what is to be done, as one pipeline call."""
# ruff: noqa: PLC0415 - commands import what they run: `mootech --help` must not wait for polars, duckdb or httpx

from datetime import date
from typing import Annotated, Literal

import typer

from mootech.cli.app import commands
from mootech.cli.job import READS, Act, Common, Text
from mootech.errors import UsageError
from mootech.layers.plan import check_over
from mootech.model import DayRange, Outcome, Progress, Table, parse_day, utc_today
from mootech.shard import Shard

Tables = Annotated[
    list[str] | None,
    typer.Option("--table", "-t", metavar="TABLE", help=f"Only this table: {', '.join(Table)}. May be repeated."),
]
Start = Annotated[str | None, typer.Option("--start", metavar="DAY", help="First UTC day, such as 2023-03-01.")]
End = Annotated[str | None, typer.Option("--end", metavar="DAY", help="Last UTC day, included; default: yesterday.")]

Engine = Annotated[
    Literal["duckdb", "spark"] | None,
    typer.Option(
        "--engine", help="What computes: default [engine] name, else duckdb. Spark is where SPARK_REMOTE says."
    ),
]


def named(tables: list[str] | None) -> tuple[Table, ...]:
    """Return the tables that the options name, each once; UsageError for one that is none."""
    return tuple(dict.fromkeys(Table.named(name) for name in tables or ()))


def _window(start: str | None, end: str | None) -> dict[str, date | None]:
    days = {
        what: parse_day(text, f"--{what}") if text is not None else None
        for what, text in (("start", start), ("end", end))
    }
    for what, day in days.items():
        if day is not None:
            check_over(day, utc_today(), f"--{what}")
    if days["start"] is not None and days["end"] is not None:
        DayRange(days["start"], days["end"])
    return days


def _settings_given(texts: list[str]) -> dict[str, str]:
    """Return `NAME=VALUE` options as a mapping; UsageError for one that is none, or for a name that comes twice."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or name in given:
            raise UsageError(f"--set {text!r} is not NAME=VALUE, each name once", hint="Such as: --set home=start")
        given[name] = value
    return given


@commands.add(
    example="mootech ingest -t clickstream --start 2023-03-01 --end 2023-03-31",
    exits=(0, 1, 2, 3, 4, 5, 6, 75, 130, 143),
)
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
        bool, typer.Option("--allow-shrink", help="Publish a day even when it lost more than 5 % of its rows.")
    ] = False,
    allow_anomaly: Annotated[
        bool, typer.Option("--allow-anomaly", help="Publish a day even when it is unlike the weeks before.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option("--shard", metavar="K/N", help="Only the K-th of N slices, which N machines can work on at once."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Fetch exactly the days again that `mootech verify` finds broken.")
    ] = False,
) -> Act:
    """Fetch days from the shop's API, check and publish them.

    Good days go to raw_data, bad rows to quarantine, and a day with too many of them is blocked. Without --start:
    every day missing since [ingest] start in mootech.toml, or since the first day the lake holds, and the last held
    days again. With --repair: the broken days of the tables and days named, of all without.
    """
    tables, window = named(table), _window(start, end)
    if repair and (lookback is not None or shard is not None):
        other = "--lookback" if lookback is not None else "--shard"
        raise UsageError(f"--repair and {other} exclude each other", hint="--repair finds the days to fetch itself.")
    slice_of = None if shard is None else Shard.parse(shard)

    def act(progress: Progress | None) -> Outcome:
        from mootech import pipeline

        return (pipeline.repair if repair else pipeline.ingest)(
            common.settings(),
            pipeline.Wanted(tables=tables, lookback=lookback, shard=slice_of, **window),
            dry_run=dry_run,
            allow_shrink=allow_shrink,
            allow_anomaly=allow_anomaly,
            progress=progress,
        )

    return act


@commands.add(
    example="mootech qa -t clickstream --start 2023-03-01",
    exits=(0, 1, 2, 3, 5, 6, 75, 130, 143),
    safe="What was published is whole and stays; the same command may be run again.",
)
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
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Also write a page with the history of every day.")
    ] = None,
) -> Act:
    """Check again what is in raw_data.

    Reports on every column: nulls, duplicates, categories, ranges, schema drift; what the gate blocked; and days that
    are odd: unlike the weeks before, missing, or with purchases of nobody. With --replay rows that a rule or a mapping
    kept out go into their days once it is mended; the rest is not touched.
    """
    tables, window = named(table), _window(start, end)
    if quarantine and replay:
        raise UsageError("--quarantine and --replay exclude each other", hint="Look first, then replay.")
    if html is not None and (quarantine or replay):
        raise UsageError("--html is about all checks", hint="Leave out --quarantine and --replay.")
    page = None
    if html is not None:
        from mootech.cli.reportfile import Page

        page = Page.chosen(html)

    def act(progress: Progress | None) -> Outcome:
        from mootech import pipeline

        if replay:
            return pipeline.replay_quarantine(common.settings(), tables=tables, progress=progress, **window)
        if quarantine:
            return pipeline.show_quarantine(common.settings(), tables=tables, **window)
        outcome = pipeline.qa(common.settings(), tables=tables, **window)
        return outcome if page is None else page.written(outcome)

    return act


@commands.add(example="mootech silver -t transactions", exits=(0, 1, 2, 5, 75, 130, 143))
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
        from mootech import pipeline

        return pipeline.silver(common.settings(engine), tables=tables, full=full, progress=progress)

    return act


@commands.add(
    example="mootech report --product tumbler --format csv --output tumbler.csv", exits=(0, 1, 2, 5, 75, 130, 143)
)
def report(  # noqa: PLR0913 - one for each of the command's options
    common: Common,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which report.")] = "sales",
    *,
    product: Annotated[
        list[str] | None,
        typer.Option("--product", metavar="P", help="Product by name or product_id; default: all. May be repeated."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Give a report's parameter a value. May be repeated."),
    ] = None,
    changes: Annotated[
        bool, typer.Option("--changes", help="Show what it says otherwise than before it last changed.")
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="Say which reports there are, and compute none.")] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="table, csv, json, markdown or parquet; default: by FILE's ending, else table.",
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", metavar="FILE", help="Write to FILE, whole or not at all; - is stdout.")
    ] = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Also write a page to send: figures, charts, sources.")
    ] = None,
    chart: Annotated[
        str | None, typer.Option("--chart", metavar="FILE", help="Also draw charts into FILE, a .png or .svg.")
    ] = None,
    engine: Engine = None,
) -> Act | tuple[Act, Text]:
    """Compute a report, keep it in results, and print it.

    sales: units and sales of each product, month over month, returns taken off the purchase they belong to. --list
    shows the others; [report] folder in mootech.toml names a folder with reports of your own.
    """
    from mootech.cli import reportfile

    target = reportfile.Target.chosen(form, output, json=common.json, html=html, chart=chart)

    given = _settings_given(setting or [])
    if changes and given:
        hint = "A report with parameters set by hand is not kept, so there is nothing to compare it with."
        raise UsageError("--changes and --set exclude each other", hint=hint)

    def act(_progress: Progress | None) -> Outcome:
        from mootech import pipeline

        settings = common.settings(engine)
        if listing:
            return pipeline.reports(settings)
        products = tuple(product or ())
        return target.written(pipeline.report(settings, name=name, products=products, given=given, changes=changes))

    return act, target.text


@commands.add(example="mootech run --config /etc/mootech.toml -q", exits=(0, 1, 2, 3, 4, 5, 75, 130, 143))
def run(common: Common) -> Act:
    """Do everything that is due, for cron.

    That is ingest, qa, silver and the configured reports; it goes on with what is good when a day is not.
    """

    def act(progress: Progress | None) -> Outcome:
        from mootech import pipeline

        return pipeline.run(common.settings(), progress=progress)

    return act


@commands.add(example="mootech status --json", exits=(0, 1, 2, 5, 130, 143), safe=READS)
def status(common: Common) -> Act:
    """Say what the lake holds and what it lacks.

    Per table the days held, gaps, freshness and blocked days; the last run, and who holds the lock.
    """

    def act(_progress: Progress | None) -> Outcome:
        from mootech import pipeline

        return pipeline.status(common.settings())

    return act


@commands.add(example="mootech verify --source --start 2023-03-01", exits=(0, 1, 2, 4, 5, 6, 130, 143), safe=READS)
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
    duplicates. Names what is damaged, gone or foreign, and what to type to mend it. Without --start and --end: every
    day.
    """
    tables, window = named(table), _window(start, end)

    def act(_progress: Progress | None) -> Outcome:
        from mootech import pipeline

        return pipeline.verify(
            common.settings(), pipeline.Wanted(tables, window["start"], window["end"]), source=source
        )

    return act
