"""mootech as a process: logging, a closed stdout, last words, and a MootechError for every failure."""

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
    """Return the error to show for what ended the command.

    Args:
        exc: what ended it.
        signals: tell SIGTERM from SIGINT.
        safe: what an interruption leaves behind, for the hint.
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
    """Return the error of a command that a signal ended; `how` says how, if it did not end by itself."""
    kind, word = (TerminateError, "terminated") if signals.terminated else (InterruptError, "interrupted")
    return kind(": ".join(filter(None, (" ".join(filter(None, (word, how))), done))), hint=safe)


def write_raw(stream: int, text: str) -> None:
    """Write to a file descriptor without any buffer, because the thread that owns the buffer may hang in it."""
    with suppress(OSError):
        os.write(stream, text.encode("ascii", "backslashreplace"))


def log_to_stderr(verbose: int) -> None:
    """Log mootech's own messages: warnings; with `verbose` 1 what it does; with 2 everything.

    Libraries log warnings only, because their other messages hold whole URLs and headers.
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
        from mootech.render.text import clean  # noqa: PLC0415 - Rich has no part in --help

        record.message = clean(record.message)
        return super().formatMessage(record)


def print_traceback(exc: BaseException) -> None:
    """Print the traceback of a bug, for its report."""
    sys.stderr.write("".join(traceback.format_exception(exc)))


def abandon_stdout() -> None:
    """Drop what is left in stdout's buffer: its reader is gone, and flushing at exit would fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
