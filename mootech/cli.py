"""The command line: the Typer app, and `main`, which carries out the command that was typed.

Options in, one pipeline call, its outcome out. Every failure passes through `main`, once.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from mootech.commands import demo, ingest, qa, report, run, sandbox, silver, source, status, verify
from mootech.commands.common import Command, Common, Invocation, epilog
from mootech.errors import Exit, MootechError, StoreError
from mootech.outcomes import Outcome
from mootech.process import failures as process
from mootech.process.signals import Signals, unwinding
from mootech.process.watched import Watched

__all__ = ["app", "main"]

COMMANDS: tuple[Command, ...] = tuple(
    module.COMMAND for module in (demo, sandbox, ingest, qa, silver, report, run, status, verify, source)
)
"""Every command, in the order of the help."""
GROUPS = {"source": "Look at the shop's API: mootech source check."}
"""Words that stand before other commands, with their help."""

_NOTHING = "Nothing was done."

app = typer.Typer(
    name="mootech",
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help is quick, wraps predictably, and is the same in a log, a terminal and docs/cli.md.
    rich_markup_mode=None,
    epilog=epilog("mootech report --product tumbler", tuple(Exit)),
)


def _print_version(asked_for: bool) -> None:  # noqa: FBT001 - Typer calls it
    if asked_for:
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
        # On stderr, and with an exit code that is not 0: a cron line without its command must not look like success.
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(Exit.USAGE)


def _add_commands() -> None:
    groups = {name: typer.Typer(name=name, help=text, rich_markup_mode=None) for name, text in GROUPS.items()}
    for command in COMMANDS:
        command.add_to(groups[command.group] if command.group else app)
    for group in groups.values():
        app.add_typer(group)


_add_commands()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return the process's exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    invocation: Invocation | None = None
    watched = Watched()
    with unwinding() as signals:
        try:
            parsed = app(args=args, prog_name="mootech", standalone_mode=False)
            if not isinstance(parsed, Invocation):
                return int(parsed or 0)  # --help and --version have printed their text
            invocation = parsed
            _listen(signals, invocation, watched)
            outcome = _done(invocation, watched)
        except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001 - the one place that catches every failure
            safe = invocation.safe if invocation else _NOTHING
            error = process.failure(exc, signals=signals, safe=safe, done=watched.summary())
            outcome = Outcome(invocation.command if invocation else _command(args), errors=(error,))
            if type(error) is MootechError and invocation is not None and invocation.common.verbose:
                process.print_traceback(exc)
        signals.last_words = lambda _how: None  # from here on the command speaks for itself
        try:
            return _delivered(outcome, invocation, invocation.common if invocation else Common(json="--json" in args))
        except KeyboardInterrupt as exc:  # in a pager, for example: the work is done, and its reader quit
            process.abandon_stdout()
            return process.failure(exc, signals=signals, safe="").exit_code


def _listen(signals: Signals, invocation: Invocation, watched: Watched) -> None:
    """Set the answers to a signal for as long as this invocation runs."""

    def acknowledge() -> None:
        if not invocation.common.quiet:
            process.write_raw(2, "mootech: stopping, which takes a few seconds; the same signal again stops at once\n")

    def last_words(how: str) -> None:
        error = process.interruption(signals, safe=invocation.safe, done=watched.summary(), how=how)
        if invocation.common.json:
            from mootech.render.document import document  # noqa: PLC0415 - the same as below
            from mootech.render.encoding import dumps  # noqa: PLC0415 - the same

            process.write_raw(1, f"{dumps(document(Outcome(invocation.command, errors=(error,))))}\n")
        else:
            process.write_raw(2, f"error: {error.message}\n       {error.hint}\n")

    signals.patient = invocation.patient
    signals.acknowledge, signals.last_words = acknowledge, last_words


def _done(invocation: Invocation, watched: Watched) -> Outcome:
    from mootech.render.progress import progress_on  # noqa: PLC0415 - Rich has no part in --help
    from mootech.render.screen import Screen  # noqa: PLC0415 - the same

    process.log_to_stderr(invocation.common.verbose)
    screen = Screen.standard(quiet=invocation.common.quiet)
    # A log and bars would write over each other.
    with progress_on(screen, wanted=not invocation.common.verbose) as progress:
        watched.inner = progress or watched.inner
        return invocation.act(watched)


def _delivered(outcome: Outcome, invocation: Invocation | None, common: Common) -> int:
    """Print the outcome the way the options ask for and return the exit code."""
    from mootech.render.document import document  # noqa: PLC0415 - the same
    from mootech.render.encoding import dumps  # noqa: PLC0415 - the same
    from mootech.render.outcomes import show  # noqa: PLC0415 - the same
    from mootech.render.screen import Screen  # noqa: PLC0415 - the same

    screen = Screen.standard(quiet=common.quiet)
    try:
        if common.json:
            sys.stdout.write(f"{dumps(document(outcome))}\n")
        else:
            show(outcome, screen, text=invocation.text(outcome) if invocation else None)
        sys.stdout.flush()
    except BrokenPipeError:
        process.abandon_stdout()  # `mootech report | head` is no failure: what was done is done
    except OSError as exc:
        process.abandon_stdout()
        error = StoreError(
            f"the results could not be written to stdout: {exc.strerror}", hint="Nothing in the lake is lost by that."
        )
        screen.error(error)
        return error.exit_code
    return outcome.exit_code


def _command(args: Sequence[str]) -> str:
    """Return the command that is named in arguments which Typer refused; empty when they name none."""
    if args[:1] and args[0] in GROUPS:
        within = {each.name for each in COMMANDS if each.group == args[0]}
        return " ".join([args[0], *(each for each in args[1:2] if each in within)])
    names = {each.name for each in COMMANDS if not each.group}
    return next((arg for arg in args if arg in names), "")
