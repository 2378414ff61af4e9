"""An upload in parts. The journal notes it before it has any part. It is aborted only if it cannot be an object yet."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import msgspec

from mootech.errors import StoreError
from mootech.lake.disk import mapped
from mootech.lake.stores import s3_client
from mootech.lake.stores.s3_errors import etag_of, is_gone, is_no
from mootech.lake.stores.store import Entry
from mootech.lake.stores.uploads import Upload, Uploads

DIGEST = "mootech-sha256"
"""User metadata with the sha256 of the object's bytes. After a lost answer it shows whether the PUT worked."""

LEFT_ALONE_SECONDS = 3600
"""For this long an upload is not aborted after its completion was requested: the server may still be completing it."""

Publish = Callable[..., str]
"""Makes the request that publishes. It takes the condition's arguments and returns the etag."""


@dataclass(frozen=True)
class Sizes:
    """How large files are sent, in bytes."""

    single: int = 5 * 2**30
    """The largest object that S3 takes in one request; larger ones are sent in parts."""
    part: int = 64 * 2**20
    """The size of a part. S3 allows 10,000 parts, which are 640 GB."""


class PartsUpload:
    """One upload: `begin`, `send` and `complete`; or `abort` for one that the journal names."""

    def __init__(self, call: Callable[..., Any], journal: Uploads, what: str, upload: Upload) -> None:
        """Continue an upload. `call` calls botocore for its bucket and key; `what` names the action in errors."""
        self._call = call
        self._journal = journal
        self._what = what
        self._upload = upload
        self._parts: list[dict[str, Any]] = []

    @classmethod
    def begin(
        cls, call: Callable[..., Any], journal: Uploads, what: str, key: str, metadata: Mapping[str, str]
    ) -> Self:
        """Open an upload of an object with these metadata, and note it in the journal; StoreError when either fails."""
        # A retry after a lost answer leaves an upload without parts behind, which costs nothing.
        begun = s3_client.retrying(what, lambda: call("create_multipart_upload", Metadata=metadata))
        upload = cls(call, journal, what, Upload(key, begun["UploadId"], metadata[DIGEST]))
        with upload._aborted_on_failure():
            journal.note(upload._upload)
        return upload

    def send(self, file: Path, part_bytes: int) -> None:
        """Send the file's parts, and retry each while that may help; when one fails, abort and raise StoreError."""
        with self._aborted_on_failure(), mapped(f"reading {file}"), file.open("rb") as body:
            while chunk := body.read(part_bytes):
                self._send(chunk)

    def complete(self, settle: Callable[[Publish], Entry]) -> Entry:
        """Let `settle` request the completion until its result is known; return the object's entry.

        After the first request the upload may already be an object, and on some stores an abort has destroyed such an
        object. So the upload is aborted only when the store clearly refused. In doubt the journal keeps it for
        `recover`.
        """
        self._journal.note(msgspec.structs.replace(self._upload, completing=True))
        try:
            entry = settle(self._complete)
        except StoreError as exc:
            if is_no(exc.__cause__):
                with suppress(StoreError):
                    self.abort()
            raise
        self._journal.forget(self._upload)
        return entry

    def abort(self) -> None:
        """Abort the upload and remove it from the journal; StoreError if the store does not confirm that it is gone."""
        ask = partial(self._call, "abort_multipart_upload", UploadId=self._upload.upload_id)
        try:
            s3_client.retrying(self._what, ask, attempts=2)
        except StoreError as exc:
            if not is_gone(exc.__cause__):
                raise
        self._journal.forget(self._upload)

    @contextmanager
    def _aborted_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            # An upload that cannot be aborted now stays in the journal.
            with suppress(StoreError):
                self.abort()
            raise

    def _send(self, chunk: bytes) -> None:
        number = len(self._parts) + 1
        arguments = {"UploadId": self._upload.upload_id, "PartNumber": number, "Body": chunk}
        deadline = s3_client.patience(len(chunk))
        ask = partial(self._call, "upload_part", **arguments, timeout=deadline)
        etag = s3_client.retrying(self._what, lambda: etag_of(ask()))
        self._parts.append({"PartNumber": number, "ETag": etag})

    def _complete(self, **condition: str) -> str:
        arguments = {"UploadId": self._upload.upload_id, "MultipartUpload": {"Parts": self._parts}}
        return etag_of(self._call("complete_multipart_upload", **arguments, **condition))
