"""The S3 client: s3fs set up so that it caches nothing, retries nothing and never waits without a limit.

By default both s3fs and botocore retry. Here `retrying` is the only place that does, with one limit.
"""

import base64
import hashlib
from collections.abc import Callable
from functools import partial
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, TypeVar

import fsspec.asyn
import s3fs
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from mootech.lake.disk import ScratchError, mapped
from mootech.lake.stores.s3_errors import store_error, worth_retrying

T = TypeVar("T")

ATTEMPTS = 5
PAUSE = wait_random_exponential(multiplier=0.4, max=5)
"""Random pauses between attempts: at most 0.4, 0.8, 1.6 and 3.2 seconds."""

FIRST_ATTEMPTS = 3
FIRST_ANSWER_SECONDS = 4
"""Time for one attempt. Three attempts to reach a bucket, with their pauses, take less than 15 seconds."""

SLOWEST_BYTES_PER_SECOND = 2**17
"""A slower upload is stopped and tried again."""

_PIECE_BYTES = 2**20

_CONFIG = {
    "connect_timeout": 3,
    "read_timeout": 30,
    "retries": {"total_max_attempts": 1},
    "max_pool_connections": 32,
    # The default checksums of botocore since 1.36 break some compatible stores.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}


# When a file system is garbage-collected, s3fs closes its connections in whatever event loop runs at that moment, which
# may be the wrong one. This list keeps all of them until the process ends; a command opens one or two.
_OPEN: list[Any] = []


def file_system() -> Any:  # noqa: ANN401  # an untyped library's object
    """Return an S3FileSystem for the standard AWS variables and profiles, without a request to the store."""
    # By default s3fs caches listings and shares instances between threads and endpoints.
    fs = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True, config_kwargs=_CONFIG)
    fs.retries = 1
    _OPEN.append(fs)
    return fs


def retrying(what: str, call: Callable[[], T], *, attempts: int | None = None) -> T:
    """Make a call, and retry it while that may help; StoreError, which says that `what` failed, when it does not."""
    try:
        return Retrying(
            stop=stop_after_attempt(attempts or ATTEMPTS),
            wait=PAUSE,
            retry=retry_if_exception(worth_retrying),
            reraise=True,
        )(call)
    except ScratchError:
        raise
    except Exception as exc:
        raise store_error(what, exc) from exc


def reach(what: str, call: Callable[..., object]) -> None:
    """Make the first call to a store with a short `timeout`, so that nobody waits long for a wrong address."""
    retrying(what, partial(call, timeout=FIRST_ANSWER_SECONDS), attempts=FIRST_ATTEMPTS)


def patience(size: int) -> float:
    """Return how many seconds a request with a body of `size` bytes may take. Without it, a stalled body never ends."""
    return 60 + size / SLOWEST_BYTES_PER_SECOND


def download(fs: Any, body: Any) -> bytes:  # noqa: ANN401  # untyped libraries' objects
    """Return the whole body of a response."""

    async def whole() -> bytes:
        async with body as stream:
            return bytes(await stream.read())

    return bytes(fsspec.asyn.sync(fs.loop, whole))


def save(fs: Any, body: Any, file: Path) -> int:  # noqa: ANN401  # untyped libraries' objects
    """Write the whole body of a response into a file; return its size in bytes.

    Raises:
        ScratchError: the file could not be written.

    """

    async def whole() -> int:
        with mapped(f"writing {file}", ScratchError):
            target = file.open("wb")
        with target:
            async with body as stream:
                while piece := await stream.read(_PIECE_BYTES):
                    with mapped(f"writing {file}", ScratchError):
                        target.write(piece)
            with mapped(f"writing {file}", ScratchError):
                target.flush()
            return target.tell()

    return int(fsspec.asyn.sync(fs.loop, whole))


def content_md5(body: bytes | BufferedReader) -> str:
    """Return the value of a body's Content-MD5 header; a file is rewound to its beginning."""
    whole = BytesIO(body) if isinstance(body, bytes) else body
    digest = hashlib.file_digest(whole, partial(hashlib.md5, usedforsecurity=False)).digest()
    whole.seek(0)
    return base64.b64encode(digest).decode()
