"""The sandbox with faults: an ASGI layer that spoils a share of its answers."""

import json
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mootech.sandbox import lies
from mootech.sandbox.acts import Connection, act
from mootech.sandbox.app import BASES, accepts_gzip, encoded
from mootech.sandbox.faults import EXPORT_FAULTS, LEAKS, LIES, Draw, Fault
from mootech.sandbox.lies import Asked, Page
from mootech.tables import TABLES

_WITH_GZIP: Final = frozenset({Fault.TRUNCATED_GZIP, Fault.BOMB})
_IN_ROWS: Final = frozenset({Fault.NAN, Fault.BAD_UTF8, Fault.DEEP})
_ON_ANYTHING: Final = frozenset(Fault) - {*LIES, *LEAKS, *EXPORT_FAULTS, *_WITH_GZIP, *_IN_ROWS}


class _RefusedError(Exception):
    """The application itself answered with an error, which is sent unchanged."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Misbehaving:
    """The sandbox's application, with a share of its answers spoiled."""

    def __init__(self, app: ASGIApp, draw: Draw) -> None:
        """Take the application, and the draw that decides on each answer."""
        self._app, self._draw = app, draw
        self._gone = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(BASES):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        connection = Connection(scope, receive, send, accepts_gzip(request))
        if self._gone:
            await act(Fault.GONE, connection, b"", 0)
            return
        try:
            fault, body, variant = await self._decide(request, connection)
        except _RefusedError as refused:
            await connection.answer(refused.response)
            return
        if fault is None:
            await connection.answer(encoded(body, compress=connection.gzip))
        else:
            await act(fault, connection, body, variant)

    async def _decide(self, request: Request, connection: Connection) -> tuple[Fault | None, bytes, int]:
        """Return the fault to answer with, the body (a lie is in it already), and the number of the fault's variant."""
        possible = _ON_ANYTHING | (_WITH_GZIP if connection.gzip else frozenset())
        asked, page = await self._page(request)
        if asked is not None:
            possible |= _IN_ROWS | lies.possible(asked, page)
        fault, variant = self._draw.fault(f"{request.method} {request.url.path}?{request.url.query}", possible)
        self._gone = self._gone or fault is Fault.GONE
        if fault in LIES and asked is not None:
            page, fault = await lies.lie(fault, asked, page, variant), None
        return fault, json.dumps(page, separators=(",", ":")).encode(), variant

    async def _page(self, request: Request) -> tuple[Asked | None, Any]:
        """Return the true answer, decoded; for a page also what was asked for."""
        name = request.path_params.get("table") or request.url.path.rpartition("/")[2]
        if name not in TABLES:
            return None, await self._ask(request, request.query_params)
        asked = Asked(TABLES.named(name), request.query_params.get("cursor"), partial(self._read, request))
        return asked, await lies.truth(asked)

    async def _read(self, request: Request, cursor: str | None) -> Page:
        """Return the true page of a cursor."""
        query = {name: value for name, value in request.query_params.items() if name != "cursor"}
        page: Page = await self._ask(request, query if cursor is None else {**query, "cursor": cursor})
        return page

    async def _ask(self, request: Request, query: Mapping[str, str]) -> Any:  # noqa: ANN401  # whatever JSON it is
        """Return what the application answers to a query."""
        headers = [(name, value) for name, value in request.scope["headers"] if name != b"accept-encoding"]
        scope = {**request.scope, "query_string": urlencode(query).encode(), "headers": headers}
        status, body = 0, b""

        async def keep(message: Message) -> None:
            nonlocal status, body
            status = message.get("status", status)
            body += message.get("body", b"")

        await self._app(scope, request.receive, keep)
        if status != HTTPStatus.OK:
            raise _RefusedError(Response(body, status, media_type="application/problem+json"))
        return json.loads(body)
