"""One request to the shop's API, made safe: retries, deadlines, caps, one pace, no redirects, no key in any message.

A body is accepted only when it arrived whole and could be parsed; everything else is asked for again, within a
deadline. After 401 or 403 nothing more is asked. A source that stays away is given up instead of being asked once for
each day of a long range.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx
import tenacity

from mootech.errors import RefusedError, SourceError
from mootech.source.auth import KeyFilter
from mootech.source.backoff import retry_after_seconds, wait_seconds
from mootech.source.body import Body, TransientError, problem_detail, read_body
from mootech.source.endpoint import Endpoint
from mootech.source.throttle import Pace, Throttle

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

_LOGGERS_OF_ADDRESSES = ("httpx", "httpcore.http11")
"""Loggers of other libraries. They log the address asked, and the answer's headers, which may hold a next address."""
_ATTEMPTS = 8
_GIVE_UP_AFTER = 3
"""After so many requests in a row that failed with all their retries, the source is not asked any more."""
_ASK_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Sent:
    """The method and body of a request of the exports protocol. Never logged, because the body may hold the key."""

    method: str
    body: Callable[[], Mapping[str, str | int]] = field(repr=False)
    """Returns the fields of the JSON body; called for each attempt."""


@dataclass(frozen=True)
class Ask:
    """One request."""

    path: str
    """Below the base URL; errors name the request by it."""
    params: Mapping[str, str]
    """The query, without the key."""
    url: str | None = None
    """The whole address, in place of path and params; in the base URL's origin, without the key."""
    accept: str = "application/json"
    sent: Sent | None = None
    """Another method, and a body; None is a GET without one."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    body: bytes = field(repr=False)
    """Decoded, without the key."""
    head: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The headers, without the key; names in lower case."""
    framed: bool = True
    """Whether the body's own end was proved; see `Body`."""


