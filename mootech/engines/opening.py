"""Which engine runs the SQL of a command: the one the settings name."""

from contextlib import AbstractContextManager
from importlib.util import find_spec

from mootech.config import Settings
from mootech.engines.duckdb import DuckDB
from mootech.engines.engine import Engine
from mootech.errors import UsageError
from mootech.lake.lake import Lake

_SPARK = ("pyspark", "grpc", "sqlglot")


def opened_engine(lake: Lake, settings: Settings) -> AbstractContextManager[Engine]:
    """Open the engine that the settings name, for the lake's objects.

    Raises:
        UsageError: Spark is asked for and not installed, no address is given, or the server is too old.
        StoreError: the state folder is not usable, or Spark does not answer.

    """
    if settings.engine.name == "duckdb":
        return DuckDB.opened(lake.store, state_dir=settings.state_dir, copies=lake.copies(settings.copies_mb * 2**20))
    if any(find_spec(name) is None for name in _SPARK):
        hint = 'Nothing was done. Spark is an extra: pip install "mootech[spark]"; or leave out --engine spark.'
        raise UsageError("there is nothing installed that talks to Spark", hint=hint)
    from mootech.engines.spark import Spark  # noqa: PLC0415  # an extra, and a second of imports

    remote = settings.engine.remote
    return Spark.opened(lake.store, remote.get_secret_value() if remote else None)
