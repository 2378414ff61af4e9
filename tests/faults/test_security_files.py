"""What mootech keeps on this host is its owner's alone."""

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mootech.model import utc_today
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop
from tests import forked
from tests.environment import COMMAND, aws

PRIVATE = pytest.mark.security("state folder 0700, files 0600")
BAD_DAY = ("--start", "2023-11-23", "--end", "2023-11-25")
"""The sandbox's documented bad day is among them: its rejects are kept in the state folder."""


@pytest.fixture
def url() -> Iterator[str]:
    """The address of a shop."""
    with running(Shop(scale=0.25), today=utc_today) as address:
        yield address


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty lake, in a directory and on S3: the state folder holds more for the second."""
    return str(tmp_path / "lake") if request.param == "local" else str(request.getfixturevalue("s3_lake"))


def open_to_others(folder: Path) -> list[str]:
    """Return every folder that is not 0700, and every file that is not 0600, from this folder down."""
    wrong = []
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode != (0o700 if path.is_dir() else 0o600):
            wrong.append(f"{path} {mode:04o}")
    return wrong


@PRIVATE
def test_the_state_folder_is_its_owners_alone(url: str, lake: str, tmp_path: Path) -> None:
    """With the usual umask of 022, everything below the state folder, and above it what was made, is private.

    The run is killed in its middle as well, so that staged pages, the lock and half-built files are looked at.
    """
    state = tmp_path / "made/for/state"
    env = {
        "PATH": "/usr/bin:/bin",
        "MOOTECH_API_URL": url,
        "MOOTECH_API_KEY": API_KEY,
        "MOOTECH_LAKE": lake,
        "MOOTECH_STATE_DIR": str(state),
        **aws(lake),
    }

    def run(*arguments: str) -> int:
        return forked.run([COMMAND, *arguments], env, script="import os; os.umask(0o022)").returncode

    assert run("ingest", "-t", "clickstream", *BAD_DAY) == 3
    year = ("--start", "2023-01-01", "--end", "2023-12-31")
    killed = subprocess.Popen(  # noqa: S603  # our own command
        ["/bin/sh", "-c", 'umask 022; exec "$0" "$@"', COMMAND, "ingest", "-v", *year],
        env=env,
        stderr=subprocess.PIPE,
        text=True,
    )
    with killed:
        assert killed.stderr is not None
        next(line for line in killed.stderr if ": published" in line)
        killed.kill()
    assert run("silver") == 0
    assert run("report") in {0, 2}
    found = [path.name for path in state.rglob("*")]
    assert "2023-11-24.parquet" in found
    assert "journal.jsonl" in found
    assert open_to_others(tmp_path / "made") == []
