"""A host's journal of uploads in parts, so that the next run can abort what a killed one left behind.

It has one small file per open upload. Only uploads in this journal are ever aborted. An upload found by listing may
belong to another client, and on some servers its object may be live, so that an abort would destroy it.
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
    """Key of the object that the upload would become."""
    upload_id: str
    digest: str
    """sha256 of the object's bytes. It shows whether the object under the key came from this upload."""
    completing: bool = False
    """True after its completion was requested: it may be complete, whatever the answer was."""


_UPLOADS = msgspec.json.Decoder(Upload)


class Uploads:
    """The journal for one store. Without a folder it keeps nothing."""

    def __init__(self, folder: Path | None, address: str) -> None:
        """Use the folder for the notes, without writing yet. Stores of other addresses may share it."""
        self._folder = folder
        self._store = hashlib.sha256(address.encode()).hexdigest()[:16]

    def note(self, upload: Upload) -> None:
        """Write the upload's note durably, in place of an earlier one; StoreError when that fails."""
        if self._folder is None:
            return
        private_folder(self._folder)
        with mapped(f"writing to {self._folder}"):
            write_atomically(self._file(self._folder, upload), msgspec.json.encode(upload), private=True)

    def forget(self, upload: Upload) -> None:
        """Delete the note of an upload that is complete or aborted."""
        if self._folder is not None:
            with mapped(f"writing to {self._folder}"):
                self._file(self._folder, upload).unlink(missing_ok=True)

    def left(self) -> Iterator[tuple[Upload, float]]:
        """Yield this store's noted uploads with the age of each note in seconds; skip notes that cannot be read."""
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
        # The id is hashed, because it may hold any character.
        return folder / f"{self._store}-{hashlib.sha256(upload.upload_id.encode()).hexdigest()[:32]}.json"
