"""`demo`: everything that mootech does, with the sandbox as its shop."""

from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from mootech.config import IngestSettings, ReportSettings, Settings, SourceSettings
from mootech.errors import UsageError
from mootech.lake.lake import Lake
from mootech.lake.paths import DEMO_KEY, Layer
from mootech.model import Progress, utc_today
from mootech.outcomes import RunOutcome
from mootech.pipeline.run import run
from mootech.pipeline.session import opened_if_there
from mootech.sandbox.server import running
from mootech.sandbox.shop import API_KEY, Shop
from mootech.tables import TABLES


def demo(lake: str, state_dir: Path, *, days: int, progress: Progress | None = None) -> RunOutcome:
    """Start the sandbox shop on a free port, fetch its last `days` days into a lake, and report on the tumbler.

    Raises:
        UsageError: the lake holds days of another shop, which the demo must not mix with its own.

    Example:
        >>> demo("./demo-lake", Path("demo-state"), days=2).errors
        ()

    """
    today = utc_today()
    with running(Shop(), today=lambda: today) as url:
        settings = Settings(
            lake=lake,
            state_dir=state_dir,
            source=SourceSettings(url=url, api_key=SecretStr(API_KEY)),
            ingest=IngestSettings(start=today - timedelta(days=days)),
            report=ReportSettings(products=("Tumbler",)),
        )
        there = opened_if_there(settings)
        if there and there.store.head(DEMO_KEY) is None and any(there.held(Layer.RAW, table.name) for table in TABLES):
            raise UsageError(
                f"{lake} holds days of another shop",
                hint="Nothing was changed. Give the demo a lake of its own: --lake.",
            )
        Lake.open(lake, state_dir=state_dir, write=True).store.create(DEMO_KEY, b"{}")
        return run(settings, progress=progress)
