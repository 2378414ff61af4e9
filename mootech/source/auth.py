"""How the key travels: in a header, as a bearer token, as the password of a user, or as a parameter of the query.

A parameter stands in addresses, and addresses stand in logs; so it is put in last, and taken out of everything that
comes back: a next page's address often repeats it.
"""

import logging
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, quote_plus

HIDDEN = "***"
"""What stands in place of a key."""


class AuthKind(StrEnum):
    """Where the key stands in a request."""

    HEADER = "header"
    BEARER = "bearer"
    BASIC = "basic"
    QUERY = "query"


@dataclass(frozen=True)
class Auth:
    """The key, and how it is sent."""

    key: str = field(repr=False)
    kind: AuthKind = AuthKind.HEADER
    name: str = "X-API-Key"
    """Of the header or the parameter; bearer and basic have a header of their own."""
    user: str = ""
    """Only for basic."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The header that every request carries."""
        match self.kind:
            case AuthKind.HEADER:
                return {self.name: self.key}
            case AuthKind.BEARER:
                return {"Authorization": f"Bearer {self.key}"}
            case AuthKind.BASIC:
                return {"Authorization": f"Basic {self._pair}"}
        return {}

    @property
    def query(self) -> Mapping[str, str]:
        """The parameter that every request carries."""
        return {self.name: self.key} if self.kind is AuthKind.QUERY else {}

    def signed(self, address: str) -> str:
        """Return a whole address with the key as its parameter, in place of one that is there already."""
        if self.kind is not AuthKind.QUERY:
            return address
        plain, _, query = address.partition("?")
        kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] != quote(self.name)]
        key = quote(self.key, safe="")
        return f"{plain}?{'&'.join([*kept, f'{quote(self.name)}={key}'])}"

    def without_key(self, text: bytes) -> bytes:
        """Return a body or header without the key, where it came back as the parameter it went out as."""
        if self.kind is not AuthKind.QUERY:
            return text
        for spelled in self._spellings:
            text = text.replace(f"{self.name}={spelled}".encode(), f"{self.name}={HIDDEN}".encode())
        return text

    def redacted(self, text: str) -> str:
        """Return a message for people without the key, however it is written in it."""
        for spelled in (*self._spellings, *((self._pair,) if self.kind is AuthKind.BASIC else ())):
            text = text.replace(spelled, HIDDEN)
        return text

    @property
    def _pair(self) -> str:
        return b64encode(f"{self.user}:{self.key}".encode()).decode()

    @property
    def _spellings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.key, quote(self.key, safe=""), quote(self.key), quote_plus(self.key))))


class KeyFilter(logging.Filter):
    """Takes the key out of what httpx logs: whole addresses, at a level any host application may have switched on."""

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
