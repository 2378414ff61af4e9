"""Checks that msgspec does not make: how deep a page nests, and whether it has more values than rows could have.

Both work on the JSON text and are cheap: a page of 5,000 hits takes a millisecond and a half.
"""

import re
from collections.abc import Sequence

import msgspec
import numpy as np

from mootech.errors import RefusedError
from mootech.source.body import TransientError

MOST_DEPTH = 64
"""Levels of arrays and objects, the page's envelope included; Python's own limit is near 1,000."""
MOST_ROWS = 100_000
"""Rows of one page: the largest page that can be asked for ([source] page_size)."""
MOST_ROW_BYTES = 1024 * 1024
"""JSON text of one row; a row of the contract takes some hundred bytes."""

_AROUND_A_ROW = 2
"""The envelope and its list of rows."""
_MOST_IN_A_ROW = MOST_DEPTH - _AROUND_A_ROW
_SMALL_BODY = 4 * 1024 * 1024
_BYTES_A_VALUE = 8
_ENVELOPE = 128
"""Bytes of an ordinary envelope, which are too few to nest as deep as a row may."""
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def refuse_dense(body: bytes) -> None:
    """Refuse a body that would take too much memory when it is decoded.

    Raises:
        RefusedError: it holds far more values than rows could have.

    """
    if is_dense(body):
        raise _too_many()


def check_rows(body: bytes, rows: Sequence[msgspec.Raw]) -> None:
    """Check a decoded page; `rows` are the rows of `body`.

    Raises:
        RefusedError: more rows than any page may have, or a row that is too large.
        TransientError: it nests too deep.

    """
    if len(rows) > MOST_ROWS:
        raise _too_many()
    if is_too_long(body, rows):
        raise RefusedError(
            f"a row of a page is larger than {MOST_ROW_BYTES // 2**20} MB of JSON",
            hint="Nothing of the page was kept. A row of that size is a fault of the shop's API, to be mended there.",
        )
    if is_too_deep(body, rows):
        raise TransientError("a body that is no page of rows (it nests too deep)")


def _too_many() -> RefusedError:
    return RefusedError(
        f"a page has more than {MOST_ROWS:,} rows, or rows too small to be any",
        hint="Nothing of it was kept. The shop's API must heed `limit`, the rows asked for ([source] page_size).",
    )


def is_dense(body: bytes) -> bool:
    """Say whether a large body has so many values that decoding it would take far more memory than its text.

    Rows of any table have about one comma in twenty bytes. `0,0,0,…` would become thirty times as large in memory; this
    limit keeps it at seven times.
    """
    return len(body) > _SMALL_BODY and body.count(b",") * _BYTES_A_VALUE > len(body)


def is_too_long(body: bytes, rows: Sequence[msgspec.Raw]) -> bool:
    """Say whether one row of a page takes more than `MOST_ROW_BYTES`; `body` is the page."""
    return len(body) > MOST_ROW_BYTES and any(memoryview(row).nbytes > MOST_ROW_BYTES for row in rows)


def is_too_deep(body: bytes, rows: Sequence[msgspec.Raw]) -> bool:
    """Say whether valid JSON text nests deeper than `MOST_DEPTH`.

    Args:
        body: the page.
        rows: the elements of its list of rows.

    """
    if depth_bound(body) <= _MOST_IN_A_ROW:
        return False
    texts = list(map(bytes, rows))
    brackets = body.count(b"[")
    if brackets <= _MOST_IN_A_ROW // 2:
        # The usual page has one bracket, and then counting braces is enough.
        suspects = [text for text in texts if text.count(b"{") > _MOST_IN_A_ROW // 2]
    else:
        suspects = [text for text in texts if _openers(text) > _MOST_IN_A_ROW]
    if any(_is_deeper(text, _MOST_IN_A_ROW) for text in suspects):
        return True
    outside = len(body) - sum(map(len, texts)) - 2 * len(texts)
    if outside <= _ENVELOPE:
        return False
    return _openers(body) - sum(map(_openers, texts)) > MOST_DEPTH and _is_deeper(body, MOST_DEPTH)


def depth_bound(body: bytes) -> int:
    """Return an upper bound of how deep valid JSON text nests: a handful for the usual page.

    Arrays and objects nest. An object after `},` is an element of an array, so a path from the top passes no more of
    them than arrays; every other object counts. Brackets in strings, and white space other than one blank, only make
    the bound larger.
    """
    marks = np.frombuffer(body, np.uint8)
    braces = np.flatnonzero(marks == ord("{"))
    arrays = np.count_nonzero(marks == ord("["))
    before = braces - 1 - (marks[np.maximum(braces - 1, 0)] == ord(" "))
    # Before the first byte an index means the last one, and no JSON text ends in a comma.
    follows = (marks[before] == ord(",")) & (marks[before - 1] == ord("}"))
    return int(2 * arrays + len(braces) - np.count_nonzero(follows))


def _openers(text: bytes) -> int:
    """Count the brackets that may open an array or object; brackets in strings count, too, so that none is missed."""
    return text.count(b"{") + text.count(b"[")


def _is_deeper(text: bytes, most: int) -> bool:
    """Walk through the brackets outside of strings."""
    level = 0
    for bracket in _STRINGS.sub(b"", text).translate(None, _NO_BRACKETS):
        level += 1 if bracket in b"[{" else -1
        if level > most:
            return True
    return False
