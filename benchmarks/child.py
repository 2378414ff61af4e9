"""Measured processes: run one through launcher.py, and tell what it took and what it said."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_LAUNCHER = Path(__file__).with_name("launcher.py")
_SHOWN = 3000
_OURS = ("MOOTECH_", "AWS_")


class FailedError(Exception):
    """Something that was to be measured did not do its work; the message says what it printed."""


@dataclass(frozen=True)
class Run:
    """What one process took, and its stdout."""

    seconds: float
    peak_mb: float
    said: str

    @property
    def told(self) -> Any:  # noqa: ANN401  # JSON is whatever the process printed
        """Its stdout as JSON."""
        return json.loads(self.said)


def measured(argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end, with these variables and none of mootech's or AWS's besides.

    Raises:
        FailedError: its exit code is not 0.

    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    with TemporaryDirectory() as folder:
        took = Path(folder) / "took.json"
        command = [sys.executable, "-I", "-S", str(_LAUNCHER), str(took), *map(str, argv)]
        done = subprocess.run(command, env={**kept, **(env or {})}, capture_output=True, text=True, check=False)  # noqa: S603  # ours
        if done.returncode:
            said = (done.stderr + done.stdout)[-_SHOWN:]
            raise FailedError(f"{Path(argv[0]).name} ended with {done.returncode}: {said}")
        figures = json.loads(took.read_text("utf-8"))
    return Run(figures["seconds"], figures["peak_mb"], done.stdout)
