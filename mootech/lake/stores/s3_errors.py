"""What an S3 error means, and the message for a person. No message contains a credential."""

from collections.abc import Mapping
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

import aiohttp
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

from mootech.errors import StoreError

_INTACT = "What was published before is intact."
_CREDENTIALS = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for a user who may list, read, write and "
    "delete below the lake's prefix."
)
_ENDPOINT = f"{_INTACT} Check AWS_ENDPOINT_URL, AWS_DEFAULT_REGION and the network, and run the command again."
_HINTS = {
    "NoSuchBucket": "Create the bucket, or correct the address in --lake or MOOTECH_LAKE; mootech makes no buckets.",
    "AccessDenied": f"{_INTACT} {_CREDENTIALS}",
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "ExpiredToken": f"{_INTACT} The temporary credentials ran out. Renew them and run the command again.",
    "NoSuchKey": "It was removed after it was listed. Run `mootech ingest` to publish it again.",
    "NoSuchUpload": f"{_INTACT} Somebody aborted the upload. Run the command again.",
}
# The response to a HEAD has no error code, so the status decides.
_FALLBACKS = {
    int(HTTPStatus.BAD_REQUEST): f"{_INTACT} Temporary credentials may have run out; renew them. Then run it again.",
    int(HTTPStatus.FORBIDDEN): _HINTS["AccessDenied"],
}
# NoSuchUpload is among them, because a request whose answer was lost may have completed the upload.
_TRANSIENT_CODES = frozenset(
    {
        "SlowDown",
        "RequestTimeout",
        "RequestTimeTooSkewed",
        "InternalError",
        "IncompleteBody",
        "BadDigest",
        "NoSuchUpload",
    }
)
_TRANSIENT_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})


class S3Answer(Enum):
    """What an S3 error can mean to the store."""

    ABSENT = auto()
    """There is no such object."""
    TAKEN = auto()
    """If-None-Match found an object, or If-Match found another version than expected."""
    EMPTY = auto()
    """The requested range of the object has no bytes."""
    UNABLE = auto()
    """The store does not support the request or a header of it."""
    TRANSIENT = auto()
    """The answer is not clear: a retry may help, and a write may have happened."""
    REFUSED = auto()
    """The store refused the request, and a retry gives the same answer."""


_MEANINGS = {
    int(HTTPStatus.PRECONDITION_FAILED): S3Answer.TAKEN,
    int(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE): S3Answer.EMPTY,
    int(HTTPStatus.NOT_IMPLEMENTED): S3Answer.UNABLE,
}


def answer_of(exc: BaseException) -> S3Answer:
    """Classify what a call through s3fs raised."""
    status, code = _status_and_code(exc)
    if status is None:
        # A connection that breaks in the middle of a body raises aiohttp's own errors; s3fs does not translate them.
        lost = isinstance(
            exc, HTTPClientError | IncompleteReadError | TimeoutError | ConnectionError | aiohttp.ClientError
        )
        return S3Answer.TRANSIENT if lost else S3Answer.REFUSED
    if status in _MEANINGS:
        return _MEANINGS[status]
    if status == HTTPStatus.NOT_FOUND and code not in {"NoSuchBucket", "NoSuchUpload"}:
        return S3Answer.ABSENT
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES:
        return S3Answer.TRANSIENT
    return S3Answer.REFUSED


class LostError(Exception):
    """The store did not confirm clearly that it stored the object, and the object is not known to be there."""

    def __init__(self) -> None:
        """Set the message."""
        super().__init__("the store did not confirm it")


def etag_of(answer: Mapping[str, Any]) -> str:
    """Return the etag of a response. LostError without one, because some stores send 200 with an error in the body."""
    etag = answer.get("ETag")
    if not etag:
        raise LostError
    return str(etag).strip('"')


class OvertakenError(Exception):
    """Another writer has replaced the object since this run looked at it."""

    def __init__(self) -> None:
        """Set the message."""
        super().__init__("somebody else has written it since this run looked at it")


def worth_retrying(exc: BaseException) -> bool:
    """Say whether a retry of the same request may succeed."""
    return isinstance(exc, LostError) or answer_of(exc) is S3Answer.TRANSIENT


def is_no(exc: BaseException | None) -> bool:
    """Say whether the store clearly refused a request, so that it did not happen and is not still under way."""
    if exc is None:
        return False
    answered = _status_and_code(exc)[0] is not None
    return isinstance(exc, OvertakenError) or (answered and answer_of(exc) is not S3Answer.TRANSIENT)


def is_gone(exc: BaseException | None) -> bool:
    """Say whether an upload in parts no longer exists, because it was aborted or completed."""
    return exc is not None and _status_and_code(exc)[1] == "NoSuchUpload"


def store_error(what: str, exc: BaseException) -> StoreError:
    """Return the error that says what failed, with the store's own words, and what to do next."""
    if isinstance(exc, OvertakenError):
        hint = "The object there now is whole. Run the command again when no other run works on the lake."
        return StoreError(f"{what} failed: {exc}", hint=hint)
    status, code = _status_and_code(exc)
    if status is not None:
        text = f"{code}: {exc}" if code and not code.isdigit() else f"the store answered {status}"
        fallback = _FALLBACKS.get(status, _ENDPOINT)
        return StoreError(f"{what} failed: {text}", hint=_HINTS.get(code, fallback))
    if isinstance(exc, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError | ProfileNotFound):
        return StoreError(f"{what} failed: {exc}", hint=_CREDENTIALS)
    reason = str(exc) or ("no answer in time" if isinstance(exc, TimeoutError) else type(exc).__name__)
    return StoreError(f"{what} failed: {reason}", hint=_ENDPOINT)


def _status_and_code(exc: BaseException) -> tuple[int | None, str]:
    # s3fs translates botocore's ClientError into an OSError and keeps it as the cause.
    for error in (exc, exc.__cause__):
        if isinstance(error, ClientError):
            response: Any = error.response
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            return (int(status) if status else None), str(response.get("Error", {}).get("Code", ""))
    return None, ""
