"""The interface to what holds the lake's objects, the same for a directory and for S3.

Every implementation must pass tests/conformance/test_stores.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mootech.errors import StoreError
from mootech.lake.disk import mapped, scratch_file

MAX_KEY_BYTES = 1024
"""S3's limit. It also applies to a directory, so that a lake can be copied from one to the other."""

ABSENT = ""
"""The version that stands for no object at all."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, order=True)
class Entry:
    """One object of the lake. `size` is in bytes; `version` changes whenever the bytes do."""

    key: str
    size: int
    version: str


@dataclass(frozen=True)
class Head:
    """One object and its user metadata. A directory keeps no metadata, so there the mapping is empty."""

    entry: Entry
    metadata: Mapping[str, str] = field(default_factory=dict)


class Store(Protocol):
    """A place for objects. All methods are thread-safe and raise StoreError, with a hint, when the store fails."""

    @property
    def url(self) -> str:
        """The lake's address as a person would write it, without secrets."""

    @property
    def endpoint(self) -> str:
        """The server's address, because two servers may have buckets of one name; empty if there is no server."""

    @property
    def folder(self) -> Path | None:
        """The directory of this host in which the objects are files; None for a store that several hosts share."""

    def list(self, prefix: str) -> list[Entry]:
        """Return every object below a folder ("" or ending in "/"), sorted by key. The answer is never stale."""

    def head(self, key: str) -> Head | None:
        """Return the object's entry and metadata; None when there is no such object."""

    def read(self, key: str) -> bytes:
        """Return the whole object; StoreError when there is no such object."""

    def read_tail(self, key: str, size: int) -> bytes:
        """Return the last `size` bytes, fewer when the object is smaller; StoreError when there is no such object."""

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Return `size` bytes (at least 1) from `start` on, and the version of the object that they belong to.

        The bytes are fewer when the object ends earlier; StoreError when there is no such object.
        """

    def download(self, key: str, file: Path) -> Entry:
        """Write the whole object into a local file, without fsync, and return the entry of the version it wrote.

        StoreError when there is no such object; ScratchError when the file could not be written.
        """

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Publish a finished local file atomically: a reader sees either the old object or the whole new one.

        The store may move the file away, so the caller must not use it again. When the server's answer is lost, the
        store asks the server what it holds. StoreError means that the new object is not known to be there.

        `replaces` is the version that the caller expects under the key (ABSENT: no object; None: any). If hosts share
        the store and the server can compare versions, an object of another version is not replaced, and StoreError is
        raised. This is a second line of defence behind the run lock. It is not a lock itself.
        """

    def create(self, key: str, data: bytes) -> bool:
        """Store data under a key that does not exist; return False when the key exists.

        When the answer is lost, the store reads the object back. So if two writers could race, data must name its
        writer.
        """

    def delete(self, key: str) -> None:
        """Delete the object; no error when there is no such object."""

    def recover(self) -> None:
        """Remove unfinished uploads of earlier runs on this host; readers never see them. Needs the run lock."""

    def uri(self, key: str) -> str:
        """Return what DuckDB and Polars read: an absolute path, or s3://bucket/prefix/key."""


def check_key(key: str) -> str:
    """Return the key if it is valid; StoreError if it could lead out of the lake or mean more than one object."""
    parts = key.split("/")
    broken = any(part in {"", ".", ".."} for part in parts)
    if broken or "\\" in key or _CONTROL.search(key) or len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES:
        msg = f"{key!r} is not a key of a lake"
        raise StoreError(msg, hint="Keys are relative, without '..', empty parts, backslashes or control characters.")
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix if it names a folder ("" for the whole lake, else a key and a slash); StoreError if not."""
    if prefix and not prefix.endswith("/"):
        msg = f"{prefix!r} is not a folder of a lake"
        raise StoreError(msg, hint="A prefix is empty or ends with a slash.")
    if prefix:
        check_key(prefix[:-1])
    return prefix


def put_bytes(store: Store, key: str, data: bytes, work: Path) -> Entry:
    """Publish a small document atomically, from a temporary file in the work folder."""
    with scratch_file(work) as file:
        with mapped(f"writing {file}"):
            file.write_bytes(data)
        return store.put(key, file, {})
