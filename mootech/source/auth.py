"""How the key is sent: a class for each kind, and the registry of their names.

A kind is an httpx auth flow: it signs each request and may look at the answer. A new kind is a class here and its name
in `config.dialect`.

A query parameter is part of an address, and addresses end up in logs. So that kind signs last, and removes the key from
everything that comes back: the address of a next page often repeats it.
"""

import logging
from abc import abstractmethod
from base64 import b64encode
from collections.abc import Generator, Mapping
from typing import ClassVar
from urllib.parse import quote, quote_plus

import httpx

from mootech.config.dialect import AuthSettings

HIDDEN = "***"
"""What stands in place of a key."""

Flow = Generator[httpx.Request, httpx.Response, None]
"""Yields the signed request, and is sent the answer to it."""


class Auth(httpx.Auth):
    """The key, and one way to send it."""

    kind: ClassVar[str]
    default_name: ClassVar[str] = ""
    """Name of the header or parameter where the settings have none; empty: the kind has no name to choose."""
    has_user: ClassVar[bool] = False
    """True: the kind needs the name of a user."""
    in_query: ClassVar[bool] = False
    """True: the key is a parameter of the query."""

    def __init__(self, key: str, settings: AuthSettings) -> None:
        """Take the key and the section [source.auth]."""
        self.key = key
        self.name = settings.name or self.default_name
        self.user = settings.user or ""

    @abstractmethod
    def auth_flow(self, request: httpx.Request) -> Flow:
        """Sign the request."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every text that the key may be written as."""
        return tuple(dict.fromkeys((self.key, quote(self.key, safe=""), quote(self.key), quote_plus(self.key))))

    def without_key(self, text: bytes) -> bytes:
        """Return a body or header without the key, where answers of this kind repeat it."""
        return text

    def redacted(self, text: str) -> str:
        """Return a message for people without the key, however it is written in it."""
        for spelled in self.spellings:
            text = text.replace(spelled, HIDDEN)
        return text


class HeaderAuth(Auth):
    """The key is a header of its own."""

    kind = "header"
    default_name = "X-API-Key"

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Add the header."""
        request.headers[self.name] = self.key
        yield request


class BearerAuth(Auth):
    """The key is a bearer token (RFC 6750)."""

    kind = "bearer"

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Add the header Authorization."""
        request.headers["Authorization"] = f"Bearer {self.key}"
        yield request


class BasicAuth(Auth):
    """The key is the password of a user (RFC 7617)."""

    kind = "basic"
    has_user = True

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Add the header Authorization."""
        request.headers["Authorization"] = f"Basic {self._pair}"
        yield request

    @property
    def spellings(self) -> tuple[str, ...]:
        """The key's own, and the header's."""
        return (*super().spellings, self._pair)

    @property
    def _pair(self) -> str:
        return b64encode(f"{self.user}:{self.key}".encode()).decode()


class QueryAuth(Auth):
    """The key is a parameter of the query."""

    kind = "query"
    default_name = "api_key"
    in_query = True

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Add the parameter."""
        request.url = httpx.URL(self.signed(str(request.url)))
        yield request

    def signed(self, address: str) -> str:
        """Return a whole address with the key as its parameter, in place of one that is there already."""
        plain, _, query = address.partition("?")
        kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] != quote(self.name)]
        key = quote(self.key, safe="")
        return f"{plain}?{'&'.join([*kept, f'{quote(self.name)}={key}'])}"

    def without_key(self, text: bytes) -> bytes:
        """Return a body or header without the key, where it came back as the parameter it was sent as."""
        for spelled in self.spellings:
            text = text.replace(f"{self.name}={spelled}".encode(), f"{self.name}={HIDDEN}".encode())
        return text


_ALL: tuple[type[Auth], ...] = (HeaderAuth, BearerAuth, BasicAuth, QueryAuth)

KINDS: Mapping[str, type[Auth]] = {each.kind: each for each in _ALL}
"""By the name in [source.auth] kind."""


class KeyFilter(logging.Filter):
    """Removes the key from what httpx logs: whole addresses, at a level that a host application may switch on."""

    def __init__(self, auth: Auth) -> None:
        """Look for this key."""
        super().__init__()
        self._auth = auth

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through, without the key."""
        message = record.getMessage()
        cleaned = self._auth.redacted(message)
        if cleaned != message:
            record.msg, record.args = cleaned, ()
        return True
