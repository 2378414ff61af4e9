"""Reads receipts and provenances from Parquet footers; no other module does.

Within one format of the lake, a newer mootech may add fields to both; this reader ignores fields that it does not know.
Anything else that does not fit counts as no receipt: the footer is damaged, or another program wrote it.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from mootech.model import Provenance, Receipt

RECEIPT = "mootech.receipt"
PROVENANCE = "mootech.provenance"

# Decoders are made on import everywhere in mootech: msgspec 0.22 crashed the process when two threads gave it the same
# class for the first time at the same moment, because one thread saw what the other had only half prepared.
_RECEIPTS = msgspec.json.Decoder(Receipt)
_PROVENANCES = msgspec.json.Decoder(Provenance)

T = TypeVar("T", Receipt, Provenance)


def receipt_in(footer: Mapping[str, str]) -> Receipt | None:
    """Return the receipt in a partition's footer; None when there is none that can be read."""
    return _read(footer.get(RECEIPT), _RECEIPTS)


def provenance_in(footer: Mapping[str, str]) -> Provenance | None:
    """Return the provenance in the footer of a derived object; None when there is none that can be read."""
    return _read(footer.get(PROVENANCE), _PROVENANCES)


def _read(text: str | None, decoder: msgspec.json.Decoder[T]) -> T | None:
    try:
        return None if text is None else decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None
