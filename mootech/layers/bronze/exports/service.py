"""The exports protocol: order a range of days, ask until the files are there, read the service's answers.

The service calls an export a job. It is older than its clients: GET requests have JSON bodies, days are mm-dd-yyyy, and
the body of an order holds the key.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any

import msgspec

from mootech.errors import RefusedError
from mootech.model import DayRange
from mootech.source.backoff import wait_seconds
from mootech.source.body import TransientError
from mootech.source.complaints import FAILURES, words_of
from mootech.source.http import Api, Sent
from mootech.source.metrics import older_day
from mootech.tables import TableSpec

AT_ONCE = 2
"""Exports that the service runs at a time."""

_COMPLETE = frozenset({"COMPLETE", "COMPLETED"})
_FAILED = frozenset({"FAILED", "ERROR", "CANCELLED", "CANCELED", "ABORTED", "TIMED_OUT"})
_UNKNOWN_EXPORT = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE, 422})


class ExportState(StrEnum):
    """The states of an export that make a difference here."""

    UNDER_WAY = "under way"
    COMPLETE = "complete"
    FAILED = "failed"
    VANISHED = "vanished"


@dataclass(frozen=True)
class ExportStatus:
    """What the service says of one export."""

    state: ExportState
    rows: int | None = None
    """Rows in its files as declared; None when the service declares none."""
    message: str = ""
    """The status in the service's words, and its reason for a failure."""


class _Ordered(msgspec.Struct, frozen=True):
    export_id: str | int = msgspec.field(name="job_id")
    errors: Any = None
    error: Any = None


class _Status(msgspec.Struct, frozen=True):
    execution_status: str | None = None
    # Any types: a value that nobody expected must not make the status unreadable.
    rows: Any = None
    errors: Any = None
    error: Any = None


_ORDERS, _STATUSES = msgspec.json.Decoder(_Ordered), msgspec.json.Decoder(_Status)


async def order(api: Api, table: TableSpec, days: DayRange, destination: Callable[[], tuple[str, str]]) -> str | int:
    """Order an export of a range of days; return its id.

    Args:
        api: the source.
        table: which table.
        days: UTC days.
        destination: returns bucket and directory. It is called for each attempt: when an answer was lost, an export
            may have begun already, and two exports must not write into one directory.

    Raises:
        SourceError: the service did not take the order.

    """

    def body() -> dict[str, str]:
        bucket, directory = destination()
        return {
            "start_date": older_day(days.first),
            "end_date": older_day(days.last),
            "api_key": api.endpoint.api_key,
            "destination_s3_bucket": bucket,
            "destination_s3_directory": directory,
            "table": str(table),
        }

    try:
        return await api.get("fetch_data", {}, _export_id, sent=Sent("POST", body))
    except RefusedError as exc:
        if exc.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            raise
        raise RefusedError(
            exc.message,
            hint="Nothing was changed. There are no jobs at this address: check MOOTECH_API_URL, or leave out "
            '`protocol = "jobs"` under [source] if the shop hands out pages.',
            status=exc.status,
        ) from exc


async def status_of(api: Api, export_id: str | int) -> ExportStatus:
    """Ask for the status of an export.

    Raises:
        SourceError: the service did not answer, or refused the key.

    """
    sent = Sent("GET", lambda: {"job_id": export_id})
    try:
        status = await api.get("job_status", {}, parse_status, sent=sent)
    except RefusedError as exc:
        if exc.status not in _UNKNOWN_EXPORT:
            raise
        return ExportStatus(ExportState.VANISHED, message=exc.message)
    # Some services repeat the key in their messages.
    return replace(status, message=status.message.replace(api.endpoint.api_key, "***"))


async def wait_for_end(
    api: Api, export_id: str | int, *, longest_wait: float, sleep: Callable[[float], Awaitable[None]]
) -> ExportStatus:
    """Ask for the status until the export is no longer under way; return the last status.

    The waits between two questions grow, up to `longest_wait` seconds.
    """
    rng = random.Random()  # noqa: S311  # jitter only has to differ from client to client
    polls = 0
    while True:
        status = await status_of(api, export_id)
        if status.state is not ExportState.UNDER_WAY:
            return status
        polls += 1
        await sleep(poll_seconds(polls, longest_wait, rng))


def poll_seconds(polls: int, longest_wait: float, rng: random.Random) -> float:
    """Return the seconds to wait after so many questions (1 is the first): growing, jittered, bounded."""
    return min(wait_seconds(polls, None, rng), longest_wait)


def parse_status(body: bytes) -> ExportStatus:
    """Read the answer about an export.

    Raises:
        TransientError: it is no such answer; it is worth asking again.

    """
    try:
        answer = _STATUSES.decode(body)
    except FAILURES as exc:
        raise TransientError(f"a body that says nothing of a job ({exc})") from exc
    status = (answer.execution_status or "").strip().upper()
    error = answer.error or answer.errors
    reason = words_of(error) if error else ""
    message = ": ".join(filter(None, (status, reason)))
    if not status:
        return ExportStatus(ExportState.VANISHED, message="the service gives it no status")
    if status in _COMPLETE and not error:
        declared = isinstance(answer.rows, int) and not isinstance(answer.rows, bool)
        return ExportStatus(ExportState.COMPLETE, rows=answer.rows if declared else None, message=message)
    failed = status in _FAILED or status in _COMPLETE
    return ExportStatus(ExportState.FAILED if failed else ExportState.UNDER_WAY, message=message)


def _export_id(body: bytes) -> str | int:
    try:
        answer = _ORDERS.decode(body)
    except FAILURES as exc:
        raise TransientError(f"a body that names no job ({exc})") from exc
    if error := answer.error or answer.errors:
        raise TransientError(f"200, but with an error beside the job ({words_of(error)})")
    return answer.export_id
