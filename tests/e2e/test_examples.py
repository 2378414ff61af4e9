"""The examples in the docstrings of the Python API, run against the sandbox over HTTP and a lake in a folder."""

import doctest
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterator
from datetime import date, timedelta
from types import ModuleType
from typing import Any

import pytest

from mootech import ingestor, pipeline
from mootech.config import Settings, load
from mootech.layers.bronze.selection import Selection
from mootech.model import utc_today
from mootech.outcomes import Outcome
from mootech.pipeline.ingest import ingest
from mootech.pipeline.silver import silver
from mootech.sandbox.server import API_KEY, running
from mootech.sandbox.shop import Shop

MODULES = (
    ingestor,
    *(importlib.import_module(f"mootech.pipeline.{each.name}") for each in pkgutil.iter_modules(pipeline.__path__)),
)
EXAMPLES = [
    example
    for module in MODULES
    for example in doctest.DocTestFinder(exclude_empty=True).find(module)
    if example.examples
]


@pytest.fixture(scope="module", autouse=True)
def _lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two days of a shop in a lake, silver included; the environment and the files that the examples rely on."""
    folder = tmp_path_factory.mktemp("examples")
    yesterday = utc_today() - timedelta(days=1)
    (folder / "nightly.toml").write_text(f'[ingest]\nstart = "{yesterday}"\n', "utf-8")
    with running(Shop(scale=0.5)) as url, pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("MOOTECH_API_URL", url)
        patched.setenv("MOOTECH_API_KEY", API_KEY)
        patched.setenv("MOOTECH_LAKE", str(folder / "lake"))
        patched.setenv("MOOTECH_STATE_DIR", str(folder / "state"))
        assert ingest(load(), Selection(start=date(2024, 3, 1), end=date(2024, 3, 2))).exit_code == 0
        assert silver(load()).exit_code == 0
        yield


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_does_what_it_says(example: doctest.DocTest) -> None:
    """Typed in as it stands, an example prints what stands below it."""
    said: list[str] = []
    runner = doctest.DocTestRunner()
    assert runner.run(example, out=said.append).failed == 0, "".join(said)


def callables(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield what a Python caller uses: functions from settings or a lake to an outcome, and the notebook's names."""
    for name, each in vars(module).items():
        if name.startswith("_") or getattr(each, "__module__", None) != module.__name__:
            continue
        if module is ingestor:
            yield name, each
        elif inspect.isfunction(each):
            hints = typing.get_type_hints(each)
            first, given = next(iter(hints.values())), hints["return"]
            if first in {Settings, str} and inspect.isclass(given) and issubclass(given, Outcome):
                yield name, each


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_function_of_the_python_api_has_an_example(module: ModuleType) -> None:
    """No function, and no class, that a Python caller uses is without one."""
    shown = {example.name for example in EXAMPLES}
    assert [name for name, _ in callables(module) if f"{module.__name__}.{name}" not in shown] == []
