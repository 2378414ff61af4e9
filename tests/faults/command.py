"""The installed command in an environment of its own, for tests that look at everything it says and writes."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.environment import environment
from tests.faults.invariants import COMMAND


@dataclass
class Command:
    """Runs `mootech` and keeps everything it says."""

    environment: dict[str, str]
    folder: Path
    """The current directory."""
    said: list[str] = field(default_factory=list)

    def __call__(
        self, *arguments: object, expect: int = 0, script: str = "", **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run it and check its exit code; `script` is Python that runs before the command's own entry point."""
        start = [sys.executable, "-c", f"{script}\nimport sys\nfrom mootech.cli import main\nsys.exit(main())"]
        done = subprocess.run(  # noqa: S603  # our own command
            [*(start if script else [COMMAND]), *map(str, arguments)],
            env={**self.environment, **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
            stdin=subprocess.DEVNULL,
        )
        self.said += [done.stdout, done.stderr]
        assert done.returncode == expect, done.stdout + done.stderr
        return done


def command_for(folder: Path, lake: str | Path, url: str, key: str) -> Command:
    """Return the command with a home, a state folder and a current directory below `folder`."""
    cwd = folder / "cwd"
    cwd.mkdir(parents=True, exist_ok=True)
    return Command({"HOME": str(folder / "home"), **environment(lake, folder / "state", url, key)}, cwd)
