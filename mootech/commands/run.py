"""`mootech run`: everything that is due, for cron."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

from mootech.commands.common import Act, Command, Common
from mootech.errors import Exit
from mootech.model import Progress
from mootech.outcomes import Outcome


def run(common: Common) -> Act:
    """Do everything that is due, for cron.

    That is ingest, qa, silver and the configured reports. A day that fails does not stop the others.
    """

    def act(progress: Progress | None) -> Outcome:
        from mootech.pipeline import run as pipeline

        return pipeline.run(common.settings(), progress=progress)

    return act


COMMAND = Command(
    run, example="mootech run --config /etc/mootech.toml -q", exits=(Exit.QUALITY, Exit.SOURCE, Exit.STORE, Exit.LOCKED)
)
