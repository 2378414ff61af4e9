"""A process that has imported everything and forks one child per command: importing costs a second, a thousand times.

The child is a process of its own that does what the installed command does, and dies by a real SIGKILL, from outside
or at the very moment of a chosen file event.

It is a script for the Python of the installed command, so that what is forked is what is shipped, and imports nothing
of the tests. Spoken to in lines of JSON (`forked.Zygote` is the client): a `Start` in, the child's pid out; that pid
in, its end out.
"""

import codecs
import importlib
import importlib.util
import json
import os
import pkgutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WATCHED = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.rmtree"})
"""Audit events of what a run does to files; Python raises each just before it does it."""


_IMPORTED = (
    "anyio._backends._asyncio",
    "h11",
    "httpcore",
    "importlib.readers",
    "pandera.backends.polars.builtin_checks",
    "pandera.backends.polars.checks",
    "pandera.backends.polars.components",
    "pandera.backends.polars.container",
    "polars._utils.parquet",
    "pydantic.type_adapter",
    "s3fs",
    "typer._adapters",
    "typer._click.decorators",
)
"""What commands import on their way, besides mootech."""
_IMPORTED_WHERE_INSTALLED = ("hypothesis",)
"""What pandera asks for."""


@dataclass(frozen=True)
class Start:
    """One command to run: the first of `argv` is the installed command's path, which is not needed here."""

    argv: Sequence[str]
    env: dict[str, str]
    folder: str
    """For the output: stdout and stderr."""
    cwd: str = ""
    """The current directory; that folder, too, when it is empty."""
    script: str = ""
    """Python that runs before the command does; one that ends the process runs in its place."""
    watched: Sequence[str] = ()
    """Folders whose file events count."""
    user: int = 0
    """Whose rights the command has, as a number; root can give it anybody's."""
    die_at: int = 0
    """Die by SIGKILL just before the file event of this number; 0 is never."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    returncode: int
    """Negative: the signal that killed it."""
    stdout: str
    stderr: str
    events: int
    """File events it came to; 0 when it was killed from outside."""


class _FileEvents:
    """Counts the file events below some folders, and kills this process just before a chosen one."""

    def __init__(self, start: Start) -> None:
        self.count = 0
        self._below = tuple(start.watched)
        self._die_at = start.die_at
        if self._below:
            sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if event not in _WATCHED or not isinstance(args[0], str | os.PathLike):
            return
        if not os.fspath(args[0]).startswith(self._below):
            return
        self.count += 1
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)


def _child(start: Start, main: Callable[[Sequence[str]], int]) -> int:
    """Become the command: its environment, its folder, its output, and nothing of the zygote's."""
    folder = Path(start.folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.chdir(start.cwd or folder)
    os.environ.clear()
    os.environ.update(start.env)
    time.tzset()
    (folder / "events").unlink(missing_ok=True)
    if start.user:
        _become(start.user)
    sys.argv = list(start.argv)
    exec(start.script, {})  # noqa: S102  # a test's own
    events = _FileEvents(start)
    code = main(start.argv[1:])
    if start.watched:
        # In one step: the kill may come between the file and its digits.
        count = folder / "events.new"
        count.write_text(str(events.count))
        count.replace(folder / "events")
    return code


def _become(user: int) -> None:
    """Drop root's rights. Everything is imported before: this interpreter may live where only root looks."""
    codecs.lookup("utf-8-sig")
    codecs.lookup("idna")
    importlib.import_module("_strptime")
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def _serve(main: Callable[[Sequence[str]], int]) -> None:
    for line in sys.stdin:
        question = json.loads(line)
        if isinstance(question, int):
            sys.stdout.write(f"{os.waitpid(question, 0)[1]}\n")
        else:
            pid = os.fork()
            if pid == 0:
                code = 70
                try:
                    code = _child(Start(**question), main)
                    sys.stdout.flush()
                    sys.stderr.flush()
                finally:
                    # Not sys.exit: the zygote's own cleaning up is not the child's.
                    os._exit(code)
            sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def preloaded() -> Callable[[Sequence[str]], int]:
    """Import everything, which starts no thread that a child would miss, and return the command's `main`."""
    for name in (*_IMPORTED, *(each for each in _IMPORTED_WHERE_INSTALLED if importlib.util.find_spec(each))):
        importlib.import_module(name)
    package = importlib.import_module("mootech")
    for module in pkgutil.walk_packages(package.__path__, "mootech."):
        if module.name.endswith("__main__") or "spark" in module.name:
            continue
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as exc:
            # A module of an extra that is not installed here; a command that needed it would say so.
            if str(exc.name).startswith("mootech"):
                raise
    main: Callable[[Sequence[str]], int] = importlib.import_module("mootech.cli").main
    return main


if __name__ == "__main__":
    _serve(preloaded())
