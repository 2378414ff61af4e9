"""The local disk: durable writes, scratch files, and OSError turned into a StoreError with a hint."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from mootech.errors import StoreError

_HINTS = {
    errno.ENOSPC: "The disk is full. What was published before is intact; free space and run the command again.",
    errno.EDQUOT: "The disk quota is used up. What was published before is intact; free space and run it again.",
    errno.EACCES: "Give this user write access there, or choose another folder (--lake, MOOTECH_STATE_DIR).",
    errno.EPERM: "Give this user write access there, or choose another folder (--lake, MOOTECH_STATE_DIR).",
    errno.EROFS: "The file system is read-only. Choose another folder (--lake, MOOTECH_STATE_DIR).",
    errno.ENOTDIR: "There is a file where a folder is needed. Choose another folder (--lake, MOOTECH_STATE_DIR).",
    errno.EISDIR: "There is a folder where a file is needed. Move it away and run the command again.",
}
UNFINISHED = ".mootech-*.tmp"
"""Pattern of the names of files that `replacing` has not finished; a killed process leaves one behind."""

_ATTEMPTS = 1000
"""Attempts to make a folder and use it. One fails only when another thread or process has just deleted the folder."""
_DEFAULT_HINT = "What was published before is intact. Run the command again when the disk works."


T = TypeVar("T")


class ScratchError(StoreError):
    """The local disk failed while an object was read or checked. This says nothing about the object."""


@contextmanager
def mapped(what: str, error: type[StoreError] = StoreError) -> Iterator[None]:
    """Turn an OSError of the body into an error that says what failed and what to do next."""
    try:
        yield
    except OSError as exc:
        msg = f"{what} failed: {exc.strerror or exc}"
        raise error(msg, hint=_HINTS.get(exc.errno or 0, _DEFAULT_HINT)) from exc


@contextmanager
def scratch_file(folder: Path, suffix: str = "") -> Iterator[Path]:
    """Yield the path of a new file in the folder, and remove the file at the end if it is still there.

    In a folder that only its owner may read, only the owner may read the file.
    """
    path = folder / f"{uuid4().hex}{suffix}"
    try:
        if is_private(folder):
            path.touch(mode=0o600)
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Yield the path of a new, empty file for the body to write, then replace `path` with that file.

    A reader of `path` sees either the old file or the whole new one, also after a power cut. When the body fails,
    `path` stays as it was. The folder must exist.

    Args:
        path: where the file belongs.
        private: only its owner may read the new file; otherwise the umask decides.

    Raises:
        OSError: the disk failed; `mapped` makes it an error with a hint.

    """
    file = path.with_name(UNFINISHED.replace("*", uuid4().hex))
    try:
        file.touch(mode=0o600 if private else 0o666, exist_ok=False)
        yield file
        put_in_place(file, path)
    finally:
        file.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace `path` with a file of these bytes; see `replacing`."""
    with replacing(path, private=private) as file:
        file.write_bytes(data)


def put_in_place(file: Path, path: Path) -> None:
    """Replace `path` with a finished file of the same file system, atomically and durably; OSError when that fails."""
    fsync_file(file)
    in_folder(path.parent, lambda: file.replace(path))


def in_folder(folder: Path, act: Callable[[], T]) -> T:
    """Make the folder, call `act` to put something in it, and make both durable.

    Another thread or process may remove the empty folder before `act` has put anything there. Then both steps are
    repeated, so `act` must have changed nothing when it raises FileNotFoundError.
    """
    made: set[Path] = set()
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
                # Not `exist_ok`: it fails when another thread makes the folder first and a delete removes it at once.
                with suppress(FileExistsError):
                    path.mkdir()
                made.add(path)
            result = act()
            break
        except FileNotFoundError:
            if not attempts_left:
                raise
    # This comes last: the longer the folder is empty, the likelier another delete removes it.
    for changed in {folder, *(path.parent for path in made)}:
        with suppress(FileNotFoundError):
            fsync_folder(changed)
    return result


def fsync_file(file: Path) -> None:
    """Make the file's bytes durable."""
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def fsync_folder(folder: Path) -> None:
    """Make the folder's names durable; skip a folder that this user may write but not read."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make the folder and its parents, durably."""
    if not folder.is_dir():
        in_folder(folder, lambda: None)


def private_folder(folder: Path) -> Path:
    """Make a folder of the state directory that only its owner may read, and return it."""
    with mapped(f"making {folder}"):
        # The parents are made one by one, because mkdir(parents=True) would let others read them.
        for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            path.mkdir(mode=0o700, exist_ok=True)
    return folder


def is_private(folder: Path) -> bool:
    """Say whether the folder exists and only its owner may read it."""
    return folder.is_dir() and not stat.S_IMODE(folder.stat().st_mode) & 0o077
