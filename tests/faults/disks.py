"""Real small disks to fill up. Mounting needs root, as CI has it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """Mount a tmpfs of that size ("1m") which everybody may enter; unmount it at the end."""
    # Not below pytest's folder, which only its owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="mootech-disk-"))
    try:
        _mount("-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", folder)
        try:
            yield folder
        finally:
            subprocess.run([_tool("umount"), folder], check=True)  # noqa: S603  # our own mount
    finally:
        folder.rmdir()


def remount(folder: Path, options: str) -> None:
    """Change a mounted disk: "ro", "rw", "size=8m"."""
    _mount("-o", f"remount,{options}", folder)


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk but for so many bytes; return the file to delete when space is wanted again."""
    ballast = folder / "ballast"
    state = os.statvfs(folder)
    size = state.f_bavail * state.f_frsize - leave
    with ballast.open("wb") as file:
        if size > 0:
            os.posix_fallocate(file.fileno(), 0, size)
    return ballast


def _mount(*arguments: str | Path) -> None:
    done = subprocess.run([_tool("mount"), *arguments], capture_output=True, text=True, check=False)  # noqa: S603  # ours
    if done.returncode != 0:
        pytest.fail(f"this test fills a real disk, which takes the right to mount one (run it as root): {done.stderr}")


def _tool(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        pytest.fail(f"this test fills a real disk, which takes the command {name}")
    return found
