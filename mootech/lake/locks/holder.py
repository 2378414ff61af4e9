"""Who holds a lock: this process or another, alive or dead."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from mootech.errors import LockHeldError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PID_NAMESPACE = Path("/proc/self/ns/pid")
_START_TIME_FIELD = 19
"""Index in /proc/<pid>/stat, counted after the command's ")", of the process's start in clock ticks since boot."""


@dataclass(frozen=True)
class Holder:
    """One run, distinct from every other: a process of one boot of one machine, and the command it runs."""

    host: str
    machine: str
    """Boot and process-id namespace, because two containers on one kernel may use the same ids. "" if unknown."""
    pid: int
    start: str
    """When the process began, in the kernel's ticks, because process ids are reused. "" if unknown."""
    since: datetime
    """UTC."""
    what: str
    nonce: str

    def __str__(self) -> str:
        """Describe the run for a person, in one line."""
        return f"{self.what} on {self.host} (pid {self.pid}) since {self.since:%Y-%m-%d %H:%M:%S} UTC"


def this_process(what: str, now: datetime, machine: str) -> Holder:
    """Return this process of this machine as a holder that begins `what` now (UTC)."""
    pid = os.getpid()
    return Holder(socket.gethostname(), machine, pid, _state_and_start(pid)[1], now, what, uuid4().hex)


def is_dead(holder: Holder, machine: str) -> bool:
    """Say whether the holder was a process of this same machine (boot and namespace) and has ended.

    False when that cannot be known, which includes every other machine.
    """
    if not holder.machine or holder.machine != machine:
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        # The process exists and belongs to another user.
        return False
    state, start = _state_and_start(holder.pid)
    # A zombie has ended, but its parent has not collected it. In a container the parent may never do so.
    return state == "Z" or (bool(holder.start and start) and holder.start != start)


def held_error(holder: Holder | None, takeover: str) -> LockHeldError:
    """Return the error that names the holder; `takeover` says when its lock may be taken."""
    if holder is None:
        return LockHeldError("another run works on this lake", hint=f"Wait until it ends. {takeover}")
    msg = f"another run works on this lake: {holder}"
    stop = f"Wait until it ends, or stop it on {holder.host} with `kill {holder.pid}`."
    return LockHeldError(msg, hint=f"{stop} {takeover} Nothing was changed.")


def this_machine() -> str:
    """Return this boot of this machine and this process-id namespace; "" if the system does not provide them."""
    try:
        return f"{_BOOT_ID.read_text().strip()}/{_PID_NAMESPACE.readlink()}"
    except OSError:
        return ""


def _state_and_start(pid: int) -> tuple[str, str]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "", ""
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[_START_TIME_FIELD]
