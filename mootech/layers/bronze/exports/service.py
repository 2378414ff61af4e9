"""The jobs protocol: order a range of days, ask until the files are there, read what the service says of them.

The service is older than its clients: GET requests have JSON bodies, days are mm-dd-yyyy, and the key stands in the
body of an order.
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
from mootech.source.http import Api, Sent
from mootech.source.metrics import older_day
from mootech.tables import TableSpec

AT_ONCE = 2
"""Jobs that the service runs at a time."""

_COMPLETE = frozenset({"COMPLETE", "COMPLETED"})
_FAILED = frozenset({"FAILED", "ERROR", "CANCELLED", "CANCELED", "ABORTED", "TIMED_OUT"})
_UNKNOWN_JOB = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.GONE, 422})
_MOST_SHOWN = 200


class State(StrEnum):
    """How a job stands, as far as it matters here."""

    UNDER_WAY = "under way"
    COMPLETE = "complete"
    FAILED = "failed"
    VANISHED = "vanished"


@dataclass(frozen=True)
class Standing:
    """What the service says of one job."""

    state: State
    rows: int | None = None
    """Rows in its files as declared; None when the service declares none."""
    told: str = ""
    """The status in the service's words, and what it says of the failure."""


class _Ordered(msgspec.Struct, frozen=True):
    job_id: str | int


class _Status(msgspec.Struct, frozen=True):
    execution_status: str | None = None
    # Whatever else a service tells must not make its status unreadable.
    rows: Any = None
    error: Any = None


_ORDERS, _STATUSES = msgspec.json.Decoder(_Ordered), msgspec.json.Decoder(_Status)


async def order(api: Api, table: TableSpec, days: DayRange, destination: Callable[[], tuple[str, str]]) -> str | int:
    """Order a range of days; return the job's id.

    Args:
        api: the source.
        table: which table.
        days: UTC days.
        destination: returns bucket and directory. Asked anew for each attempt: where an answer was lost there may be
            a job already, and two jobs must not write into one directory.

    Raises:
        SourceError: the order was not taken.

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
        return await api.get("fetch_data", {}, _job_id, sent=Sent("POST", body))
    except RefusedError as exc:
        if exc.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            raise
        raise RefusedError(
            exc.message,
            hint="Nothing was changed. There are no jobs at this address: check MOOTECH_API_URL, or leave out "
            '`protocol = "jobs"` under [source] if the shop hands out pages.',
            status=exc.status,
        ) from exc


async def standing(api: Api, job_id: str | int) -> Standing:
    """Ask how a job stands.

    Raises:
        SourceError: the service did not answer, or refused the key.

    """
    sent = Sent("GET", lambda: {"job_id": job_id})
    try:
        now = await api.get("job_status", {}, parse_standing, sent=sent)
    except RefusedError as exc:
        if exc.status not in _UNKNOWN_JOB:
            raise
        return Standing(State.VANISHED, told=exc.message)
    # Some services repeat the key in what they say.
    return replace(now, told=now.told.replace(api.endpoint.api_key, "***"))


async def ended(
    api: Api, job_id: str | int, *, longest_wait: float, sleep: Callable[[float], Awaitable[None]]
) -> Standing:
    """Ask again and again, with growing waits of at most `longest_wait` seconds, until the job is not under way."""
    rng = random.Random()  # noqa: S311  # jitter only has to differ from client to client
    polls = 0
    while True:
        now = await standing(api, job_id)
        if now.state is not State.UNDER_WAY:
            return now
        polls += 1
        await sleep(poll_seconds(polls, longest_wait, rng))


def poll_seconds(polls: int, longest_wait: float, rng: random.Random) -> float:
    """Return the seconds to wait after so many looks at a job (1 is the first): growing, jittered, bounded."""
    return min(wait_seconds(polls, None, rng), longest_wait)


def parse_standing(body: bytes) -> Standing:
    """Read the answer about a job; TransientError when it is none."""
    try:
        answer = _STATUSES.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise TransientError(f"a body that says nothing of a job ({exc})") from exc
    status = (answer.execution_status or "").strip().upper()
    told = ": ".join(filter(None, (status, _printable(answer.error if isinstance(answer.error, str) else ""))))
    if not status:
        return Standing(State.VANISHED, told="the service gives it no status")
    if status in _COMPLETE:
        declared = isinstance(answer.rows, int) and not isinstance(answer.rows, bool)
        return Standing(State.COMPLETE, rows=answer.rows if declared else None, told=told)
    return Standing(State.FAILED if status in _FAILED else State.UNDER_WAY, told=told)


def _job_id(body: bytes) -> str | int:
    try:
        return _ORDERS.decode(body).job_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise TransientError(f"a body that names no job ({exc})") from exc


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:_MOST_SHOWN]
