"""Simple paths into JSON: the names of fields within each other. Values stay the text that the shop sent."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

JsonPath = tuple[str, ...]
"""The names on the way, outermost first; an empty path is the value itself."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def fields_of(value: msgspec.Raw | bytes) -> dict[str, msgspec.Raw]:
    """Return an object's fields; when a name stands twice, the last value counts.

    Raises:
        msgspec.MsgspecError: it is no object, or no JSON.

    """
    return _OBJECT.decode(value)


def elements_of(value: msgspec.Raw | bytes) -> list[msgspec.Raw]:
    """Return a list's elements.

    Raises:
        msgspec.MsgspecError: it is no list, or no JSON.

    """
    return _LIST.decode(value)


def found(fields: Mapping[str, msgspec.Raw], path: JsonPath) -> msgspec.Raw | None:
    """Return the value at a path of at least one name; None where there is none.

    Through a list the result is the list of its elements' values; None when one of the elements has none.
    """
    value = fields.get(path[0])
    return value if value is None or len(path) == 1 else _below(value, path[1:])


def decoded_at(fields: Mapping[str, msgspec.Raw], path: JsonPath) -> Any:  # noqa: ANN401  # whatever the shop put there
    """Return the value at a path, decoded; None where nothing stands, and for an empty path.

    Raises:
        msgspec.MsgspecError: what is on the way is no JSON.

    """
    value = found(fields, path) if path else None
    return None if value is None else msgspec.json.decode(value)


def shown(path: JsonPath) -> str:
    """Return a path as people configure it."""
    return ".".join(path) or "$"


def _below(value: msgspec.Raw, path: JsonPath) -> msgspec.Raw | None:
    match _first_byte(value):
        case b"{":
            return found(fields_of(value), path)
        case b"[":
            of_elements = [_below(element, path) for element in elements_of(value)]
            return None if None in of_elements else msgspec.Raw(msgspec.json.encode(of_elements))
    return None


def without(fields: Mapping[str, msgspec.Raw], paths: Sequence[JsonPath]) -> dict[str, msgspec.Raw]:
    """Return the fields without the values at the paths, and without the objects and lists that this leaves empty."""
    kept = dict(fields)
    for path in paths:
        if path[0] in kept:
            left = _less(kept[path[0]], path[1:])
            if left is None:
                del kept[path[0]]
            else:
                kept[path[0]] = left
    return kept


def _less(value: msgspec.Raw, path: JsonPath) -> msgspec.Raw | None:
    """Return a value without the value at the path in it; None when nothing is left."""
    if not path:
        return None
    match _first_byte(value):
        case b"{":
            left = without(fields_of(value), [path])
            return msgspec.Raw(msgspec.json.encode(left)) if left else None
        case b"[":
            elements = [_less(element, path) for element in elements_of(value)]
            # An emptied element stays as an empty object, so that the others keep their positions.
            filled = [msgspec.Raw(b"{}") if each is None else each for each in elements]
            return msgspec.Raw(msgspec.json.encode(filled)) if any(each is not None for each in elements) else None
    return value


def _first_byte(value: msgspec.Raw) -> bytes:
    return bytes(value).lstrip()[:1]
