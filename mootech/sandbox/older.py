"""The requests of the older service: JSON bodies on GET and POST, days as mm-dd-yyyy, the key in the body."""

import re
from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from mootech.model import DayRange
from mootech.sandbox.buckets import is_bucket, is_directory
from mootech.sandbox.exports import ExportOrder
from mootech.sandbox.pages import MOST_DAYS, BadParameterError, check_over
from mootech.tables import TABLES

Body = Mapping[str, Any]

_MOST_BYTES: Final = 64 * 1024
_DAY: Final = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})")


async def body_of(request: Request) -> Body | None:
    """Return the JSON object in a request's body; None when it has no body.

    Raises:
        HTTPException: 400 for a body that is no JSON object, 413 for one that is too large.

    """
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {_MOST_BYTES:,} bytes")
    if not data:
        return None
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the body is no JSON object") from exc


def text(body: Body, name: str) -> str:
    """Return the text of a required field.

    Raises:
        BadParameterError: the field is missing, or is not text.

    """
    value = body.get(name)
    if value is None:
        raise BadParameterError(name, "is missing")
    if not isinstance(value, str):
        raise BadParameterError(name, "is not text")
    return value


def day(body: Body, name: str, today: date) -> date:
    """Return the UTC day that a field names as mm-dd-yyyy.

    Raises:
        BadParameterError: it is no day of the calendar, is not over, or lies outside of the shop's life.

    """
    given = text(body, name)
    parts = _DAY.fullmatch(given)
    if parts is None:
        raise BadParameterError(name, f"{given[:20]!r} is not in the form mm-dd-yyyy")
    month, of_month, year = map(int, parts.groups())
    try:
        named = date(year, month, of_month)
    except ValueError as exc:
        raise BadParameterError(name, f"{given!r} is not a day of the calendar; give mm-dd-yyyy") from exc
    return check_over(named, name, today)


def order(body: Body, today: date) -> ExportOrder:
    """Return what an export delivers.

    Raises:
        BadParameterError: a field is missing or cannot be used.

    """
    name = text(body, "table")
    if name not in TABLES:
        raise BadParameterError("table", f"there is no such table; they are: {', '.join(TABLES.names)}")
    first, last = day(body, "start_date", today), day(body, "end_date", today)
    if last < first:
        raise BadParameterError("end_date", "is before start_date")
    days = DayRange(first, last)
    if len(days) > MOST_DAYS:
        raise BadParameterError("end_date", f"the range has {len(days)} days; {MOST_DAYS} are the most in one job")
    bucket = text(body, "destination_s3_bucket")
    if not is_bucket(bucket):
        raise BadParameterError("destination_s3_bucket", "is no name of a bucket")
    directory = text(body, "destination_s3_directory").strip("/")
    if not is_directory(directory):
        raise BadParameterError("destination_s3_directory", "is no directory of a bucket")
    return ExportOrder(TABLES.named(name), days, bucket, directory, today)
