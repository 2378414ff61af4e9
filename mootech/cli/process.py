"""mootech as a process: signals, logging, a closed stdout, and every failure as one of ours."""

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import FrameType

import typer

from mootech.errors import InterruptError, MootechError, TerminateError, UsageError


@dataclass
class Signals:
    """What the process was told from outside."""

    terminated: bool = False


@contextmanager
def sigterm_unwinds() -> Iterator[Signals]:
    """Let SIGTERM end the command the way Ctrl-C does: everything unwinds, locks are released."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals  # only the main thread may set handlers
        return

    def terminate(_number: int, frame: FrameType | None) -> None:
        signals.terminated = True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # told once is enough; a second one must not stop the unwinding
        # Whoever handles Ctrl-C now (asyncio cancels its main task) knows best how to stop; nohup and `&` ignore it.
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield signals
    finally:
        signal.signal(signal.SIGTERM, before)


def failure(exc: BaseException, *, signals: Signals, safe: str) -> MootechError:
    """Return the error that a person is told for whatever ended the command."""
    if isinstance(exc, MootechError):
        return exc
    if isinstance(exc, KeyboardInterrupt):
        return (
            TerminateError("terminated", hint=safe) if signals.terminated else InterruptError("interrupted", hint=safe)
        )
    if isinstance(exc, typer.TyperException):
        context = getattr(exc, "ctx", None)
        path = context.command_path if context is not None else "mootech"
        return UsageError(exc.format_message().rstrip("."), hint=f"Nothing was done. See: {path} --help")
    return MootechError(
        f"a bug in mootech: {type(exc).__name__}: {exc}",
        hint="What was published is whole and stays. Please report it, with what the same command with -v prints.",
    )


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
        from mootech.render import clean  # noqa: PLC0415 - Rich has no part in --help

        record.message = clean(record.message)
        return super().formatMessage(record)


def print_traceback(exc: BaseException) -> None:
    """Print where a bug is, for a report of it."""
    sys.stderr.write("".join(traceback.format_exception(exc)))


def abandon_stdout() -> None:
    """Send what is left in stdout's buffer nowhere: its reader is gone, and flushing at exit would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
