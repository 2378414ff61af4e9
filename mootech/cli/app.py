"""The Typer app: what `mootech` alone, `--help` and `--version` do, and where the commands register."""

from typing import Annotated

import typer

from mootech.cli.job import Commands, epilog
from mootech.errors import EXIT_MEANINGS, UsageError

app = typer.Typer(
    name="mootech",
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help is quick, wraps nowhere unexpectedly, and is the same in a log, a terminal and docs/cli.md.
    rich_markup_mode=None,
    epilog=epilog("mootech report --product tumbler", tuple(EXIT_MEANINGS)),
)
commands = Commands(app)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it
    if wanted:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow, and rarely wanted

        try:
            typer.echo(f"mootech {version('mootech')}")
        except PackageNotFoundError:
            typer.echo("mootech, run from a checkout that is not installed")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Turn a shop's API into trustworthy month-over-month sales reports, on one machine.

    To see it work here: mootech demo
    """
    if context.invoked_subcommand is None:
        # On stderr and not 0: a cron line that lost its command must not look like success.
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(UsageError.exit_code)
