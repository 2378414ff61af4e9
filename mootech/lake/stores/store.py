"""The port to whatever holds the lake: nine verbs over keys, the same for a directory and for S3.

Every implementation runs tests/conformance/test_stores.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mootech.errors import StoreError
from mootech.lake.disk import mapped, scratch_file

MAX_KEY_BYTES = 1024
"""S3's limit; a directory keeps to it too, so that a lake can be copied from one to the other."""

ABSENT = ""
"""The version of no object at all."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, order=True)
class Entry:
    """One object of the lake. `size` is in bytes; `version` changes whenever the bytes do."""

    key: str
    size: int
    version: str


@dataclass(frozen=True)
class Head:
    """One object and its user metadata; a directory keeps none and answers with an empty mapping."""

    entry: Entry
    metadata: Mapping[str, str] = field(default_factory=dict)


class Store(Protocol):
    """A place for objects. All methods are thread-safe and raise StoreError, with a hint, when the store fails."""

    @property
    def url(self) -> str:
        """The lake's address as a person would write it, without secrets."""

    @property
    def endpoint(self) -> str:
        """The server's address, because two servers may have buckets of one name; empty where there is no server."""

    @property
    def folder(self) -> Path | None:
        """The directory of this host in which the objects are files; None: they are elsewhere, and hosts share them."""

    def list(self, prefix: str) -> list[Entry]:
        """Return every object below a folder ("" or ending in "/"), sorted by key. Never a stale answer."""

    def head(self, key: str) -> Head | None:
        """Return what is known of the object, None when there is none."""

    def read(self, key: str) -> bytes:
        """Return the whole object; StoreError when there is none."""

    def read_tail(self, key: str, size: int) -> bytes:
        """Return the last `size` bytes, fewer when the object is smaller; StoreError when there is none."""

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Return `size` bytes (at least 1) from `start` on, and which version of the object they are of.

        Fewer bytes come back where the object ends earlier; StoreError when there is none.
        """

    def download(self, key: str, file: Path) -> Entry:
        """Write the whole object into a local file, and return which version of it that is.

        StoreError when there is none; ScratchError when the file could not be written. Nothing is fsynced.
        """

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Publish a finished local file atomically: a reader sees the object before or the object after, whole.

        The file may be moved away, so the caller does not use it again. An answer that is lost on the way is
        resolved by asking what the store holds; StoreError means that the new object is not known to be there.

        `replaces` is the version that the caller knows to stand there (ABSENT: none; None: whatever does). Where hosts
        share the store and it can tell, another version is left alone, which is a StoreError: a second line of
        defence behind the run lock, no lock of its own.
        """

    def create(self, key: str, data: bytes) -> bool:
        """Store data under a key that does not exist; False when it does.

        A lost answer is resolved by reading back, so data must name its writer wherever two could race.
        """

    def delete(self, key: str) -> None:
        """Remove the object; no error when there is none."""

    def recover(self) -> None:
        """Clear away what runs of this host began and did not finish, out of readers' sight. Needs the run lock."""

    def uri(self, key: str) -> str:
        """Return what DuckDB and Polars read: an absolute path, or s3://bucket/prefix/key."""


def check_key(key: str) -> str:
    """Return the key when it is one; StoreError for anything that could leave the lake or mean two objects."""
    parts = key.split("/")
    broken = any(part in {"", ".", ".."} for part in parts)
    if broken or "\\" in key or _CONTROL.search(key) or len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES:
        msg = f"{key!r} is not a key of a lake"
        raise StoreError(msg, hint="Keys are relative, without '..', empty parts, backslashes or control characters.")
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix when it names a folder: "" for everything, else a key and a slash."""
    if prefix and not prefix.endswith("/"):
        msg = f"{prefix!r} is not a folder of a lake"
        raise StoreError(msg, hint="A prefix is empty or ends with a slash.")
    if prefix:
        check_key(prefix[:-1])
    return prefix


def put_bytes(store: Store, key: str, data: bytes, work: Path) -> Entry:
    """Publish a small document atomically, by way of a file in the work folder."""
    with scratch_file(work) as file:
        with mapped(f"writing {file}"):
            file.write_bytes(data)
        return store.put(key, file, {})
