"""`mootech status`: what the lake holds and what it lacks."""
# ruff: noqa: PLC0415 - a command imports what it runs: `mootech --help` must not wait for polars, duckdb or httpx

from mootech.commands.common import READS, Act, Command, Common
from mootech.errors import Exit
from mootech.model import Progress
from mootech.outcomes import Outcome


def status(common: Common) -> Act:
    """Say what the lake holds and what it lacks.

    Per table the days held, gaps, freshness, blocked days and rows quarantined of late; the last run, and who holds the
    lock.
    """

    def act(_progress: Progress | None) -> Outcome:
        from mootech.pipeline import status as pipeline

        return pipeline.status(common.settings())

    return act


COMMAND = Command(status, example="mootech status --json", exits=(Exit.STORE,), safe=READS)
