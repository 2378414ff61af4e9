"""What mootech's own objects say of themselves in their Parquet footers: the one reader of receipts and provenances.

Within one format of the lake, a newer mootech may add names to both; those that this one does not know are ignored.
Anything else that does not fit is no receipt, whatever it is: the footer may be damaged, or somebody else's.
"""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from mootech.model import Provenance, Receipt

RECEIPT = "mootech.receipt"
PROVENANCE = "mootech.provenance"

# Made on import, as everywhere: threads that hand msgspec a class of ours for the first time at the same moment crash
# the process, because one sees what the other has half prepared (seen, with 0.22).
_RECEIPTS = msgspec.json.Decoder(Receipt)
_PROVENANCES = msgspec.json.Decoder(Provenance)

T = TypeVar("T", Receipt, Provenance)


def receipt_in(footer: Mapping[str, str]) -> Receipt | None:
    """Return the receipt in a partition's footer; None where none stands there that can be read."""
    return _read(footer.get(RECEIPT), _RECEIPTS)


def provenance_in(footer: Mapping[str, str]) -> Provenance | None:
    """Return the provenance in the footer of a derived object; None where none stands there that can be read."""
    return _read(footer.get(PROVENANCE), _PROVENANCES)


def _read(text: str | None, decoder: msgspec.json.Decoder[T]) -> T | None:
    try:
        return None if text is None else decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return None
