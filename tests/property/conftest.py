"""One engine for all examples of a module: starting DuckDB is what would take the time."""

from collections.abc import Iterator

import pytest

from mootech.engines.duckdb import DuckDB
from mootech.lake.stores.registry import open_store
from tests.property.views import Views


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Views]:
    """Silver without a row yet, and an engine that runs reports over it."""
    folder = tmp_path_factory.mktemp("lake")
    with DuckDB.opened(open_store(str(folder)), state_dir=tmp_path_factory.mktemp("state")) as engine:
        yield Views(folder, engine)
