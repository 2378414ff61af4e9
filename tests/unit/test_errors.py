"""Every kind of failure has an exit code that says so, and of several the highest in rank decides."""

import itertools
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module

import pytest

import mootech
from mootech import errors
from mootech.errors import Exit, MootechError, exit_code


def _kinds(kind: type[MootechError] = MootechError) -> Iterator[type[MootechError]]:
    """Return this kind of failure and all below it, wherever in the package they are defined."""
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


@pytest.fixture(scope="module")
def kinds() -> set[type[MootechError]]:
    """Every kind of failure that any module of the package defines."""
    for module in pkgutil.walk_packages(mootech.__path__, "mootech."):
        import_module(module.name)
    return {kind for kind in _kinds() if kind.__module__.startswith("mootech.")}


def test_a_failure_never_ends_with_0(kinds: set[type[MootechError]]) -> None:
    """A command that ends with any one error exits with that error's code, which is not 0."""
    ended = {kind.__name__: exit_code([kind("it failed")]) for kind in kinds}
    assert ended == {kind.__name__: kind.exit_code for kind in kinds}
    assert set(ended.values()) == set(Exit) - {Exit.OK}


def test_without_a_failure_the_code_is_0() -> None:
    """A command that ends without an error exits with 0."""
    assert exit_code([]) is Exit.OK


def test_the_highest_in_rank_decides(kinds: set[type[MootechError]]) -> None:
    """Of two failures, in either order, the one that stands first in the list decides the exit code."""
    ranked = [143, 130, 1, 75, 2, 6, 5, 4, 3]
    by_code = {int(kind.exit_code): kind for kind in kinds}
    assert sorted(by_code) == sorted(ranked)
    for high, low in itertools.combinations(ranked, 2):
        pair = by_code[high]("one"), by_code[low]("other")
        assert exit_code(pair) == exit_code(reversed(pair)) == high


def test_a_failure_without_a_code_of_the_table_is_noticed() -> None:
    """An error class with a code that has no rank cannot pass for a success."""
    kind = type("StrangeError", (MootechError,), {"exit_code": 99})
    with pytest.raises(ValueError, match="99"):
        exit_code([kind("it failed")])


def test_the_tree_in_the_module_is_true(kinds: set[type[MootechError]]) -> None:
    """The tree at the top of errors.py shows the module's classes with their codes."""
    drawn = re.findall(r"^[ │├└─]*(\w+Error) +(\d+|exit +\d+) ", errors.__doc__ or "", re.MULTILINE)
    there = {kind.__name__: int(kind.exit_code) for kind in kinds if kind.__module__ == errors.__name__}
    assert {name: int(code.split()[-1]) for name, code in drawn} == there
