"""The installed command in an environment of its own, for tests that look at everything it says and writes."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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
    own = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "MOOTECH_API_URL": url,
        "MOOTECH_API_KEY": key,
        "MOOTECH_LAKE": str(lake),
        "MOOTECH_STATE_DIR": str(folder / "state"),
    }
    return Command({**own, **aws(lake)}, cwd)


def aws(lake: str | Path) -> Mapping[str, str]:
    """Return this process's AWS variables, for a lake on S3."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")} if "://" in str(lake) else {}
