"""The command line: options in, one pipeline call, its outcome out. Every failure passes `main`, once."""

import sys
from collections.abc import Sequence

from mootech.cli import commands, process, rehearse
from mootech.cli.app import app
from mootech.cli.job import Common, Job
from mootech.errors import MootechError, StoreError
from mootech.model import Outcome

__all__ = ["app", "main"]

_NOTHING = "Nothing was done."
# Importing them registers their commands.
_REGISTERED = (rehearse, commands)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return the process's exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    job: Job | None = None
    with process.sigterm_unwinds() as signals:
        try:
            parsed = app(args=args, prog_name="mootech", standalone_mode=False)
            if not isinstance(parsed, Job):
                return int(parsed or 0)  # --help and --version have said it all
            job = parsed
            outcome = _done(job)
        except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001 - the one place that no failure passes by
            error = process.failure(exc, signals=signals, safe=job.safe if job else _NOTHING)
            outcome = Outcome(job.command if job else _command(args), errors=(error,))
            if type(error) is MootechError and job is not None and job.common.verbose:
                process.print_traceback(exc)
        try:
            return _delivered(outcome, job, job.common if job else Common(json="--json" in args))
        except KeyboardInterrupt as exc:  # in a pager, say: the work is done, only its reader had enough
            process.abandon_stdout()
            return process.failure(exc, signals=signals, safe="").exit_code


def _done(job: Job) -> Outcome:
    from mootech.render import Screen, progress_on  # noqa: PLC0415 - Rich has no part in --help

    process.log_to_stderr(job.common.verbose)
    screen = Screen.standard(quiet=job.common.quiet)
    # A log and bars would write over each other.
    with progress_on(screen, wanted=not job.common.verbose) as progress:
        return job.act(progress)


def _delivered(outcome: Outcome, job: Job | None, common: Common) -> int:
    """Print the outcome the way the options ask for and return the exit code."""
    from mootech.render import Screen, document, dumps, show  # noqa: PLC0415 - the same

    screen = Screen.standard(quiet=common.quiet)
    try:
        if common.json:
            sys.stdout.write(f"{dumps(document(outcome))}\n")
        else:
            show(outcome, screen, text=job.text(outcome) if job else None)
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
    """Return the command that arguments which Typer refused were meant for, empty when there is none of that name."""
    names = {str(command.name) for command in app.registered_commands}
    return next((arg for arg in args if arg in names), "")
