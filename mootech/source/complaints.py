"""Errors inside an answer of 200: gateways answer so when what stands behind them failed."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mootech.source.body import TransientError, printable
from mootech.source.paths import JsonPath, decoded_at, fields_of, shown

FAILURES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding a body that is no page of rows may raise."""


def refuse_errors(fields: Mapping[str, msgspec.Raw], paths: Sequence[JsonPath]) -> None:
    """Refuse a body with an error in it; null, false, 0 and what is empty are none.

    Args:
        fields: the fields of the body.
        paths: where an error would stand.

    Raises:
        TransientError: there is one; it is worth asking again.
        msgspec.MsgspecError: what is on the way is no JSON.

    """
    for path in paths:
        if error := decoded_at(fields, path):
            raise TransientError(f"200, but with {shown(path)} beside the rows ({words_of(error)})")


def refuse_error_line(rows: Sequence[msgspec.Raw], paths: Sequence[JsonPath]) -> None:
    """Refuse lines whose last one is an error and no row: a stream that has begun cannot change its status any more.

    Raises:
        TransientError: see `refuse_errors`.

    """
    names = {path[0] for path in paths}
    try:
        fields = fields_of(rows[-1]) if rows else {}
    except msgspec.MsgspecError:
        return  # no object; the gate says so
    if fields.keys() <= names:
        refuse_errors(fields, paths)


def no_page(body: bytes, paths: Sequence[JsonPath], exc: Exception) -> TransientError:
    """Return what a body without rows deserves: the shop's own words, or else the decoder's."""
    try:
        refuse_errors(fields_of(body), paths)
    except TransientError as said:
        return said
    except FAILURES:
        pass
    return TransientError(f"a body that is no page of rows ({exc})")


def words_of(error: Any) -> str:  # noqa: ANN401  # whatever the shop put there
    """Return the message of an error, or else all of it, as a message of ours may show it."""
    match error:
        case [first, *_]:
            return words_of(first)
        case {"message": str(words)} | str(words):
            return printable(words)
    return printable(msgspec.json.encode(error).decode())
