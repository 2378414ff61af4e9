"""A lake in a directory. An object is published by fsync of a temporary file, rename, and fsync of the folder."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mootech.errors import StoreError
from mootech.lake.disk import (
    ScratchError,
    fsync_file,
    fsync_folder,
    in_folder,
    make_folder,
    mapped,
    put_in_place,
    scratch_file,
)
from mootech.lake.paths import TEMPORARY
from mootech.lake.stores.store import Entry, Head, check_key, check_prefix

# A file system without hard links (FAT, some network mounts) answers with one of these.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class LocalStore:
    """Objects are files below `root`. Temporary files are only in `_mootech/tmp/`.

    Symbolic links below the root are refused, because behind one a rename may not be atomic, and a reader may see
    another tree.
    """

    def __init__(self, root: Path) -> None:
        """Take the absolute path of the lake's directory; it need not exist yet."""
        self.root = root

    @property
    def url(self) -> str:
        """The directory's absolute path."""
        return str(self.root)

    @property
    def endpoint(self) -> str:
        """There is no server."""
        return ""

    @property
    def folder(self) -> Path | None:
        """The directory itself."""
        return self.root

    def list(self, prefix: str) -> list[Entry]:
        """Walk the folder. A symbolic link is listed but not followed."""
        folder = self._path(check_prefix(prefix)[:-1]) if prefix else self.root
        with mapped(f"listing {folder}"):
            return sorted(self._walk(folder, prefix))

    def head(self, key: str) -> Head | None:
        """Stat the file."""
        path = self._path(check_key(key))
        with mapped(f"looking at {path}"):
            try:
                return Head(_entry(key, path.lstat()))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def read(self, key: str) -> bytes:
        """Read the whole file."""
        path = self._path(check_key(key))
        with mapped(f"reading {path}"):
            return path.read_bytes()

    def read_tail(self, key: str, size: int) -> bytes:
        """Read the end of the file."""
        path = self._path(check_key(key))
        with mapped(f"reading {path}"), path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - size))
            return file.read()

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Read a part of the file."""
        path = self._path(check_key(key))
        with mapped(f"reading {path}"), path.open("rb") as file:
            file.seek(start)
            return file.read(size), _entry(key, os.fstat(file.fileno()))

    def download(self, key: str, file: Path) -> Entry:
        """Copy the file."""
        path = self._path(check_key(key))
        with mapped(f"reading {path}"), path.open("rb") as source:
            entry = _entry(key, os.fstat(source.fileno()))
            with mapped(f"writing {file}", ScratchError), file.open("wb") as target:
                shutil.copyfileobj(source, target)
            return entry

    def put(
        self,
        key: str,
        file: Path,
        metadata: Mapping[str, str],  # noqa: ARG002  # files have no metadata
        *,
        replaces: str | None = None,  # noqa: ARG002  # the kernel's lock suffices, because it ends with its holder
    ) -> Entry:
        """Replace the object by a rename. A file from another file system is copied first."""
        path = self._path(check_key(key))
        with mapped(f"publishing {path}"):
            temporary = self._temporary()
            if file.stat().st_dev == temporary.stat().st_dev:
                return self._replace(key, file, path)
            with scratch_file(temporary) as copy:
                shutil.copyfile(file, copy)
                return self._replace(key, copy, path)

    def create(self, key: str, data: bytes) -> bool:
        """Hard-link a finished file to the name, which fails if the name exists."""
        path = self._path(check_key(key))
        with mapped(f"creating {path}"), scratch_file(self._temporary()) as file:
            file.write_bytes(data)
            fsync_file(file)
            try:
                in_folder(path.parent, lambda: _link(file, path))
            except FileExistsError:
                return False
            return True

    def delete(self, key: str) -> None:
        """Delete the file, and the folders that are then empty, because S3 has no empty folders either."""
        path = self._path(check_key(key))
        with mapped(f"deleting {path}"):
            path.unlink(missing_ok=True)
            for folder in path.parents:
                if folder == self.root:
                    break
                try:
                    folder.rmdir()
                except OSError:
                    break
            with suppress(FileNotFoundError):
                fsync_folder(folder)

    def recover(self) -> None:
        """Do nothing: a killed run leaves only files in `_mootech/tmp/`, and `Lake.lock` deletes old ones."""

    def uri(self, key: str) -> str:
        """Return the file's absolute path."""
        return str(self.root / check_key(key))

    def _temporary(self) -> Path:
        folder = self.root / TEMPORARY
        make_folder(folder)
        return folder

    def _path(self, key: str) -> Path:
        path = self.root
        with mapped(f"looking at {path / key}"):
            for part in key.split("/"):
                path /= part
                if path.is_symlink():
                    msg = f"{path} is a symbolic link"
                    raise StoreError(msg, hint="A lake holds no links. Put the real file or folder there.")
        return path

    def _walk(self, folder: Path, prefix: str) -> Iterator[Entry]:
        try:
            children = list(os.scandir(folder))
        except FileNotFoundError:
            return
        for child in children:
            key = prefix + child.name
            if child.is_dir(follow_symlinks=False):
                if f"{key}/" != TEMPORARY:
                    yield from self._walk(Path(child.path), f"{key}/")
            else:
                # A file that was deleted after the scan is left out.
                with suppress(FileNotFoundError):
                    yield _entry(key, child.stat(follow_symlinks=False))

    def _replace(self, key: str, file: Path, path: Path) -> Entry:
        entry = _entry(key, file.stat())
        put_in_place(file, path)
        return entry


def _link(file: Path, path: Path) -> None:
    """Give a finished file a second name; FileExistsError if the name exists."""
    try:
        os.link(file, path)
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        path.touch(exist_ok=False)
        file.replace(path)


def _entry(key: str, stat: os.stat_result) -> Entry:
    # The inode distinguishes two files of one size that were written within one tick of the clock.
    return Entry(key, stat.st_size, f"{stat.st_mtime_ns}-{stat.st_size}-{stat.st_ino}")
