"""The installed command, and the whole environment the tests give it: what it needs, nothing of this machine's."""

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path

COMMAND = os.environ.get("MOOTECH_E2E_COMMAND") or str(Path(sysconfig.get_path("scripts")) / "mootech")


def environment(lake: str | Path, state: Path, url: str, key: str) -> dict[str, str]:
    """Return the variables for a lake, a state folder and a shop; this process's AWS variables with a lake on S3."""
    return {
        "PATH": "/usr/bin:/bin",
        "MOOTECH_API_URL": url,
        "MOOTECH_API_KEY": key,
        "MOOTECH_LAKE": str(lake),
        "MOOTECH_STATE_DIR": str(state),
        **aws(lake),
    }


def aws(lake: str | Path) -> Mapping[str, str]:
    """Return this process's AWS variables, for a lake on S3."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")} if "://" in str(lake) else {}
