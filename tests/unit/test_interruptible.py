"""Asynchronous work under interruption: cancelled, its threads told to stop, none of them waited for without end."""

import asyncio
import signal
import threading

import pytest

from mootech.source import interruptible


def test_work_returns_what_its_threads_return() -> None:
    """Calls in threads come back with their results and their exceptions, and nobody is told to stop."""

    async def work() -> tuple[int, str]:
        answers = await asyncio.gather(asyncio.to_thread(int, "7"), asyncio.to_thread(int, "x"), return_exceptions=True)
        assert isinstance(answers[0], int)
        return answers[0], type(answers[1]).__name__

    assert interruptible.run(work(), stop=lambda: pytest.fail("nothing was interrupted")) == (7, "ValueError")


def test_an_interruption_lets_the_call_in_hand_finish() -> None:
    """A call that ends soon after it was told to is waited for."""
    told, finished = threading.Event(), threading.Event()

    def call() -> None:
        told.wait()
        finished.set()

    async def work() -> None:
        calling = asyncio.create_task(asyncio.to_thread(call))
        await asyncio.sleep(0)
        signal.raise_signal(signal.SIGINT)
        await calling

    with pytest.raises(KeyboardInterrupt):
        interruptible.run(work(), stop=told.set)
    assert finished.is_set()


def test_a_call_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the grace the interruption goes on without the call, in a thread that does not hold the process."""
    monkeypatch.setattr(interruptible, "GRACE_SECONDS", 0.05)
    began, over = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def hang() -> None:
        threads.append(threading.current_thread())
        began.set()
        over.wait()

    async def work() -> None:
        calling = asyncio.create_task(asyncio.to_thread(hang))
        await asyncio.to_thread(began.wait)
        signal.raise_signal(signal.SIGINT)
        await calling

    with pytest.raises(KeyboardInterrupt):
        interruptible.run(work(), stop=lambda: None)
    assert threads[0].is_alive()
    assert threads[0].daemon
    over.set()
    threads[0].join()
