"""The local disk: durable writes, scratch files, and OSError turned into a StoreError with a hint."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from mootech.errors import StoreError

_HINTS = {
    errno.ENOSPC: "The disk is full. What was published before is intact; free space and run the command again.",
    errno.EDQUOT: "The disk quota is used up. What was published before is intact; free space and run it again.",
    errno.EACCES: "Give this user write access there, or choose another folder (--lake, MOOTECH_STATE_DIR).",
    errno.EPERM: "Give this user write access there, or choose another folder (--lake, MOOTECH_STATE_DIR).",
    errno.EROFS: "The file system is read-only. Choose another folder (--lake, MOOTECH_STATE_DIR).",
    errno.ENOTDIR: "A file stands where a folder is needed. Choose another folder (--lake, MOOTECH_STATE_DIR).",
    errno.EISDIR: "A folder stands where a file is needed. Move it away and run the command again.",
}
_DEFAULT_HINT = "What was published before is intact. Run the command again when the disk is well."


class ScratchError(StoreError):
    """The local disk failed while an object was looked at; nothing is known of the object."""


@contextmanager
def mapped(what: str, error: type[StoreError] = StoreError) -> Iterator[None]:
    """Turn an OSError of the body into an error that says what was being done, and what to do."""
    try:
        yield
    except OSError as exc:
        msg = f"{what} failed: {exc.strerror or exc}"
        raise error(msg, hint=_HINTS.get(exc.errno or 0, _DEFAULT_HINT)) from exc


@contextmanager
def scratch_file(folder: Path, suffix: str = "") -> Iterator[Path]:
    """Yield the path of a new file in the folder; whatever is left of it is removed at the end.

    In a folder that only its owner may look into, the file is private too.
    """
    path = folder / f"{uuid4().hex}{suffix}"
    try:
        if is_private(folder):
            path.touch(mode=0o600)
        yield path
    finally:
        path.unlink(missing_ok=True)


def fsync_file(file: Path) -> None:
    """Make the file's bytes durable."""
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def fsync_folder(folder: Path) -> None:
    """Make the folder's names durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make the folder and its parents, durably."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        fsync_folder(path.parent)


def private_folder(folder: Path) -> Path:
    """Make a folder of the state directory, which only its owner may look into, and return it."""
    with mapped(f"making {folder}"):
        # One by one: mkdir(parents=True) would leave the parents open to others.
        for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            path.mkdir(mode=0o700, exist_ok=True)
    return folder


def is_private(folder: Path) -> bool:
    """Say whether the folder is there and only its owner may look into it."""
    return folder.is_dir() and not stat.S_IMODE(folder.stat().st_mode) & 0o077
