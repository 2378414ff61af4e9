"""Logging, a closed stdout, output before a forced end, and a MootechError for every failure of a command."""

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
    """Return the error to show for the exception that ended the command.

    Args:
        exc: the exception.
        signals: the signals that came; they distinguish SIGTERM from SIGINT.
        safe: what is safe after an interruption, for the hint.
        done: what was done before the interruption, for the message; may be empty.

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
        hint="What was published is whole and stays. Please report it with the output of the same command with -v.",
    )


def interruption(signals: Signals, *, safe: str, done: str, how: str = "") -> InterruptError:
    """Return the error of a command that a signal ended; `how` says how it ended, if it did not unwind by itself."""
    kind, word = (TerminateError, "terminated") if signals.terminated else (InterruptError, "interrupted")
    return kind(": ".join(filter(None, (" ".join(filter(None, (word, how))), done))), hint=safe)


def write_raw(stream: int, text: str) -> None:
    """Write to a file descriptor without a buffer, because another thread may hang while it holds the buffer's lock."""
    with suppress(OSError):
        os.write(stream, text.encode("ascii", "backslashreplace"))


def log_to_stderr(verbose: int) -> None:
    """Log mootech's own messages to stderr: warnings; with `verbose` 1 also its actions; with 2 everything.

    Libraries log only warnings, because their other messages contain whole URLs and headers.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    levels = (logging.WARNING, logging.INFO)
    logging.getLogger("mootech").setLevel(levels[verbose] if verbose < len(levels) else logging.DEBUG)


class _OneLine(logging.Formatter):
    """Writes UTC times, and removes characters that could control the terminal or forge a line."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        return datetime.fromtimestamp(record.created, UTC).strftime(datefmt or "%Y-%m-%dT%H:%M:%SZ")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        from mootech.render.text import clean  # noqa: PLC0415 - --help must not wait for the import of Rich

        record.message = clean(record.message)
        return super().formatMessage(record)


def print_traceback(exc: BaseException) -> None:
    """Print the traceback of a bug, for the bug report."""
    sys.stderr.write("".join(traceback.format_exception(exc)))


def abandon_stdout() -> None:
    """Discard what is left in stdout's buffer, because its reader is gone and the flush at exit would fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
