"""Hides an installed package from the imports of another one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unseen(package: str) -> Iterator[None]:
    """Let imports of `package` fail inside the context, as if it were not installed; no effect if it is imported."""
    known = package in sys.modules
    if not known:
        sys.modules[package] = None  # type: ignore[assignment]  # this is how Python refuses an import
    try:
        yield
    finally:
        if not known:
            del sys.modules[package]
