"""How much memory a command took at its peak."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# The kernel counts from the fork on, when the child still has its parent's size; so a small process is its parent.
_MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=file)
sys.exit(code)
"""
_KILOBYTES_A_MEGABYTE = 1024


def measured(
    argv: Sequence[str], env: Mapping[str, str], folder: Path
) -> "tuple[subprocess.CompletedProcess[str], float]":
    """Run a command; return what it said, and the most memory it had, in MB of resident pages."""
    peak = folder / "peak"
    wrapped = [sys.executable, "-I", "-S", "-c", _MEASURE, str(peak), *argv]
    done = subprocess.run(wrapped, env=env, capture_output=True, text=True, check=False)  # noqa: S603  # ours
    return done, int(peak.read_text()) / _KILOBYTES_A_MEGABYTE
