"""SIGINT and SIGTERM, sent to real processes: they stop within seconds, whatever hangs, and say what is done."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from mootech.lake.stores.registry import open_store
from mootech.model import utc_today
from mootech.process.signals import STOP_SECONDS
from mootech.sandbox.server import running
from mootech.sandbox.shop import Shop
from mootech.tables import TableSpec
from tests import forked
from tests.faults.invariants import World, check_converged, check_lake, ingest_command
from tests.wire import problem, serving

WITHIN = 30
"""Seconds for a process to end; twice and more what is promised, for a busy machine."""

ENDINGS = pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])

# The installed command with a store that takes the first day and hangs at the second one's partition.
_HANGING = """
import sys, threading
from mootech.cli import main
from mootech.lake.stores.local import LocalStore
put, days = LocalStore.put, []
def hang(self, key, *rest, **options):
    if key.startswith("raw_data/"):
        days.append(key)
    if len(days) > 1:
        print("hanging", file=sys.stderr, flush=True)
        threading.Event().wait()
    return put(self, key, *rest, **options)
LocalStore.put = hang
sys.exit(main(sys.argv[1:]))
"""


class StuckShop(Shop):
    """A shop that hands out some pages and then nothing, until it is let go."""

    def __init__(self, pages: int) -> None:
        """Be the world's shop."""
        super().__init__(scale=0.05)
        self.left = pages
        self.stuck = threading.Event()
        self.go_on = threading.Event()

    def page(self, table: TableSpec, day: date, begin: int, room: int, *, today: date) -> list[str]:
        """Answer, or wait."""
        self.left -= 1
        if self.left < 0:
            self.stuck.set()
            self.go_on.wait()
        return super().page(table, day, begin, room, today=today)


@dataclass
class Process:
    """A command under way, whose stderr can be waited for line by line."""

    popen: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)

    def wait_for(self, text: str) -> None:
        """Read stderr until a line holds the text."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self.lines.append(line)
            if text in line:
                return
        pytest.fail(f"ended before {text!r}: {''.join(self.lines)}")

    def ended(self) -> tuple[int, str, str]:
        """Return the exit code, stdout, and all of stderr."""
        out, err = self.popen.communicate(timeout=WITHIN)
        return self.popen.returncode, out, "".join(self.lines) + err


@contextmanager
def started(argv: Sequence[str], env: Mapping[str, str]) -> Iterator[Process]:
    """Start a command; it is gone at the end, whatever happened."""
    popen = subprocess.Popen(  # noqa: S603  # our own command
        argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    with popen:
        try:
            yield Process(popen)
        finally:
            popen.kill()


def told(text: str) -> tuple[int, int]:
    """Return how many days the message says were published, and how many pages stay staged."""
    found = re.search(r"(\d+) of \d+ days were published.*?, (\d+) fetched pages stay staged", text)
    assert found, text
    return int(found[1]), int(found[2])


def staged(state: Path) -> int:
    """Count the pages in the state folder."""
    return len(list(state.rglob("page-*.json")))


def published(lake: str) -> int:
    """Count the partitions of bronze."""
    return len(open_store(lake).list("raw_data/"))


def finish(world: World, lake: str, state: Path) -> str:
    """Run the ingest undisturbed; it must start at once and leave the oracle's lake. Returns what it said."""
    argv, env = ingest_command(world, lake, state)
    done = forked.run(argv, env)
    assert done.returncode == 0, done.stderr
    check_converged(open_store(lake), world)
    return done.stdout + done.stderr


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty lake, in a directory and on S3."""
    return str(tmp_path / "lake") if request.param == "local" else str(request.getfixturevalue("s3_lake"))


@pytest.mark.fault(3)
@ENDINGS
def test_a_silent_source_does_not_hold_the_process(
    world: World, lake: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Told to stop while the source keeps it waiting, ingest drops the page in hand and says exactly what is done.

    The lock is free, also for another host: a run with a state folder of its own starts at once and completes.
    """
    shop = StuckShop(pages=60)
    with running(shop, today=utc_today) as url:
        argv, env = ingest_command(world, lake, tmp_path / "state")
        with started(argv, {**env, "MOOTECH_API_URL": url}) as process:
            assert shop.stuck.wait(WITHIN * 4)
            process.popen.send_signal(number)
            ended, out, err = process.ended()
        shop.go_on.set()
    assert (ended, out) == (code, "")
    days, pages = told(err)
    assert (days, pages) == (published(lake), staged(tmp_path / "state"))
    assert "The same command goes on from there." in err
    check_lake(open_store(lake), world)
    finish(world, lake, tmp_path / "other-host")


