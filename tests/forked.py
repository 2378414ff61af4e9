"""The installed command without the second that its start takes: forked off a process that has imported everything.

For tests of what a command does. What they start is a process of its own all the same, with its own environment,
folder, output and exit code, and its code is that of the installed command. How the command itself starts is proved by
`tests/e2e`, and here where it matters: signals, memory, file modes, time zones.
"""

import atexit
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests import zygote
from tests.environment import COMMAND
from tests.zygote import Ended, Start

HANGS_AFTER_SECONDS = 240
"""A run takes a few seconds; one that takes this long never ends."""


class Zygote(AbstractContextManager["Zygote"]):
    """The client of one zygote process."""

    def __init__(self) -> None:
        """Start it; it answers when everything is imported."""
        # -P: what the command imports is what is installed beside it, and nothing from the script's folder.
        command = [str(Path(COMMAND).with_name("python")), "-P", zygote.__file__]
        # OpenBLAS would start threads on import, which a fork does not copy.
        env = {"PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(  # noqa: S603  # our own command line
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )

    def __enter__(self) -> Self:
        """Be ready."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the zygote."""
        self._process.communicate()

    def start(self, start: Start) -> int:
        """Fork a child that runs the command; return its process id, which stays its own until `wait`."""
        return int(self._ask(asdict(start)))

    def wait(self, pid: int, folder: Path) -> Ended:
        """Wait for the child's end; `folder` is that of its `Start`."""
        status = int(self._ask(pid))
        events = folder / "events"
        return Ended(
            os.waitstatus_to_exitcode(status),
            (folder / "stdout").read_text(),
            (folder / "stderr").read_text(),
            int(events.read_text()) if events.exists() else 0,
        )

    def run(self, start: Start, *, kill_after: float | None = None) -> Ended:
        """Run a command to its end; kill it `after` so many seconds. One that hangs fails the test."""
        pid = self.start(start)
        if not _ends_within(pid, HANGS_AFTER_SECONDS if kill_after is None else kill_after):
            os.kill(pid, signal.SIGKILL)
            assert kill_after is not None, f"{start.argv} did not end within {HANGS_AFTER_SECONDS} s"
        return self.wait(pid, Path(start.folder))

    def _ask(self, question: object) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def run(
    argv: Sequence[str], env: Mapping[str, str], *, cwd: str | Path | None = None, script: str = "", user: int = 0
) -> "subprocess.CompletedProcess[str]":
    """Run the installed command, whose path is the first of `argv`; see `Start` for the rest."""
    with TemporaryDirectory(prefix="mootech-run-") as folder:
        ended = shared().run(Start(argv, dict(env), folder, str(cwd or Path.cwd()), script, user=user))
    return subprocess.CompletedProcess(argv, ended.returncode, ended.stdout, ended.stderr)


@dataclass
class Running:
    """A command under way."""

    pid: int
    folder: Path
    """The folder of its output."""
    ended: Ended | None = None

    def kill(self) -> Ended:
        """Kill it as kill -9 does, if it has not ended yet."""
        if self.ended is None:
            os.kill(self.pid, signal.SIGKILL)
        return self.ends()

    def ends(self, code: int | None = None) -> Ended:
        """Wait for its end, with that exit code if there is one; one that hangs fails the test."""
        if self.ended is None:
            assert _ends_within(self.pid, HANGS_AFTER_SECONDS), f"no end within {HANGS_AFTER_SECONDS} s"
            self.ended = shared().wait(self.pid, self.folder)
        assert code in {None, self.ended.returncode}, self.ended
        return self.ended


@contextmanager
def started(argv: Sequence[str], env: Mapping[str, str], *, cwd: str | Path | None = None) -> Iterator[Running]:
    """Start the installed command, whose path is the first of `argv`; it is killed when the context ends before it."""
    with TemporaryDirectory(prefix="mootech-run-") as folder:
        running = Running(shared().start(Start(argv, dict(env), folder, str(cwd or Path.cwd()))), Path(folder))
        try:
            yield running
        finally:
            running.kill()


@cache
def shared() -> Zygote:
    """Return the zygote of this process, which ends with it."""
    shared = Zygote()
    atexit.register(shared.__exit__)
    return shared


def _ends_within(pid: int, seconds: float) -> bool:
    """Wait until the process has ended; False when it has not within that time."""
    process = os.pidfd_open(pid)
    try:
        return bool(select.select([process], [], [], seconds)[0])
    finally:
        os.close(process)
