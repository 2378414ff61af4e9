"""A store's objects as files of an fsspec file system, which DuckDB reads without an extension of its own.

Nothing imports this module unless a lake elsewhere is read without copies: fsspec takes 0.2 s to import.
"""

import os
from datetime import UTC, datetime
from threading import local
from typing import Any
from urllib.parse import quote, unquote

from fsspec import AbstractFileSystem

from mootech.lake.pinned import PinnedObjects

_SCHEME = "lake://"


def address(key: str) -> str:
    """Return the address of an object in the file system: without a character that is a pattern or an option."""
    return _SCHEME + quote(key, safe="/=")


class ObjectFiles(AbstractFileSystem):  # type: ignore[misc]  # an untyped library's class
    """The pinned objects, read only: what DuckDB calls of a file system and nothing else."""

    protocol = _SCHEME.removesuffix("://")
    cachable = False

    def __init__(self, objects: PinnedObjects) -> None:
        """Read these objects, also those that are pinned later."""
        super().__init__()
        self._objects = objects

    def open(self, path: str, mode: str = "rb", **_: Any) -> "_ObjectFile":  # noqa: ANN401  # fsspec's own options
        """Open an object; nothing is asked of the store yet."""
        if mode != "rb":
            raise PermissionError(f"{path} can only be read")
        return _ObjectFile(self._objects, _key(path))

    def info(self, path: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401  # fsspec's own options
        """Return the object's name and size."""
        return {"name": path, "size": self._objects.size(_key(path)), "type": "file"}

    def glob(self, path: str, **_: Any) -> list[str]:  # noqa: ANN401  # fsspec's own options
        """Return the one object that an address means."""
        return [path]

    def modified(self, _path: str) -> datetime:
        """Return a fixed time: DuckDB asks for one, and is told to keep nothing that it would compare it with."""
        return datetime.fromtimestamp(0, UTC)


class _ObjectFile(local):
    """An open object. Its position is each thread's own: DuckDB seeks and reads in several threads at a time."""

    def __init__(self, objects: PinnedObjects, key: str) -> None:
        self._objects = objects
        self._key = key
        self._position = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._objects.size(self._key)}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        data = self._objects.read(self._key, self._position, size)
        self._position += len(data)
        return data

    def close(self) -> None:
        """Do nothing: there is nothing open."""


def _key(path: str) -> str:
    return unquote(path.removeprefix(_SCHEME))