@pytest.mark.fault(3)
def test_what_was_staged_is_not_fetched_again(world: World, tmp_path: Path) -> None:
    """After an interruption the next run resumes with the pages that stayed."""
    shop = StuckShop(pages=60)
    lake, state = str(tmp_path / "lake"), tmp_path / "state"
    argv, env = ingest_command(world, lake, state)
    with running(shop, today=utc_today) as url:
        env["MOOTECH_API_URL"] = url
        with started(argv, env) as process:
            assert shop.stuck.wait(WITHIN * 4)
            process.popen.send_signal(signal.SIGINT)
            _, pages = told(process.ended()[2])
            assert pages > 0
        shop.go_on.set()
        shop.left = 1_000_000
        done = forked.run(argv, env)
    assert "resumed: " in done.stdout + done.stderr
    check_converged(open_store(lake), world)


@pytest.mark.fault(3, 11)
@ENDINGS
def test_waiting_out_a_retry_after_can_be_stopped(
    world: World, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Told to stop during the half minute that a source asked for, ingest stops now."""
    with serving([problem(429, "later", Retry_After="30")]) as wire:
        argv, env = ingest_command(world, tmp_path / "lake", tmp_path / "state", "-v")
        with started(argv, {**env, "MOOTECH_API_URL": wire.url}) as process:
            process.wait_for("429")
            process.popen.send_signal(number)
            ended, out, err = process.ended()
    assert (ended, out) == (code, "")
    assert told(err) == (0, 0)
    assert len(wire.requests) == 1


@pytest.mark.fault(3)
@pytest.mark.parametrize(("number", "code", "form"), [(signal.SIGINT, 130, "json"), (signal.SIGTERM, 143, "text")])
def test_a_hanging_store_is_cut_off(world: World, tmp_path: Path, number: signal.Signals, code: int, form: str) -> None:
    """A store that does not answer the thread that publishes holds the process for seconds only; the days are said."""
    lake, state = str(tmp_path / "lake"), tmp_path / "state"
    argv, env = ingest_command(world, lake, state, *(["--json"] if form == "json" else []))
    with started([sys.executable, "-c", _HANGING, *argv[1:]], env) as process:
        process.wait_for("hanging")
        process.popen.send_signal(number)
        ended, out, err = process.ended()
    assert ended == code
    message = json.loads(out)["error"]["message"] if form == "json" else err
    assert told(message)[0] == published(lake) == 1
    assert form == "json" or out == ""
    finish(world, lake, state)


@pytest.mark.fault(3)
@pytest.mark.parametrize(("number", "code", "form"), [(signal.SIGINT, 130, "json"), (signal.SIGTERM, 143, "text")])
def test_a_second_signal_forces_the_end(
    world: World, tmp_path: Path, number: signal.Signals, code: int, form: str
) -> None:
    """The second signal ends the process at once, with the first one's code and one JSON object where one was asked."""
    lake, state = str(tmp_path / "lake"), tmp_path / "state"
    argv, env = ingest_command(world, lake, state, *(["--json"] if form == "json" else []))
    with started([sys.executable, "-c", _HANGING, *argv[1:]], env) as process:
        process.wait_for("hanging")
        process.popen.send_signal(number)
        process.wait_for("stopping")
        process.popen.send_signal(signal.SIGTERM if number == signal.SIGINT else signal.SIGINT)
        ended, out, err = process.ended()
    assert ended == code
    message = json.loads(out)["error"]["message"] if form == "json" else err
    assert "at once" in message
    assert told(message)[0] == published(lake)
    finish(world, lake, state)


@pytest.mark.fault(3)
def test_stopping_is_quicker_than_promised() -> None:
    """A process that hangs is ended before the ten seconds are over."""
    assert STOP_SECONDS < 10


@pytest.mark.fault(3, 10)
@pytest.mark.s3
def test_a_store_that_stops_answering_is_cut_off(world: World, s3_lake: str, tmp_path: Path) -> None:
    """The S3 server goes silent in the middle of a run: SIGTERM still ends it, and the next run starts at once."""
    upstream = os.environ["AWS_ENDPOINT_URL"]
    with silenceable(upstream) as (endpoint, silence):
        argv, env = ingest_command(world, s3_lake, tmp_path / "state", "-v")
        with started(argv, {**env, "AWS_ENDPOINT_URL": endpoint}) as process:
            process.wait_for(": published")
            silence()
            process.popen.send_signal(signal.SIGTERM)
            ended, _, err = process.ended()
    assert ended == 143
    assert told(err)[0] >= 1
    check_lake(open_store(s3_lake), world)
    finish(world, s3_lake, tmp_path / "state")


@contextmanager
def silenceable(upstream: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Forward connections to a server; yields the address, and what makes everything wait from then on."""
    import socket  # noqa: PLC0415  # only here

    host, _, port = upstream.removeprefix("http://").partition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    silent, over = threading.Event(), threading.Event()
    ends: list[socket.socket] = [listener]

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if silent.is_set():
                    over.wait()
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((host, int(port)))
                ends.extend((client, server))
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", silent.set
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        for end in ends:
            end.close()
        acceptor.join()