class Api:
    """The shop's API over HTTP. Use as an async context manager, from one event loop."""

    def __init__(self, endpoint: Endpoint, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Prepare; nothing is sent before the first `get`. `sleep` waits out the seconds between attempts."""
        self.endpoint = endpoint
        self._settings = settings = endpoint.settings
        self._sleep = sleep
        self._rng = random.Random()  # noqa: S311  # jitter only has to differ from client to client
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._first = asyncio.Lock()
        self._answered: set[str] = set()
        self._failed_in_a_row = 0
        self._given_up: SourceError | None = None
        self._throttle = Throttle(Pace.of(settings.requests_per_second), sleep=sleep)
        self._auth = endpoint.auth
        self._key_filter = KeyFilter(self._auth)
        encrypted = urlsplit(endpoint.url).scheme == "https"
        self._client = httpx.AsyncClient(
            auth=self._auth,
            headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
            # httpx forwards X-API-Key to wherever a redirect points, so it may not follow any.
            follow_redirects=False,
            timeout=httpx.Timeout(settings.timeout_seconds),
            limits=httpx.Limits(max_connections=settings.concurrency),
            # Proxies from the environment would see the key of a plain-http source.
            trust_env=encrypted,
            # A plain-http source shows no certificate; a context that trusts nobody spares reading the machine's.
            verify=encrypted or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        for name in _LOGGERS_OF_ADDRESSES:
            logging.getLogger(name).addFilter(self._key_filter)
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._client.aclose()
        for name in _LOGGERS_OF_ADDRESSES:
            logging.getLogger(name).removeFilter(self._key_filter)

    async def get(
        self, path: str, params: Mapping[str, str], parse: Callable[[bytes], T], *, sent: Sent | None = None
    ) -> T:
        """Return what `parse` makes of the body of `GET {url}/{path}`.

        Args:
            path: below the base URL, a name of ours.
            params: the query.
            parse: called with the decoded body; a TransientError from it means "not a body, ask again".
            sent: another method, and a body; None is a GET without one.

        Raises:
            RefusedError: a 4xx that asking again would not change; or the key was refused earlier.
            SourceError: no whole answer within the attempts and the deadline.

        """
        return await self.ask(Ask(path, params, sent=sent), lambda answer: parse(answer.body))

    async def ask(self, ask: Ask, parse: Callable[[Answer], T]) -> T:
        """Return what `parse` makes of the answer to a request; otherwise as `get`."""
        if ask.path not in self._answered:
            # Until a path has answered once, it is asked one request at a time: a wrong key or a missing table
            # then costs one request, not four.
            async with self._first:
                if ask.path not in self._answered:
                    return await self._get(ask, parse)
        return await self._get(ask, parse)

    async def pause(self, attempt: int) -> None:
        """Wait before a day is read again because its pages did not fit together; `attempt` 1 was the first."""
        await self._sleep(wait_seconds(attempt, None, self._rng))

    async def _get(self, ask: Ask, parse: Callable[[Answer], T]) -> T:
        if self._given_up is not None:
            raise self._given_up
        async with self._slots:
            try:
                # Outside the request's deadline: a slow pace is no fault of the source.
                await self._throttle.turn()
                answer = await self._with_retries(ask, parse)
            except RefusedError:
                self._answered.add(ask.path)
                raise
            except SourceError as exc:
                self._failed_in_a_row += 1
                if not self._answered or self._failed_in_a_row >= _GIVE_UP_AFTER:
                    self._given_up = exc
                raise
        self._answered.add(ask.path)
        self._failed_in_a_row = 0
        return answer

    async def _with_retries(self, ask: Ask, parse: Callable[[Answer], T]) -> T:
        deadline = self._settings.deadline_seconds
        last = f"no answer within {deadline:g} s"
        again = False

        async def once() -> T:
            nonlocal last, again
            if again:
                await self._throttle.turn()
            again = True
            try:
                return parse(await self._attempt(ask))
            except TransientError as exc:
                last = str(exc)
                _LOG.info("%s %s %s failed: %s", *_described(ask), last)
                raise

        retrying = tenacity.AsyncRetrying(
            # A wait beyond the deadline would only hold up the other days.
            stop=tenacity.stop_after_attempt(_ATTEMPTS) | tenacity.stop_before_delay(deadline),
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(TransientError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            async with asyncio.timeout(deadline):
                return await retrying(once)
        except (TransientError, TimeoutError) as exc:
            raise SourceError(
                f"{self.endpoint.url}/{ask.path} failed: {last}",
                hint="Nothing half-fetched was published. Check that the shop's API is up and that MOOTECH_API_URL "
                "is right, then run the same command again: it resumes with what is missing.",
            ) from exc

    def _wait(self, state: tenacity.RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        asked_for = failure.asked_for if isinstance(failure, TransientError) else None
        return wait_seconds(state.attempt_number, asked_for, self._rng)

    async def _attempt(self, ask: Ask) -> Answer:
        """Send one request and return its whole, decoded answer."""
        document = None if ask.sent is None else dict(await asyncio.to_thread(ask.sent.body))
        timeout = self._settings.timeout_seconds
        address = (
            httpx.URL(f"{self.endpoint.url}/{ask.path}", params=ask.params or None) if ask.url is None else ask.url
        )
        try:
            # httpx's read timeout starts anew with every byte; only a deadline stops a dripping server.
            async with (
                asyncio.timeout(timeout),
                self._client.stream(_method(ask), address, headers={"Accept": ask.accept}, json=document) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise await self._failure(ask, response)
                body = await read_body(response, self._settings.max_body_mb * 2**20)
                _LOG.debug("%s %s %s: %d bytes", *_described(ask), len(body.content))
                self._throttle.ease()
                return self._without_key(body, response.headers)
        except TimeoutError as exc:
            raise TransientError(f"no whole answer within {timeout:g} s") from exc
        except httpx.TransportError as exc:
            raise TransientError(f"{type(exc).__name__}: {exc}".rstrip(": ")) from exc

    def _without_key(self, body: Body, headers: httpx.Headers) -> Answer:
        head = {name: self._auth.without_key(value.encode()).decode() for name, value in headers.items()}
        return Answer(self._auth.without_key(body.content), head, body.framed)

    async def _failure(self, ask: Ask, response: httpx.Response) -> Exception:
        """Return the exception an answer other than 200 deserves, and remember that the key was refused."""
        status = response.status_code
        detail = await problem_detail(response)
        reason = f"{status} {response.reason_phrase}{f' ({detail})' if detail else ''}"
        # Some servers repeat the key they refuse.
        reason = self._auth.redacted(reason)
        if status in _ASK_AGAIN or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            asked_for = retry_after_seconds(response.headers.get("Retry-After"), datetime.now(UTC))
            if status == httpx.codes.TOO_MANY_REQUESTS:
                self._throttle.slow(asked_for)
            return TransientError(reason, asked_for)
        refused = RefusedError(f"{self.endpoint.url}/{ask.path} answered {reason}", hint=_hint(status), status=status)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            self._given_up = refused
        return refused


def _method(ask: Ask) -> str:
    return "GET" if ask.sent is None else ask.sent.method


def _described(ask: Ask) -> tuple[str, str, str]:
    """Return a request as the log shows it."""
    return _method(ask), ask.path, str(dict(ask.params)) if ask.url is None else ask.url


def _hint(status: int) -> str:
    """Say what to do about a 4xx or a redirect."""
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return "The key was refused; nothing was changed. Set MOOTECH_API_KEY or MOOTECH_API_KEY_FILE to a valid one."
    if status == httpx.codes.NOT_FOUND:
        return "Nothing was changed. Check MOOTECH_API_URL: {url}/{table} must be a table of the shop's API."
    if httpx.codes.is_redirect(status):
        return (
            "Redirects are not followed, so that the key reaches no other host. "
            "Set MOOTECH_API_URL to the final address."
        )
    return "Nothing was changed. The request was not understood: check that the API follows mootech's page contract."
