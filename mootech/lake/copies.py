"""Copies of a remote lake's objects on this host's disk: what does not change is downloaded once.

A partition is one object that is only ever replaced whole, so a copy is good as long as a fresh listing shows the same
version. The copy's name holds the digest of its bytes, and the two are compared before each use. So a copy that a power
cut tore, or that somebody changed, is downloaded again.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from mootech.lake.disk import ScratchError, scratch_file
from mootech.lake.stores.store import Entry, Store

_AT_ONCE = 16
"""Number of objects downloaded at once. On S3 most of the time is latency."""
_SUFFIX = ".parquet"


class Copies:
    """The copies of one lake's objects in a folder of this host. Only the process that holds the run lock uses them."""

    def __init__(self, store: Store, folder: Path, limit_bytes: int) -> None:
        """Copy from the store into the folder, which nothing else uses; never more bytes than the limit."""
        self._store = store
        self._folder = folder
        self._limit = limit_bytes

    def of(self, entries: Sequence[Entry]) -> Mapping[str, Path]:
        """Return the path of each object's copy by key; download what is missing. The objects are of one table.

        Other copies of the same table are deleted. The mapping is empty when the copies do not fit on the disk, or
        exceed the limit together with the copies of other tables. The caller then reads the store instead.

        Raises:
            StoreError: the store could not be read.

        """
        if not entries:
            return {}
        table = self._folder / "/".join(entries[0].key.split("/")[:2])
        kept: dict[str, list[str]] = {}
        elsewhere = 0
        for folder, _, names in os.walk(self._folder):
            if f"{folder}/".startswith(f"{table}/"):
                kept[folder] = names
            else:
                elsewhere += sum((Path(folder) / name).stat().st_size for name in names)
        if elsewhere + sum(entry.size for entry in entries) > self._limit:
            shutil.rmtree(table, ignore_errors=True)
            return {}
        pool = ThreadPoolExecutor(_AT_ONCE)
        try:
            found = dict(zip((each.key for each in entries), pool.map(partial(self._copy, kept), entries), strict=True))
        except (OSError, ScratchError):
            # Only the local disk raises these. A command must not fail because its copies do not fit.
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(table, ignore_errors=True)
            return {}
        finally:
            # An interrupted command waits only for the downloads that have begun.
            pool.shutdown(cancel_futures=True)
        wanted = {str(path) for path in found.values()}
        for folder, names in kept.items():
            for path in (f"{folder}/{name}" for name in names):
                if path not in wanted:
                    Path(path).unlink(missing_ok=True)
        return found

    def _copy(self, kept: Mapping[str, Sequence[str]], entry: Entry) -> Path:
        folder = self._folder / entry.key.rpartition("/")[0]
        for path in (folder / name for name in kept.get(str(folder), ())):
            if path.name == _name(entry, path):
                return path
        folder.mkdir(parents=True, exist_ok=True)
        with scratch_file(folder, ".part") as temporary:
            # The store may send a newer version than the listing showed; the name must be of the version it sent.
            copied = self._store.download(entry.key, temporary)
            # This needs no fsync, because the bytes are compared with the digest in the name before each use.
            return temporary.replace(folder / _name(copied, temporary))


def _name(entry: Entry, file: Path) -> str:
    """Return the name that the file has if it is a whole copy of this version of the object."""
    version = hashlib.sha256(f"{entry.version} {entry.size}".encode()).hexdigest()[:16]
    with file.open("rb") as handle:
        return f"{version}-{hashlib.file_digest(handle, 'sha256').hexdigest()}{_SUFFIX}"
