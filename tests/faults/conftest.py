"""What fault tests share: one small shop on a real server, and the bytes that an undisturbed run leaves of it."""

from collections.abc import Iterator

import pytest

from mootech.sandbox.shop import Shop
from tests.faults.invariants import World, small_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A leap-day week of all four tables, in pages of 40 rows, and what one clean run makes of it."""
    with small_world(tmp_path_factory.mktemp("oracle"), Shop(scale=0.05)) as made:
        yield made
