"""Asynchronous work that can be interrupted: a thread that hangs does not hold the process.

asyncio's own threads are waited for without end, first when the event loop closes and once more when Python exits.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

GRACE_SECONDS = 4.0
"""How long calls that are under way in threads may go on after an interruption."""


def run(work: Coroutine[Any, Any, T], *, stop: Callable[[], None]) -> T:
    """Run a coroutine in an event loop of its own, as `asyncio.run` does.

    Args:
        work: what to run; an interruption cancels it.
        stop: called when it was cancelled, to tell the calls in threads that they should end soon.

    Raises:
        KeyboardInterrupt: it was interrupted. Calls that hang are left behind in daemon threads.

    """

    async def stoppable() -> T:
        try:
            return await work
        except asyncio.CancelledError:
            stop()
            raise

    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_DaemonThreads())
        return runner.run(stoppable())


class _DaemonThreads(ThreadPoolExecutor):
    """Each call in a daemon thread of its own; callers bound how many there are. The loop takes no other class."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self._calls: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start the call."""
        future: Future[T] = Future()
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as exc:  # noqa: BLE001  # whatever it is belongs to who waits for the call
                future.set_exception(exc)
            else:
                future.set_result(result)

        Thread(target=call, name="mootech-call", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # the base's
        """Wait for the calls under way, but not for ever."""
        if wait:
            _wait(self._calls)


def _wait(calls: set[Future[Any]]) -> None:
    wait(list(calls), timeout=GRACE_SECONDS)
