"""Objects of a store in one version each, for an engine that reads them in pieces and more than once.

For one statement an engine opens an object several times: for its footer, for its groups of rows, and again wherever
the statement names the table once more. All of that has to be of one version, the old one or the new one.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock

from mootech.errors import StoreError
from mootech.lake.stores.store import Entry, Store

WHOLE_BYTES = 4 * 2**20
"""An object up to this size is read by one request; of a larger one only the pieces that are asked for."""
_RECENT_BYTES = 64 * 2**20


class ReplacedError(StoreError):
    """Another version of an object stands where the pinned one stood. The next statement reads that one."""


class PinnedObjects:
    """Reads objects in the versions that they were pinned with. For several threads.

    However large the objects are, memory holds no more than a few small ones and one piece for each thread that reads.
    """

    def __init__(self, store: Store) -> None:
        """Pin nothing yet."""
        self._store = store
        self._pinned: dict[str, Entry] = {}
        self._newer: dict[str, Entry] = {}
        self._recent = _Recent(_RECENT_BYTES)
        self._failure: BaseException | None = None

    def pin(self, entry: Entry) -> None:
        """Read this version of the object from now on."""
        self._pinned[entry.key] = entry
        self._newer.pop(entry.key, None)

    def size(self, key: str) -> int:
        """Return the size of the pinned version in bytes."""
        return self._pinned[key].size

    def read(self, key: str, start: int, size: int) -> bytes:
        """Return `size` bytes of the pinned version from `start` on, fewer at its end.

        Raises:
            ReplacedError: another version stands there now.
            StoreError: the object is gone, or the store failed.

        """
        entry = self._pinned[key]
        size = min(size, entry.size - start)
        if size <= 0:
            return b""
        try:
            if entry.size > WHOLE_BYTES:
                return self._fetched(entry, start, size)
            whole = self._recent.get(entry, lambda: self._fetched(entry, 0, entry.size))
            return whole[start : start + size]
        except BaseException as exc:
            self._failure = self._failure or exc
            raise

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Keep to one version of each object during the body: the newest one that reading has met so far.

        A body that fails because a read failed raises what the read raised, whatever the engine has made of it.
        """
        self._pinned |= self._newer
        self._newer.clear()
        self._failure = None
        try:
            yield
        except Exception:
            if self._failure is None:
                raise
            raise self._failure from self._failure.__cause__

    def _fetched(self, entry: Entry, start: int, size: int) -> bytes:
        data, found = self._store.read_range(entry.key, start, size)
        if found != entry:
            self._newer[entry.key] = found
            msg = f"{self._store.uri(entry.key)} was replaced while it was read"
            raise ReplacedError(msg, hint="Nothing was changed. Run the command again when nobody writes to the lake.")
        if len(data) != size:
            # The engine would take whatever is in its memory for the rest.
            msg = f"the store sent {len(data):,} of {size:,} bytes of {self._store.uri(entry.key)}"
            raise StoreError(msg, hint="Nothing was changed. Run the command again.")
        return data


class _Recent:
    """The whole objects that were read last. Threads that want the same one at the same time read it once."""

    def __init__(self, limit_bytes: int) -> None:
        self._room = limit_bytes
        self._held: OrderedDict[Entry, Future[bytes]] = OrderedDict()
        self._mutex = Lock()

    def get(self, entry: Entry, fetch: Callable[[], bytes]) -> bytes:
        with self._mutex:
            is_new = entry not in self._held
            if is_new:
                self._held[entry] = Future()
                self._room -= entry.size
            self._held.move_to_end(entry)
            held = self._held[entry]
            while self._room < 0 and len(self._held) > 1:
                self._room += self._held.popitem(last=False)[0].size
        if is_new:
            try:
                held.set_result(fetch())
            except BaseException as exc:
                held.set_exception(exc)
                self._drop(entry)
                raise
        return held.result()

    def _drop(self, entry: Entry) -> None:
        with self._mutex:
            if self._held.pop(entry, None) is not None:
                self._room += entry.size
