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
        EmptyLakeError: there is no lake yet.
        UsageError: the address is not one of a lake, or a newer mootech made the lake.
        StoreError: the store cannot be read.

    """
    return Lake.open(settings.lake, state_dir=settings.state_dir)


def opened_if_there(settings: Settings) -> Lake | None:
    """Open the lake for reading; None when there is no lake yet."""
    try:
        return opened(settings)
    except EmptyLakeError:
        return None


def locked(settings: Settings, command: str, work: Callable[[Lake], Result], *, shard: Shard | None = None) -> Result:
    """Call `work` on the lake while holding its lock, and write the outcome into the run history.

    Args:
        settings: the settings that name the lake and the state folder.
        command: the name of the command in the lock and in the history.
        shard: this run's slice of a backfill; other runs may work on other slices at the same time.
        work: takes the lake, open for writing. Its outcome is returned with the run's id and the lake's warnings.

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
            # A failure to write the history must not hide the command's error.
            with suppress(StoreError):
                lake.save_manifests()
                lake.record_run(_entry(run_id, started, Outcome(command, errors=(error,))))
            raise
        lake.save_manifests()
        lake.record_run(_entry(run_id, started, outcome))
    return replace(outcome, run_id=run_id, notes=(*lake.warnings, *outcome.notes))


def _entry(run_id: str, started: datetime, outcome: Outcome) -> dict[str, Any]:
    """Return one entry of the run history, ready for JSON."""
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
