"""A host's journal of uploads in parts, so that the next run can abort what a killed one left behind.

One small file per open upload. Only what stands here is ever aborted: an upload found by listing may be another
client's, and on some servers even one whose object is live, which aborting it would destroy.
"""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mootech.lake.disk import mapped, private_folder, write_atomically


class Upload(msgspec.Struct, frozen=True):
    """One upload in parts that this host began."""

    key: str
    """Of the object it would become."""
    upload_id: str
    digest: str
    """sha256 of the object's bytes: tells whether what stands under the key is this upload's."""
    completing: bool = False
    """Its completion has been asked for: it may have happened, whatever the answer was."""


_UPLOADS = msgspec.json.Decoder(Upload)


class Uploads:
    """The journal for one store; without a folder nothing is noted."""

    def __init__(self, folder: Path | None, address: str) -> None:
        """Keep the notes in the folder, which stores of other addresses may share; nothing is written yet."""
        self._folder = folder
        self._store = hashlib.sha256(address.encode()).hexdigest()[:16]

    def note(self, upload: Upload) -> None:
        """Write the upload down, durably, in place of what was noted of it before; StoreError when that fails."""
        if self._folder is None:
            return
        private_folder(self._folder)
        with mapped(f"writing to {self._folder}"):
            write_atomically(self._file(self._folder, upload), msgspec.json.encode(upload), private=True)

    def forget(self, upload: Upload) -> None:
        """Strike the upload out: it is complete, or aborted."""
        if self._folder is not None:
            with mapped(f"writing to {self._folder}"):
                self._file(self._folder, upload).unlink(missing_ok=True)

    def left(self) -> Iterator[tuple[Upload, float]]:
        """Yield the uploads of this store that are noted, with the seconds since; what is unreadable is passed over."""
        if self._folder is None:
            return
        for file in sorted(self._folder.glob(f"{self._store}-*.json")):
            try:
                upload = _UPLOADS.decode(file.read_bytes())
                age = time.time() - file.stat().st_mtime
            except (OSError, msgspec.DecodeError):
                continue
            yield upload, age

    def _file(self, folder: Path, upload: Upload) -> Path:
        # Ids may hold any character.
        return folder / f"{self._store}-{hashlib.sha256(upload.upload_id.encode()).hexdigest()[:32]}.json"
