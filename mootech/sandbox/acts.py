"""How each fault is sent: spoiled bodies, refusals, and connections that drip or break."""

import asyncio
import contextlib
import gzip
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from mootech.sandbox.app import encoded, problem
from mootech.sandbox.faults import Fault

_TRANSPORT: ContextVar[asyncio.Transport] = ContextVar("transport")

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_DRIP_SECONDS: Final = 0.02
_SLOW_SECONDS: Final = 1.0
_SPACES: Final = b" " * 2**20
_MOST_SPACES: Final = 5_000
"""MiB: more than any client is configured to take."""
_NESTED: Final = 100
_STATUS: Final = {Fault.UNAUTHORIZED: 401, Fault.FORBIDDEN: 403, Fault.NOT_FOUND: 404}
_SERVER_ERRORS: Final = (500, 502, 503, 504)
_JSON: Final = "application/json"
_ERROR_INSIDE: Final = b'{"data":[],"next_cursor":null,"errors":[{"message":"the upstream timed out"}]}'


class Protocol(H11Protocol):
    """Lets the application reach its connection, since no ASGI message breaks one."""

    def data_received(self, data: bytes) -> None:
        """Remember the connection for the task that answers what came."""
        _TRANSPORT.set(self.transport)
        super().data_received(data)


@dataclass(frozen=True)
class Connection:
    """The connection of a request, which takes its answer."""

    scope: Scope
    receive: Receive
    send: Send
    gzip: bool
    """Whether the client accepts gzip."""

    async def answer(self, response: Response) -> None:
        """Send a whole answer."""
        await response(self.scope, self.receive, self.send)

    async def start(self, **headers: str) -> None:
        """Send the head of a page."""
        named = {"content-type": _JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
        raw = [(name.encode(), value.encode()) for name, value in named.items()]
        await self.send({"type": "http.response.start", "status": 200, "headers": raw})

    async def write(self, part: bytes) -> None:
        """Send some of the body."""
        await self.send({"type": "http.response.body", "body": part, "more_body": True})

    async def hung_up(self) -> None:
        """Wait until the client hangs up, or this side breaks the connection."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def reset(self) -> None:
        """Break the connection; the client reads: reset by peer."""
        transport = _TRANSPORT.get()
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
        # uvicorn logs an error about an incomplete answer, unless it knows that the client is gone.
        await self.hung_up()


async def act(fault: Fault, connection: Connection, body: bytes, variant: int) -> None:
    """Answer a request with a fault.

    Args:
        fault: one that is no lie.
        connection: where the answer goes.
        body: the good answer's, for the faults that need it.
        variant: chooses among the fault's variants.

    """
    await _ACTS[fault](connection, body, variant)


async def _rate_limit(connection: Connection, _: bytes, variant: int) -> None:
    in_a_second = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    wishes = ("1", "0", "-1", in_a_second, "soon", "1000000000")
    await connection.answer(problem(429, "slow down", {"Retry-After": wishes[variant % len(wishes)]}))


async def _server_error(connection: Connection, _: bytes, variant: int) -> None:
    await connection.answer(problem(_SERVER_ERRORS[variant % len(_SERVER_ERRORS)], "a fault of the rehearsal"))


def _refusal(fault: Fault) -> "_Act":
    async def refuse(connection: Connection, _: bytes, __: int) -> None:
        await connection.answer(problem(_STATUS[fault], "a fault of the rehearsal"))

    return refuse


async def _reset(connection: Connection, body: bytes, variant: int) -> None:
    """Break the connection before the answer, or in the middle of it."""
    if variant % 2:
        await connection.start(content_length=str(len(body)))
        await connection.write(body[: len(body) // 2])
    await connection.reset()


async def _gone(connection: Connection, _: bytes, __: int) -> None:
    await connection.reset()


async def _drip(connection: Connection, body: bytes, _: int) -> None:
    """Send byte after byte, so that no read ever times out."""
    await connection.start(content_length=str(len(body)))
    hung_up = asyncio.ensure_future(connection.hung_up())
    try:
        for byte in body[:-1]:
            await connection.write(bytes([byte]))
            done, _pending = await asyncio.wait({hung_up}, timeout=_DRIP_SECONDS)
            if done:
                return
    finally:
        hung_up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hung_up
    await connection.reset()


async def _slow(connection: Connection, body: bytes, _: int) -> None:
    await asyncio.sleep(_SLOW_SECONDS)
    await connection.answer(encoded(body, compress=connection.gzip))


async def _truncated_gzip(connection: Connection, body: bytes, variant: int) -> None:
    """Send a whole answer whose gzip stream is cut: in the data, or just before its checksum."""
    packed = gzip.compress(body, mtime=0)
    cut = packed[:-8] if variant % 2 else packed[: len(packed) // 2]
    await connection.answer(Response(cut, media_type=_JSON, headers={"Content-Encoding": "gzip"}))


async def _bomb(connection: Connection, _: bytes, __: int) -> None:
    await connection.start(content_encoding="gzip")
    await _flood(connection, _packed())


async def _oversized(connection: Connection, _: bytes, __: int) -> None:
    await connection.start()
    await _flood(connection, (_SPACES for _ in range(_MOST_SPACES)))


async def _flood(connection: Connection, parts: Iterator[bytes]) -> None:
    """Send until the client hangs up."""
    hung_up = asyncio.ensure_future(connection.hung_up())
    for part in parts:
        await connection.write(part)
        # A socket that takes everything makes no write wait. Without this pause nobody would see the client leave.
        await asyncio.sleep(0)
        if hung_up.done():
            return
    hung_up.cancel()
    await connection.reset()


def _packed() -> Iterator[bytes]:
    """Yield a small gzip stream that unpacks to gigabytes."""
    packer = zlib.compressobj(wbits=31)
    for _ in range(_MOST_SPACES):
        yield packer.compress(_SPACES) + packer.flush(zlib.Z_SYNC_FLUSH)


async def _html(connection: Connection, _: bytes, __: int) -> None:
    await connection.answer(HTMLResponse("<html><body>We will be right back.</body></html>"))


def _instead(spoil: Callable[[bytes], bytes]) -> "_Act":
    """Return an act that spoils the good body and answers with it."""

    async def answer(connection: Connection, body: bytes, _: int) -> None:
        await connection.answer(encoded(spoil(body), compress=connection.gzip))

    return answer


def _with_row(row: bytes) -> Callable[[bytes], bytes]:
    """Return a function that puts a row before the others of a page."""
    return lambda body: body.replace(b'"data":[', b'"data":[' + row + b",", 1).replace(b",]", b"]", 1)


_Act = Callable[[Connection, bytes, int], Awaitable[None]]

_ACTS: Final[Mapping[Fault, _Act]] = {
    Fault.RATE_LIMIT: _rate_limit,
    Fault.SERVER_ERRORS: _server_error,
    Fault.RESETS: _reset,
    Fault.DRIP: _drip,
    Fault.SLOW: _slow,
    Fault.TRUNCATED_GZIP: _truncated_gzip,
    Fault.BOMB: _bomb,
    Fault.OVERSIZED: _oversized,
    Fault.HTML: _html,
    Fault.EMPTY: _instead(lambda _: b""),
    Fault.NAN: _instead(_with_row(b'{"price":NaN}')),
    Fault.BAD_UTF8: _instead(_with_row(b'"\xff"')),
    Fault.TRAILING: _instead(lambda body: body + json.dumps({"more": 1}).encode()),
    Fault.DEEP: _instead(_with_row(b"[" * _NESTED + b"]" * _NESTED)),
    Fault.ERROR_INSIDE: _instead(lambda _: _ERROR_INSIDE),
    Fault.UNAUTHORIZED: _refusal(Fault.UNAUTHORIZED),
    Fault.FORBIDDEN: _refusal(Fault.FORBIDDEN),
    Fault.NOT_FOUND: _refusal(Fault.NOT_FOUND),
    Fault.GONE: _gone,
}
