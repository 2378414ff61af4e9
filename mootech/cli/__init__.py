"""The command line: options in, one pipeline call, its outcome out. Every failure passes `main`, once."""

import sys
from collections.abc import Sequence

from mootech.cli import commands, process, rehearse, source
from mootech.cli.app import app
from mootech.cli.job import Common, Job
from mootech.cli.signals import Signals, unwinding
from mootech.cli.watched import Watched
from mootech.errors import MootechError, StoreError
from mootech.model import Outcome

__all__ = ["app", "main"]

_NOTHING = "Nothing was done."
# Importing them registers their commands.
_REGISTERED = (rehearse, commands, source)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return the process's exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    job: Job | None = None
    watched = Watched()
    with unwinding() as signals:
        try:
            parsed = app(args=args, prog_name="mootech", standalone_mode=False)
            if not isinstance(parsed, Job):
                return int(parsed or 0)  # --help and --version have said it all
            job = parsed
            _listen(signals, job, watched)
            outcome = _done(job, watched)
        except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001 - the one place that no failure passes by
            safe = job.safe if job else _NOTHING
            error = process.failure(exc, signals=signals, safe=safe, done=watched.said())
            outcome = Outcome(job.command if job else _command(args), errors=(error,))
            if type(error) is MootechError and job is not None and job.common.verbose:
                process.print_traceback(exc)
        signals.last_words = lambda _how: None  # from here on the command speaks for itself
        try:
            return _delivered(outcome, job, job.common if job else Common(json="--json" in args))
        except KeyboardInterrupt as exc:  # in a pager, say: the work is done, only its reader had enough
            process.abandon_stdout()
            return process.failure(exc, signals=signals, safe="").exit_code


def _listen(signals: Signals, job: Job, watched: Watched) -> None:
    """Say what a signal is answered with while this job is done."""

    def acknowledge() -> None:
        if not job.common.quiet:
            process.write_raw(2, "mootech: stopping, which takes a few seconds; the same signal again stops at once\n")

    def last_words(how: str) -> None:
        error = process.interruption(signals, safe=job.safe, done=watched.said(), how=how)
        if job.common.json:
            from mootech.render import document, dumps  # noqa: PLC0415 - the same as below

            process.write_raw(1, f"{dumps(document(Outcome(job.command, errors=(error,))))}\n")
        else:
            process.write_raw(2, f"error: {error.message}\n       {error.hint}\n")

    signals.patient = job.patient
    signals.acknowledge, signals.last_words = acknowledge, last_words


def _done(job: Job, watched: Watched) -> Outcome:
    from mootech.render import Screen, progress_on  # noqa: PLC0415 - Rich has no part in --help

    process.log_to_stderr(job.common.verbose)
    screen = Screen.standard(quiet=job.common.quiet)
    # A log and bars would write over each other.
    with progress_on(screen, wanted=not job.common.verbose) as progress:
        watched.inner = progress or watched.inner
        return job.act(watched)


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
    names = {str(each.name) for each in app.registered_commands}
    if args[:1] == [source.GROUP]:
        within = {str(each.name) for each in source.group.registered_commands}
        return " ".join([source.GROUP, *(each for each in args[1:2] if each in within)])
    return next((arg for arg in args if arg in names), "")
