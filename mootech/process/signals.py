"""Signals: the first SIGINT or SIGTERM unwinds the command; a second one, or STOP_SECONDS, ends the process at once.

Python runs signal handlers only in the main thread, which may hang in a library. So a separate thread reads the number
of each signal from the interpreter's wakeup pipe, and ends the process when unwinding takes too long.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

STOP_SECONDS = 8.0
"""Time from the first signal until the process is ended, whatever hangs. The documentation promises ten seconds."""
_SPEAK_SECONDS = 1.0
"""Time for the last message, because its reader may hang too."""
_ENDING = frozenset({signal.SIGINT, signal.SIGTERM})


def _nothing(_what: str) -> None:
    """Say nothing."""


@dataclass
class Signals:
    """The signals that came, and how the process answers them."""

    first: int | None = None
    """The number of the first SIGINT or SIGTERM."""
    patient: bool = False
    """True for a command that handles signals itself; then this module ignores them."""
    acknowledge: Callable[[], None] = field(default=lambda: None)
    """Called from another thread at the first signal."""
    last_words: Callable[[str], None] = _nothing
    """Called from another thread just before the process is ended; the argument says how it ends."""

    @property
    def terminated(self) -> bool:
        """Say whether SIGTERM came first."""
        return self.first == signal.SIGTERM


@contextmanager
def unwinding() -> Iterator[Signals]:
    """Let SIGINT and SIGTERM end the body with KeyboardInterrupt within STOP_SECONDS, so that locks are released."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals  # only the main thread may set handlers
        return

    def terminate(_number: int, frame: FrameType | None) -> None:
        signals.first = signals.first or signal.SIGTERM
        signal.signal(signal.SIGTERM, lambda *_: None)  # the watching thread sees a second one
        # The current SIGINT handler knows how to stop the command: asyncio's cancels its main task. nohup sets none.
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        with _watched(signals):
            yield signals
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _watched(signals: Signals) -> Iterator[None]:
    """Run a thread that sees every signal while the body runs."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(reader, signals), name="mootech-signals", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.write(writer, b"\0")
        watcher.join()
        os.close(writer)
        os.close(reader)


def _watch(reader: int, signals: Signals) -> None:
    """Read the numbers of signals as they come; 0 ends the thread."""
    deadline: float | None = None
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([reader], [], [], left)[0]:
            _end(signals, "what hung was cut off")
        for number in os.read(reader, 64):
            if number == 0:
                return
            if signals.patient or number not in _ENDING:
                continue
            if deadline is not None:
                _end(signals, "at once")
            signals.first = signals.first or number
            deadline = time.monotonic() + STOP_SECONDS
            signals.acknowledge()


def _end(signals: Signals, how: str) -> None:
    """End the process. This is safe: the kernel frees its locks, and what is published is whole at any moment."""
    speaker = threading.Thread(target=signals.last_words, args=(how,), daemon=True)
    speaker.start()
    speaker.join(_SPEAK_SECONDS)
    os._exit(128 + (signals.first or signal.SIGINT))
