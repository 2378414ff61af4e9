"""Importing a package without letting it see another one that it would import as well."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unseen(package: str) -> Iterator[None]:
    """Let imports of `package` fail meanwhile, as they do where it is not installed; once imported it stays seen."""
    known = package in sys.modules
    if not known:
        sys.modules[package] = None  # type: ignore[assignment]  # this is how Python refuses an import
    try:
        yield
    finally:
        if not known:
            del sys.modules[package]
