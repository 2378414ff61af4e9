"""The installed command in an environment of its own, for tests that look at everything it says and writes."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests import forked
from tests.environment import COMMAND, environment


@dataclass
class Command:
    """Runs `mootech` and keeps everything it says."""

    environment: dict[str, str]
    folder: Path
    """The current directory."""
    from_the_start: bool = False
    """Started as a shell does it, where its start is what matters; otherwise forked, which is quicker."""
    said: list[str] = field(default_factory=list)

    def __call__(
        self, *arguments: object, expect: int = 0, script: str = "", **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run it and check its exit code; `script` is Python that runs before a forked command does."""
        argv, env = [COMMAND, *map(str, arguments)], {**self.environment, **environment}
        if self.from_the_start and not script:
            done = subprocess.run(  # noqa: S603  # our own command
                argv,
                env=env,
                cwd=self.folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=forked.HANGS_AFTER_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        else:
            done = forked.run(argv, env, cwd=self.folder, script=script)
        self.said += [done.stdout, done.stderr]
        assert done.returncode == expect, done.stdout + done.stderr
        return done


def command_for(folder: Path, lake: str | Path, url: str, key: str, *, from_the_start: bool = False) -> Command:
    """Return the command with a home, a state folder and a current directory below `folder`."""
    cwd = folder / "cwd"
    cwd.mkdir(parents=True, exist_ok=True)
    known = {"HOME": str(folder / "home"), **environment(lake, folder / "state", url, key)}
    return Command(known, cwd, from_the_start=from_the_start)
