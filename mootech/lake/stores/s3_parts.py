"""An upload in parts: noted before it has any, aborted only where it cannot have become an object."""

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
"""User metadata with the sha256 of the object's bytes: how a lost answer to a PUT is resolved."""

LEFT_ALONE_SECONDS = 3600
"""An upload whose completion was asked for is not aborted before: a server may still be completing it."""

Publish = Callable[..., str]
"""The request that publishes; takes a condition, returns the etag."""


@dataclass(frozen=True)
class Sizes:
    """How large files are sent, in bytes."""

    single: int = 5 * 2**30
    """The largest object S3 takes in one request; larger ones go in parts."""
    part: int = 64 * 2**20
    """10,000 parts of it are 640 GB."""


class PartsUpload:
    """One upload: `begin`, `send`, `complete`. Or `abort`, of one that the journal names."""

    def __init__(self, call: Callable[..., Any], journal: Uploads, what: str, upload: Upload) -> None:
        """Go on with an upload; `call` is botocore's for its bucket and key, `what` says in errors what is done."""
        self._call = call
        self._journal = journal
        self._what = what
        self._upload = upload
        self._parts: list[dict[str, Any]] = []

    @classmethod
    def begin(
        cls, call: Callable[..., Any], journal: Uploads, what: str, key: str, metadata: Mapping[str, str]
    ) -> Self:
        """Open an upload of an object with these metadata, and note it down; StoreError when either fails."""
        # A repetition after a lost answer leaves an upload without parts behind, which costs nothing.
        begun = s3_client.retrying(what, lambda: call("create_multipart_upload", Metadata=metadata))
        upload = cls(call, journal, what, Upload(key, begun["UploadId"], metadata[DIGEST]))
        with upload._aborted_on_failure():
            journal.note(upload._upload)
        return upload

    def send(self, file: Path, part_bytes: int) -> None:
        """Send the file's parts, each again while that may help; StoreError, and the upload aborted, if it does not."""
        with self._aborted_on_failure(), mapped(f"reading {file}"), file.open("rb") as body:
            while chunk := body.read(part_bytes):
                self._send(chunk)

    def complete(self, settle: Callable[[Publish], Entry]) -> Entry:
        """Let `settle` ask for the completion until it is known what became of it; return the object's entry.

        From the first request on the upload may be an object, and aborting it has destroyed live objects on some
        stores. So it is aborted only when the store said no; in doubt the journal keeps it for `recover`.
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
        """Abort the upload, and strike it out when the store says that it is gone; StoreError when it does not."""
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
            # What cannot be aborted now stays in the journal.
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
