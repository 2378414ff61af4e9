"""Asynchronous work that can be interrupted: a thread that hangs does not hold up the process.

asyncio waits for its own threads without limit, first when the event loop closes and again when Python exits.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Thread
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

GRACE_SECONDS = 4.0
"""How long calls in threads may go on after an interruption."""


def run(work: Coroutine[Any, Any, T], *, stop: Callable[[], None]) -> T:
    """Run a coroutine in an event loop of its own, as `asyncio.run` does.

    Args:
        work: what to run; an interruption cancels it.
        stop: called when it was cancelled; it tells the calls in threads to end soon.

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
    """Runs each call in a daemon thread of its own; callers limit their number. The loop insists on the base class."""

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
            except BaseException as exc:  # noqa: BLE001  # it is raised where the call is waited for
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
