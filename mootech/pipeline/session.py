"""Opens a command's lake, locks it, and writes the run into its history."""

import platform
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from mootech.config import Settings
from mootech.errors import EmptyLakeError, InterruptError, MootechError, StoreError
from mootech.lake.disk import private_folder
from mootech.lake.lake import Lake
from mootech.lake.locks.shard import Shard
from mootech.outcomes import Outcome

Result = TypeVar("Result", bound=Outcome)

_STAMP = "%Y%m%dT%H%M%SZ"


def opened(settings: Settings) -> Lake:
    """Open the lake for reading.

    Raises:
        EmptyLakeError: there is none yet.
        StoreError: the store cannot be read, or the lake is of a newer format.

    """
    return Lake.open(settings.lake, state_dir=settings.state_dir)


def opened_if_there(settings: Settings) -> Lake | None:
    """Open the lake for reading; None when there is none yet."""
    try:
        return opened(settings)
    except EmptyLakeError:
        return None


def locked(settings: Settings, command: str, work: Callable[[Lake], Result], *, shard: Shard | None = None) -> Result:
    """Do the work on the lake while holding its lock, and write its outcome into the run history.

    Args:
        settings: which lake and which state folder.
        command: what the lock and the history call it.
        shard: the slice of a backfill that is worked on; other slices may be worked on at the same time.
        work: takes the lake, opened for writing. Its outcome is returned with the run's id and the lake's warnings.

    Raises:
        LockHeldError: another run works on the lake.
        StoreError: the lake cannot be written.

    """
    private_folder(settings.state_dir)  # first, because customers' e-mail addresses will lie in it
    lake = Lake.open(settings.lake, state_dir=settings.state_dir, write=True, shard=shard)
    private_folder(lake.workspace)
    started = datetime.now(UTC)
    run_id = f"{started.strftime(_STAMP)}-{secrets.token_hex(2)}"
    with lake.lock(command if shard is None else f"{command} --shard {shard}"):
        try:
            outcome = work(lake)
        except (MootechError, KeyboardInterrupt) as exc:
            error = exc if isinstance(exc, MootechError) else InterruptError("interrupted")
            # A history that cannot be written must not hide the error.
            with suppress(StoreError):
                lake.save_manifests()
                lake.record_run(_entry(run_id, started, Outcome(command, errors=(error,))))
            raise
        lake.save_manifests()
        lake.record_run(_entry(run_id, started, outcome))
    return replace(outcome, run_id=run_id, notes=(*lake.warnings, *outcome.notes))


def _entry(run_id: str, started: datetime, outcome: Outcome) -> dict[str, Any]:
    """Return one line of the run history, JSON-ready."""
    by_table: dict[str, Counter[str]] = {}
    for day in outcome.days:
        by_table.setdefault(day.table, Counter())[str(day.status)] += 1
    return {
        "run_id": run_id,
        "command": outcome.command,
        "host": platform.node(),
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "exit_code": outcome.exit_code,
        "days": {table: dict(counts) for table, counts in by_table.items()},
        "errors": [error.message for error in outcome.all_errors],
    }
