"""Chooses a lake's store by the scheme of its address. A new store is one module and one line in SCHEMES."""

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from mootech.errors import UsageError
from mootech.lake.stores.local import LocalStore
from mootech.lake.stores.store import Store, check_key

Opener = Callable[[SplitResult, Path | None], Store | None]
"""Opens the store of an address, given this host's folder for notes about uploads; None if the address is invalid."""


def open_store(url: str, *, journal: Path | None = None) -> Store:
    """Return the store of a lake's address: a directory (plain path or file://) or s3://bucket/prefix.

    An S3 store has answered a first request when this returns; a directory need not exist yet. `journal` is this host's
    folder for notes about unfinished uploads; with None there are no notes.

    Raises:
        UsageError: the address is neither of the two.
        StoreError: the bucket is missing, refuses access or cannot be reached. This takes less than 15 seconds.

    """
    if "://" not in url:
        if not url.strip() or "\x00" in url:
            raise UsageError("the lake's address is empty", hint="Set --lake to a directory or s3://bucket/prefix.")
        return LocalStore(Path(url).expanduser().absolute())
    address = urlsplit(url)
    opener = SCHEMES.get(address.scheme)
    store = opener(address, journal) if opener is not None else None
    if store is not None:
        return store
    # The message does not repeat the address, because a mistaken one may hold a password.
    msg = f"a lake cannot be kept at this {address.scheme}:// address"
    raise UsageError(
        msg,
        hint="--lake is a directory, file:///directory or s3://bucket/prefix; "
        "credentials come from the standard AWS variables and profiles.",
    )


def _file(address: SplitResult, _journal: Path | None) -> Store | None:
    if address.netloc not in {"", "localhost"} or not address.path or address.query:
        return None
    return LocalStore(Path(unquote(address.path)).absolute())


def _s3(address: SplitResult, journal: Path | None) -> Store | None:
    if not address.netloc or "@" in address.netloc or address.query or address.fragment:
        return None
    # The S3 client takes long to import, and a lake in a directory does not need it.
    from mootech.lake.stores.s3 import S3Store  # noqa: PLC0415

    prefix = address.path.strip("/")
    return S3Store.connect(address.netloc, check_key(prefix) if prefix else "", journal=journal)


SCHEMES: Mapping[str, Opener] = {"file": _file, "s3": _s3}
