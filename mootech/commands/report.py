"""`mootech report`: compute a report, keep it, print it or write it into a file."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

from typing import Annotated

import typer

from mootech.commands.common import Act, Command, Common, Text
from mootech.commands.options import Engine
from mootech.errors import Exit, UsageError
from mootech.model import Progress
from mootech.outcomes import Outcome
from mootech.render.formats import NAMES

_FORMATS = f"{', '.join(NAMES[:-1])} or {NAMES[-1]}"


def _settings_given(texts: list[str]) -> dict[str, str]:
    """Return `NAME=VALUE` options as a mapping; UsageError for any other form, or for a name that comes twice."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or name in given:
            raise UsageError(f"--set {text!r} is not NAME=VALUE, each name once", hint="Such as: --set home=start")
        given[name] = value
    return given


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
        bool, typer.Option("--changes", help="Show the figures that differ from those before the last change.")
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="List all reports, and compute none.")] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"{_FORMATS}; default: by FILE's ending, else {NAMES[0]}.",
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
    from mootech.render.output import Target

    target = Target.chosen(form, output, json=common.json, html=html, chart=chart)

    given = _settings_given(setting or [])
    if changes and given:
        hint = "A report with parameters set by hand is not kept, so there is nothing to compare it with."
        raise UsageError("--changes and --set exclude each other", hint=hint)

    def act(_progress: Progress | None) -> Outcome:
        from mootech.pipeline import report as pipeline

        settings = common.settings(engine)
        if listing:
            return pipeline.reports(settings)
        products = tuple(product or ())
        return target.written(pipeline.report(settings, name=name, products=products, given=given, changes=changes))

    return act, target.text


COMMAND = Command(
    report,
    example="mootech report --product tumbler --format csv --output tumbler.csv",
    exits=(Exit.STORE, Exit.LOCKED),
)
