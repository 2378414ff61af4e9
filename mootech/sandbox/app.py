"""The shop's API as an ASGI application: pages and jobs, every error an RFC 9457 problem document."""

import gzip
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import date
from http import HTTPStatus
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mootech.sandbox import older, openapi, pages
from mootech.sandbox.exports import Exports
from mootech.sandbox.leaks import Leak
from mootech.sandbox.pages import BadParameterError, ServedPage
from mootech.sandbox.shop import Shop
from mootech.tables import TABLES, TableSpec

BASES: Final = ("/v1/", "/dev/")
"""What every path of the API begins with; both answer the same."""

# Below that a compressed body gains nothing on the wire.
_WORTH_COMPRESSING = 1_024


def create_app(
    shop: Shop,
    *,
    today: Callable[[], date],
    leak: Leak | None = None,
    exports: Exports | None = None,
) -> Starlette:
    """Return the API of a shop.

    Args:
        shop: whose rows are handed out.
        leak: leaves some of them out of the pages; the metrics still count them.
        today: answers the current UTC day; asked once for each request.
        exports: what delivers to buckets; None refuses such orders.

    """

    async def rows(request: Request) -> Response:
        _check_key(shop.api_key, request)
        name = request.path_params["table"]
        if name not in TABLES:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no such table; they are: {', '.join(TABLES.names)}")
        table = TABLES.named(name)
        now, compress = today(), accepts_gzip(request)

        def answer() -> Response:
            return encoded(_body(_page(table, request.query_params, leak or shop, now)), compress=compress)

        # Making, encoding and compressing a page take time; the loop stays free for the other requests.
        return await run_in_threadpool(answer)

    async def metric(request: Request) -> Response:
        body = await older.body_of(request)
        # Clients of the older service send their key only when they order a job.
        if body is None or "api_key" in body or "X-API-Key" in request.headers:
            _check_key(shop.api_key, request, body)
        counts = {"hits": shop.hits, "visitors": shop.visitors}
        count = counts.get(request.path_params["name"])
        if count is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"there is no such metric; they are: {', '.join(counts)}")
        now = today()
        day = pages.parse_day(request.query_params, "date", now) if body is None else older.day(body, "date", now)
        return JSONResponse(await run_in_threadpool(count, day, today=now))

    async def description(_: Request) -> Response:
        return JSONResponse(openapi.document())

    app = Starlette(
        routes=[
            *_export_routes(shop.api_key, today, exports),
            *(
                Route(base + path, handler)
                for base in BASES
                for path, handler in (("metrics/{name}", metric), ("{table}", rows))
            ),
            Route("/openapi.json", description),
        ],
        exception_handlers={
            HTTPException: _http_problem,
            BadParameterError: _parameter_problem,
            Exception: _bug,
        },
    )
    # A path with a slash too many is an unknown path: a redirect would make a client send its key once more.
    app.router.redirect_slashes = False
    return app


def _page(table: TableSpec, query: Mapping[str, str], rows: Shop | Leak, today: date) -> ServedPage:
    """Return the page that a query asks for."""
    asked = pages.parse(table, query, rows, today)
    if isinstance(rows, Leak) and "cursor" not in query:
        rows.begin(table, asked.days)
    return pages.read(asked, rows, today)


def _export_routes(api_key: str, today: Callable[[], date], exports: Exports | None) -> list[Route]:
    """Return the routes of the jobs protocol."""

    async def fetch_data(request: Request) -> Response:
        body = await older.body_of(request) or {}
        _check_key(api_key, request, body)
        order = older.order(body, today())
        if exports is None:
            raise HTTPException(HTTPStatus.CONFLICT, "this sandbox has no buckets; start it with --buckets")
        return JSONResponse({"job_id": exports.start(order)})

    async def job_status(request: Request) -> Response:
        job_id = older.text(await older.body_of(request) or {}, "job_id")
        state = exports.state(job_id) if exports is not None else None
        if state is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such job")
        answer = {"job_id": job_id, "execution_status": state.status, "rows": state.rows, "error": state.error}
        return JSONResponse({name: value for name, value in answer.items() if value is not None})

    return [
        route
        for base in BASES
        for route in (
            Route(f"{base}fetch_data", fetch_data, methods=["POST"]),
            Route(f"{base}job_status", job_status),
        )
    ]


def _check_key(api_key: str, request: Request, body: older.Body | None = None) -> None:
    """Refuse a request without the shop's key, in the body as `api_key` or in the header."""
    header = request.headers.get("X-API-Key")
    given, place = (body["api_key"], "api_key") if body and "api_key" in body else (header, "X-API-Key")
    if given is None:
        raise _unauthorized("the header X-API-Key is missing")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), api_key.encode()):
        raise _unauthorized(f"the key in {place} is not the shop's")


def _body(page: ServedPage) -> bytes:
    """Return a page as JSON; the rows are JSON already."""
    tail = json.dumps(page.next_cursor)
    return f'{{"data":[{",".join(page.rows)}],"next_cursor":{tail},"total":{page.total}}}'.encode()


def encoded(body: bytes, *, compress: bool) -> Response:
    """Answer with a JSON body; `compress` it when that is worth it, at the level that takes least time."""
    headers = {"Vary": "Accept-Encoding"}
    if not compress or len(body) < _WORTH_COMPRESSING:
        return Response(body, media_type="application/json", headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(gzip.compress(body, compresslevel=1, mtime=0), media_type="application/json", headers=headers)


def accepts_gzip(request: Request) -> bool:
    """Say whether the client takes gzip (RFC 9110, 12.5.3)."""
    for each in request.headers.get("Accept-Encoding", "").split(","):
        coding, _, weight = each.replace(" ", "").lower().partition(";q=")
        if coding in {"gzip", "*"}:
            return weight.rstrip("0") not in {"0.", ""} or not weight
    return False


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Response:  # noqa: ANN401  # RFC 9457 lets members be anything
    """Return a problem document (RFC 9457); it has no type of its own, so its title is the status's phrase."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(document, status, headers=headers, media_type="application/problem+json")


def _unauthorized(detail: str) -> HTTPException:
    """Return a 401 with the header that RFC 9110 asks of it."""
    return HTTPException(HTTPStatus.UNAUTHORIZED, detail, {"WWW-Authenticate": 'ApiKey realm="sandbox"'})


def _http_problem(request: Request, exc: Exception) -> Response:
    """Answer what the router or a handler refused."""
    if not isinstance(exc, HTTPException):
        raise exc
    detail = exc.detail
    if detail == HTTPStatus(exc.status_code).phrase:
        detail = f"{request.method} {request.url.path}: {detail.lower()}"
    return problem(exc.status_code, detail, dict(exc.headers or {}))


def _parameter_problem(_: Request, exc: Exception) -> Response:
    """Answer a parameter that cannot be used."""
    if not isinstance(exc, BadParameterError):
        raise exc
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(exc), parameter=exc.parameter)


def _bug(_: Request, __: Exception) -> Response:
    """Answer an error that nobody expected."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "this is a bug in the sandbox")
