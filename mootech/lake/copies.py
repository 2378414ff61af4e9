"""Copies of a remote lake's objects on this host's disk: what does not change is downloaded once.

A partition is one object that is only ever replaced whole, so a copy is good as long as a fresh listing shows the same
version. It is never trusted further: its name carries the digest of its bytes, which are compared before each use, so
that a copy torn by a power cut, or touched by anybody, is only one to be downloaded again.
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
"""Objects downloaded beside each other: on S3 the time is latency."""
_SUFFIX = ".parquet"


class Copies:
    """The copies of one lake's objects in one folder of this host. For one process at a time: under the run lock."""

    def __init__(self, store: Store, folder: Path, limit_bytes: int) -> None:
        """Copy from the store into the folder, of which nothing else makes use; never more than the limit."""
        self._store = store
        self._folder = folder
        self._limit = limit_bytes

    def of(self, entries: Sequence[Entry]) -> Mapping[str, Path]:
        """Return where each of these objects of one table stands on this disk, by key, downloading what is missing.

        What else stands there of the same table goes. Empty where they do not fit, beside the copies of other tables,
        within the limit or onto the disk: they are then read from the store, as without copies.

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
            # Of this disk: a store's failure is another error. No command fails for want of room for copies.
            pool.shutdown(cancel_futures=True)
            shutil.rmtree(table, ignore_errors=True)
            return {}
        finally:
            # Whoever interrupts waits for the downloads in hand and for no others.
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
            # What it is the copy of is what the store has just sent, which may be newer than the listing.
            copied = self._store.download(entry.key, temporary)
            # Nothing is fsynced: its name has the digest of its bytes, which is compared before each use.
            return temporary.replace(folder / _name(copied, temporary))


def _name(entry: Entry, file: Path) -> str:
    """Return what the file is called when it is the copy of this version of the object."""
    version = hashlib.sha256(f"{entry.version} {entry.size}".encode()).hexdigest()[:16]
    with file.open("rb") as handle:
        return f"{version}-{hashlib.file_digest(handle, 'sha256').hexdigest()}{_SUFFIX}"
