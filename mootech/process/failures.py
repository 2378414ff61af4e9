"""mootech as a process: logging, a closed stdout, last words, and every failure as one of ours."""

import logging
import os
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime

import typer

from mootech.errors import InterruptError, MootechError, TerminateError, UsageError
from mootech.process.signals import Signals


def failure(exc: BaseException, *, signals: Signals, safe: str, done: str = "") -> MootechError:
    """Return the error that a person is told for whatever ended the command.

    Args:
        exc: what ended it.
        signals: tell a termination from an interruption.
        safe: what either leaves behind, for the hint.
        done: what had been done by then, for the message; may be empty.

    """
    if isinstance(exc, MootechError):
        return exc
    if isinstance(exc, KeyboardInterrupt):
        return interruption(signals, safe=safe, done=done)
    if isinstance(exc, typer.TyperException):
        context = getattr(exc, "ctx", None)
        path = context.command_path if context is not None else "mootech"
        return UsageError(exc.format_message().rstrip("."), hint=f"Nothing was done. See: {path} --help")
    return MootechError(
        f"a bug in mootech: {type(exc).__name__}: {exc}",
        hint="What was published is whole and stays. Please report it, with what the same command with -v prints.",
    )


def interruption(signals: Signals, *, safe: str, done: str, how: str = "") -> InterruptError:
    """Return the error of a command that was told to end; `how` says it when it did not end by itself."""
    kind, word = (TerminateError, "terminated") if signals.terminated else (InterruptError, "interrupted")
    return kind(": ".join(filter(None, (" ".join(filter(None, (word, how))), done))), hint=safe)


def write_raw(stream: int, text: str) -> None:
    """Write to a file descriptor past every buffer: the thread that owns the buffer may hang in it."""
    with suppress(OSError):
        os.write(stream, text.encode("ascii", "backslashreplace"))


def log_to_stderr(verbose: int) -> None:
    """Log mootech's own doings: warnings, with 1 what it does, with 2 everything. Libraries only ever warn.

    They log whole URLs and headers below that.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    levels = (logging.WARNING, logging.INFO)
    logging.getLogger("mootech").setLevel(levels[verbose] if verbose < len(levels) else logging.DEBUG)


class _OneLine(logging.Formatter):
    """UTC times, and no character in a message that could drive the terminal or forge a line."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return datetime.fromtimestamp(record.created, UTC).strftime(datefmt or "%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        from mootech.render.text import clean  # noqa: PLC0415 - Rich has no part in --help

        record.message = clean(record.message)
        return super().formatMessage(record)


def print_traceback(exc: BaseException) -> None:
    """Print where a bug is, for a report of it."""
    sys.stderr.write("".join(traceback.format_exception(exc)))


def abandon_stdout() -> None:
    """Send what is left in stdout's buffer nowhere: its reader is gone, and flushing at exit would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
