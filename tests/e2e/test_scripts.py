"""mootech in cron and in shell scripts."""

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from mootech.model import utc_today
from tests.e2e.conftest import Mootech, RunningShop
from tests.environment import COMMAND

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def lake_url(tmp_path: Path) -> str:
    """An empty lake on the disk."""
    return str(tmp_path / "lake")


def crontab_line() -> str:
    """Return the README's crontab line."""
    block: str
    (block,) = re.findall(r"```crontab\n(.*?)```", README.read_text(), re.DOTALL)
    return next(line for line in block.splitlines() if line and not line.startswith(("#", "MAILTO")))


def test_the_readmes_cron_line_runs_with_an_empty_environment_from_the_root(
    shop: RunningShop, tmp_path: Path, lake_url: str
) -> None:
    """What the README tells to paste into crontab works without HOME, PATH or locale, from /, and is quiet."""
    home = tmp_path / "opt"
    (home / ".venv/bin").mkdir(parents=True)
    (home / ".venv/bin/mootech").symlink_to(COMMAND)
    start = utc_today() - timedelta(days=3)
    (home / "mootech.toml").write_text(
        f'lake = "{lake_url}"\nstate_dir = "{tmp_path / "state"}"\n'
        f'[source]\nurl = "{shop.url}"\n'
        f'[ingest]\nstart = "{start}"\ntables = ["products", "transactions"]\n'
    )
    key = home / "api-key"
    key.write_text("sandbox-key\n")
    key.chmod(0o600)
    command = crontab_line().split(maxsplit=5)[5].replace("/opt/mootech", str(home))
    done = subprocess.run(  # noqa: S603  # the README's own line
        ["/bin/sh", "-c", command], cwd="/", env={}, capture_output=True, text=True, check=False, timeout=240
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(Path(lake_url, "results").iterdir())


def test_a_table_is_fit_for_a_pipe(mootech: Mootech) -> None:
    """Results go to stdout as plain text, everything else to stderr; a closed pipe is no failure."""
    mootech("ingest", "--start", "2024-03-01", "--end", "2024-03-02", "-t", "transactions", "-t", "products")
    mootech("silver")
    done = mootech("report", "--product", "Tumbler", "--format", "csv")
    header, *rows = done.stdout.splitlines()
    assert header.startswith("transaction_year,transaction_month,total_items_sold,total_sale,percentage_difference,")
    assert len(rows) == 1
    assert "\x1b" not in mootech("report", "--product", "Tumbler").stdout
    shell = f"set -o pipefail; {COMMAND} report | head -1"
    bash = shutil.which("bash") or "/bin/bash"
    piped = subprocess.run(  # noqa: S603  # our own command
        [bash, "-c", shell], env=mootech.environment, cwd=mootech.folder, capture_output=True, text=True, check=False
    )
    assert piped.returncode == 0, piped.stderr


def test_exports_are_written_whole_and_can_be_read_back(mootech: Mootech) -> None:
    """--output writes CSV, JSON and Markdown by the file's ending."""
    mootech("ingest", "--start", "2024-03-01", "--end", "2024-03-01", "-t", "transactions", "-t", "products")
    mootech("silver")
    for ending, beginning in (("csv", "transaction_year,"), ("json", "["), ("md", "|")):
        target = mootech.folder / f"report.{ending}"
        mootech("report", "--product", "Tumbler", "--output", target)
        assert target.read_text().startswith(beginning)
