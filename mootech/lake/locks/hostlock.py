"""A lock between the processes of one host. It uses flock, because the kernel releases the lock of a killed process."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from mootech.errors import LockHeldError
from mootech.lake.disk import is_private, mapped, write_atomically
from mootech.lake.locks.holder import Holder, held_error, is_dead

_HOLDERS = msgspec.json.Decoder(Holder)
_LOOKS, _NOTE_LOOKS, _PAUSE_SECONDS = 5, 100, 0.01
_TAKEOVER = "The lock of a run that was killed frees itself."


@contextmanager
def host_lock(path: Path, holder: Holder) -> Iterator[None]:
    """Hold the lock file for the body; a note beside it (`<path>.json`) names `holder`, which is this process.

    Raises:
        LockHeldError: another process, or another part of this one, holds it.
        StoreError: the file cannot be made or locked.

    """
    # A file system without flock gets no soft lock instead, because that would outlive a killed holder.
    lock = FileLock(path, timeout=0, thread_local=False, fallback_to_soft=False)
    with mapped(f"locking {path}"):
        if is_private(path.parent):
            path.touch(mode=0o600)
        try:
            lock.acquire()
        except Timeout as exc:
            raise turned_away(path, holder.machine) from exc
    try:
        with mapped(f"writing {_note(path)}"):
            write_atomically(_note(path), msgspec.json.encode(holder), private=is_private(path.parent))
        yield
    finally:
        # A note that cannot be deleted does no harm: it names a process that will soon have ended.
        with suppress(OSError):
            _note(path).unlink(missing_ok=True)
        lock.release()


def is_held(path: Path) -> bool:
    """Say whether a process of this host holds the lock file.

    Another process that asks the same question holds the file for an instant, so this function tries a few times.

    Raises:
        StoreError: the file cannot be locked.

    """
    lock = FileLock(path, timeout=0, thread_local=False, fallback_to_soft=False)
    for _ in range(_LOOKS):
        with mapped(f"locking {path}"), suppress(Timeout):
            lock.acquire()
            lock.release()
            return False
        time.sleep(random.uniform(0.5, 1.5) * _PAUSE_SECONDS)  # noqa: S311 - it only keeps two processes from colliding again
    return True


def turned_away(path: Path, machine: str) -> LockHeldError:
    """Return the error of a run that finds the lock file held.

    A holder that has only just taken the lock writes its note a moment later; up to a second is waited for it.
    """
    for _ in range(_NOTE_LOOKS):
        if (holder := holder_of(path, machine)) is not None:
            break
        time.sleep(_PAUSE_SECONDS)
    return held_error(holder, _TAKEOVER)


def holder_of(path: Path, machine: str) -> Holder | None:
    """Return the holder of the lock file that the note names; None when there is no note or its writer has ended.

    This does not try the lock, because that would make another run fail that takes it at the same moment.
    """
    try:
        holder = _HOLDERS.decode(_note(path).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return None if is_dead(holder, machine) else holder


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
