"""The body of an answer: read within a limit, decoded, and accepted only when it arrived whole."""

import zlib
from dataclasses import dataclass, field

import httpx

from mootech.errors import RefusedError

_PROBLEM_MAX = 4096
"""Bytes of an error's body that are read."""
_MOST_SHOWN = 200
_GZIP_MAGIC = b"\x1f\x8b"
_TORN = "a gzip body that ends early or goes on after its end"


class TransientError(Exception):
    """An attempt failed for a reason that may pass. `asked_for`: the seconds that the server asked us to wait."""

    def __init__(self, message: str, asked_for: float | None = None) -> None:
        """Keep the reason, in words for a user, and the wait."""
        super().__init__(message)
        self.asked_for = asked_for


@dataclass(frozen=True)
class Body:
    """A body as it arrived."""

    content: bytes = field(repr=False)
    """Decoded."""
    framed: bool
    """True when a length, chunks or a gzip trailer prove that it is whole; the connection just ended otherwise."""


async def read_body(response: httpx.Response, limit: int) -> Body:
    """Return the whole body, decoded, of at most `limit` bytes. A body that is a gzip file itself is unpacked, too.

    The gzip stream is decoded here because httpx accepts a truncated stream and inflates a bomb in one piece.

    Raises:
        TransientError: the stream ended early or is no gzip.
        RefusedError: it is larger than the limit.

    """
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding not in ("identity", "gzip"):
        raise TransientError(f"a body in the encoding {encoding!r}, which was not asked for")
    inflate = _gunzip() if encoding == "gzip" else None
    parts: list[bytes] = []
    size = wire = 0
    async for chunk in response.aiter_raw():
        wire += len(chunk)
        try:
            part = inflate.decompress(chunk, limit - size + 1) if inflate else chunk
        except zlib.error as exc:
            raise TransientError("a broken gzip body") from exc
        parts.append(part)
        size += len(part)
        if max(size, wire) > limit:
            raise _too_large(limit)
    if inflate is not None and (not inflate.eof or inflate.unused_data):
        raise TransientError(_TORN)
    content = b"".join(parts)
    if content.startswith(_GZIP_MAGIC):
        return Body(_unpacked(content, limit), framed=True)
    return Body(content, framed=inflate is not None or _is_framed(response.headers))


def _is_framed(headers: httpx.Headers) -> bool:
    """Say whether HTTP itself says where the body ends (RFC 9112, 6.3)."""
    return "Content-Length" in headers or headers.get("Transfer-Encoding", "").lower().endswith("chunked")


def _unpacked(body: bytes, limit: int) -> bytes:
    """Return the content of a gzip file. No JSON text begins with its magic bytes."""
    inflate = _gunzip()
    try:
        unpacked = inflate.decompress(body, limit + 1)
    except zlib.error as exc:
        raise TransientError("a broken gzip body") from exc
    if len(unpacked) > limit:
        raise _too_large(limit)
    if not inflate.eof or inflate.unused_data:
        raise TransientError(_TORN)
    return unpacked


def _gunzip() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=31)


def _too_large(limit: int) -> RefusedError:
    return RefusedError(
        f"a page is larger than {limit // 1024**2} MB",
        hint="Nothing of it was kept. Ask for fewer rows a page ([source] page_size), or raise [source] max_body_mb.",
    )


async def problem_detail(response: httpx.Response) -> str:
    """Return the detail of an RFC 9457 problem document, or nothing."""
    try:
        body = await read_body(response, _PROBLEM_MAX)
        problem = httpx.Response(response.status_code, content=body.content).json()
    except (TransientError, RefusedError, httpx.TransportError, ValueError):
        return ""
    if not isinstance(problem, dict):
        return ""
    return printable(str(problem.get("detail") or problem.get("title") or ""))


def printable(text: str) -> str:
    """Return words of the shop as a message may show them: on one line, and not too many."""
    return "".join(character if character.isprintable() else " " for character in text)[:_MOST_SHOWN]
