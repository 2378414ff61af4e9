"""The Link header (RFC 8288): which address it names as the next one."""

import re
from collections.abc import Iterator

import msgspec

_TARGET = re.compile(r"[ \t]*<([^<>]*)>")
_PARAMETER = re.compile(r'[ \t]*;[ \t]*(?:([^\s=;,"<>]+)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?)?')
_BETWEEN = re.compile(r"[ \t]*(?:,[ \t,]*|$)")
_ESCAPED = re.compile(r"\\(.)")


def next_of(header: str) -> str | None:
    """Return the address of the link with `next` among its relations; None where no link has it.

    A relation is a list of words, and neither they nor the names of parameters know upper and lower case. Only the
    first `rel` of a link counts.

    Raises:
        msgspec.ValidationError: it is no list of links, or names two next addresses.

    """
    found = {address for address, relations in _links(header) if "next" in relations}
    if len(found) > 1:
        raise msgspec.ValidationError("the Link header names two next pages")
    return next(iter(found), None)


def _links(header: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each link's address and its relations in lower case."""
    between = re.compile(r"[ \t,]*").match(header)
    at = between.end() if between else 0
    while at < len(header):
        target = _TARGET.match(header, at)
        if target is None:
            raise msgspec.ValidationError("the Link header is no list of links")
        at = target.end()
        relations: list[str] | None = None
        while parameter := _PARAMETER.match(header, at):
            at = parameter.end()
            name, quoted, plain = parameter.groups()
            if relations is None and name is not None and name.lower() == "rel":
                relations = _ESCAPED.sub(r"\1", quoted if quoted is not None else plain or "").lower().split()
        between = _BETWEEN.match(header, at)
        if between is None:
            raise msgspec.ValidationError("the Link header is no list of links")
        at = between.end()
        yield target[1], relations or []
