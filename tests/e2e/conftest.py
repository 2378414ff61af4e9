"""The installed command as a person, a script or cron would run it, and a shop for it to ask."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mootech.model import utc_today
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop
from tests import forked
from tests.environment import COMMAND, environment


@dataclass
class Clock:
    """The sandbox's current UTC day, which a test may move."""

    today: date


@dataclass
class RunningShop:
    """A sandbox that answers, and the truth behind it."""

    url: str
    shop: Shop
    clock: Clock


@dataclass
class Mootech:
    """Runs the installed command in an environment of its own."""

    environment: dict[str, str]
    folder: Path
    command: str = COMMAND
    from_the_start: bool = False
    """Started as a shell does it, as each command is in one test at least; otherwise forked, which is quicker."""

    def __call__(self, *arguments: object, expect: int = 0) -> "subprocess.CompletedProcess[str]":
        """Run `mootech` with the arguments and check its exit code."""
        call = [self.command, *map(str, arguments)]
        if self.from_the_start or self.command != COMMAND:
            done = subprocess.run(  # noqa: S603  # our own command
                call,
                capture_output=True,
                text=True,
                check=False,
                timeout=forked.HANGS_AFTER_SECONDS,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
            )
        else:
            done = forked.run(call, self.environment, cwd=self.folder)
        assert done.returncode == expect, f"{call}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: object, expect: int = 0) -> dict[str, Any]:
        """Run with --json; stdout must be exactly one JSON object."""
        document = json.loads(self(*arguments, "--json", expect=expect).stdout)
        assert isinstance(document, dict)
        assert document["exit_code"] == expect
        return document


@pytest.fixture
def shop() -> Iterator[RunningShop]:
    """A small sandbox shop on a real server; its clock shows the real day until a test moves it."""
    clock = Clock(utc_today())
    truth = Shop(scale=0.25)
    with running(truth, today=lambda: clock.today) as url:
        yield RunningShop(url, truth, clock)


@pytest.fixture
def mootech(tmp_path: Path, shop: RunningShop, lake_url: str) -> Mootech:
    """The command, pointed at the shop and at an empty lake, local or on S3; nothing else in its environment."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    return Mootech(environment(lake_url, tmp_path / "state", shop.url, API_KEY), folder)
