"""Run one command and write down what it took. Started as a script by child.py, with nothing but the standard library.

    python -I -S launcher.py RESULT COMMAND...

Wall time is from just before the process is started until it has ended. The peak is the larger of two figures: the
kernel's own record of resident memory of the largest single process (ru_maxrss), and the largest sum over the whole
tree of processes, sampled ten times a second. Of a tree the proportional share is summed (Pss), in which a page that
several processes have counts once; a lone process is not sampled, since ru_maxrss misses nothing.

It is a small process of its own because the kernel counts from the fork on, when a child still has its parent's size.
"""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

_EVERY_SECONDS = 0.1
_PROC = Path("/proc")


def main() -> int:
    """Run the command; the exit code is its own."""
    result, *command = sys.argv[1:]
    began = time.perf_counter()
    process = subprocess.Popen(command)  # noqa: S603  # what the benchmark asks for
    ended = threading.Event()
    sums = [0]
    watcher = threading.Thread(target=_watch, args=(process.pid, ended, sums))
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    ended.set()
    watcher.join()
    told = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": max(usage.ru_maxrss, *sums) / 1024,
    }
    Path(result).write_text(json.dumps(told), "utf-8")
    return os.waitstatus_to_exitcode(status)


def _watch(root: int, ended: threading.Event, sums: list[int]) -> None:
    """Keep the largest sum over the tree, in kB, in `sums`."""
    while not ended.wait(_EVERY_SECONDS):
        tree = _tree(root)
        if len(tree) > 1:
            sums[0] = max(sums[0], sum(_share(pid) for pid in tree))


def _tree(root: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        # Processes end while they are looked at.
        with suppress(OSError, ValueError):
            pid = int(folder.name)
            # The name, in brackets, may hold anything; what follows it is in fixed places.
            parent = int((folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _share(pid: int) -> int:
    with suppress(OSError):
        for line in (_PROC / str(pid) / "smaps_rollup").read_text("utf-8").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
