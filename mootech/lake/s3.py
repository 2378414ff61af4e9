"""A lake in an S3 bucket: small, explicit requests through s3fs, every lost answer resolved by asking again.

What a repeated PUT means is decided in this module alone; nothing below it repeats a request.
"""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from mootech.lake import s3_client
from mootech.lake.disk import mapped
from mootech.lake.s3_errors import Answer, LostError, answer_of, worth_retrying
from mootech.lake.store import Entry, Head, check_key, check_prefix

T = TypeVar("T")

SINGLE_PUT_BYTES = 5 * 2**30
"""The largest object S3 takes in one request; larger ones go in parts."""

PART_BYTES = 64 * 2**20
"""10,000 parts of it are 640 GB."""

SLOWEST_BYTES_PER_SECOND = 2**17
"""An upload slower than this is given up and tried again."""

DIGEST = "mootech-sha256"
"""User metadata with the sha256 of the object's bytes: how a lost answer to a PUT is resolved."""


class S3Store:
    """Objects of one bucket below one prefix ("" for the whole bucket). Never shows a credential in repr or error."""

    def __init__(self, fs: Any, bucket: str, prefix: str) -> None:  # noqa: ANN401  # an untyped library's object
        """Take a connected S3FileSystem; `connect` makes one."""
        self._fs = fs
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @classmethod
    def connect(cls, bucket: str, prefix: str) -> Self:
        """Return a store whose bucket has answered; StoreError within 15 seconds when it does not.

        Credentials, region, endpoint and addressing style come from the standard AWS variables and profiles.
        """
        store = cls(s3_client.file_system(), bucket, prefix)
        first = partial(store._call, "list_objects_v2", Prefix=store._prefix, MaxKeys=1)
        s3_client.reach(f"reaching {store.url}", first)
        return store

    def __repr__(self) -> str:
        """Show the address only: the file system inside knows the secret."""
        return f"S3Store({self.url!r})"

    @property
    def url(self) -> str:
        """s3://bucket/prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def endpoint(self) -> str:
        """The server's address: two stores may have buckets of one name."""
        return str(self._fs.s3.meta.endpoint_url)

    def list(self, prefix: str) -> list[Entry]:
        """Page through ListObjectsV2, which S3 answers from what is stored now."""
        base = self._prefix + check_prefix(prefix)
        entries: list[Entry] = []
        token: dict[str, str] = {}
        while True:
            ask = partial(self._call, "list_objects_v2", Prefix=base, **token)
            page = self._retrying(ask, "listing", prefix)
            entries += [
                Entry(item["Key"].removeprefix(self._prefix), item["Size"], item["ETag"].strip('"'))
                for item in page.get("Contents", ())
            ]
            if not page.get("IsTruncated"):
                return sorted(entries)
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def head(self, key: str) -> Head | None:
        """Ask for the object's size, etag and user metadata."""
        return self._retrying(lambda: self._head(key), "looking at", key)

    def read(self, key: str) -> bytes:
        """Download the object."""
        return self._retrying(lambda: self._get(key), "reading", key)

    def read_tail(self, key: str, size: int) -> bytes:
        """Download the end of the object."""
        return self._retrying(lambda: self._get(key, Range=f"bytes=-{size}"), "reading", key)

    def put(self, key: str, file: Path, metadata: Mapping[str, str]) -> Entry:
        """Upload the file in one PUT, or in parts above 5 GiB; a lost answer is resolved by HEAD."""
        with mapped(f"reading {file}"):
            size = file.stat().st_size
            with file.open("rb") as body:
                digest = hashlib.file_digest(body, "sha256").hexdigest()
        wanted = {**metadata, DIGEST: digest}
        send = self._put_once if size <= SINGLE_PUT_BYTES else self._put_parts

        def attempt() -> Entry:
            try:
                etag = send(key, file, wanted)
            except Exception as exc:
                if not worth_retrying(exc):
                    raise
                head = self._head(key)
                # Exactly these bytes with these metadata: it does not matter which attempt stored them.
                if head is not None and wanted.items() <= head.metadata.items() and head.entry.size == size:
                    return head.entry
                raise
            return Entry(key, size, etag)

        return self._retrying(attempt, "publishing", key)

    def create(self, key: str, data: bytes) -> bool:
        """PUT with If-None-Match: *; whatever the answer was, what stands there in the end decides."""

        def attempt() -> bool:
            try:
                self._call("put_object", Key=self._full(key), Body=data, IfNoneMatch="*")
            except Exception as exc:
                if answer_of(exc) is not Answer.TAKEN and not worth_retrying(exc):
                    raise
                try:
                    # The refused PUT may be the repetition of one that was stored and whose answer was lost.
                    return self._get(key) == data
                except Exception as missing:
                    if answer_of(missing) is not Answer.ABSENT:
                        raise
                raise LostError from exc
            return True

        return self._retrying(attempt, "creating", key)

    def delete(self, key: str) -> None:
        """Delete the object; S3 does not mind when there is none."""
        self._retrying(lambda: self._call("delete_object", Key=self._full(key)), "deleting", key)

    def uri(self, key: str) -> str:
        """Return s3://bucket/prefix/key."""
        return f"s3://{self._bucket}/{self._full(key)}"

    def duckdb_secret(self) -> Mapping[str, str]:
        """Return the options of DuckDB's CREATE SECRET (TYPE s3, …), from the credentials this store uses.

        Keys: KEY_ID, SECRET, SESSION_TOKEN (temporary credentials only), REGION, URL_STYLE, USE_SSL, and ENDPOINT
        (host:port) where the store is not AWS itself. The values are secrets: never log or show them.
        """
        return self._retrying(lambda: s3_client.duckdb_secret(self._fs), "reading the credentials of", "")

    def _full(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _call(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401  # what botocore takes and gives
        return self._fs.call_s3(method, Bucket=self._bucket, **arguments)

    def _retrying(self, call: Callable[[], T], doing: str, key: str) -> T:
        return s3_client.retrying(f"{doing} {self.url}/{key}".rstrip("/"), call)

    def _head(self, key: str) -> Head | None:
        try:
            answer = self._call("head_object", Key=self._full(key))
        except Exception as exc:
            if answer_of(exc) is Answer.ABSENT:
                return None
            raise
        entry = Entry(key, answer["ContentLength"], answer["ETag"].strip('"'))
        return Head(entry, answer.get("Metadata", {}))

    def _get(self, key: str, **arguments: str) -> bytes:
        answer = self._call("get_object", Key=self._full(key), **arguments)
        return s3_client.download(self._fs, answer["Body"])

    def _put_once(self, key: str, file: Path, metadata: Mapping[str, str]) -> str:
        # A connection that stalls half-way through the body has no timeout of its own.
        deadline = 60 + file.stat().st_size / SLOWEST_BYTES_PER_SECOND
        with file.open("rb") as body:
            answer = self._call("put_object", Key=self._full(key), Body=body, Metadata=metadata, timeout=deadline)
        return _etag(answer)

    def _put_parts(self, key: str, file: Path, metadata: Mapping[str, str]) -> str:
        target = {"Key": self._full(key)}
        target["UploadId"] = self._call("create_multipart_upload", **target, Metadata=metadata)["UploadId"]
        parts: list[dict[str, Any]] = []
        try:
            with file.open("rb") as body:
                while chunk := body.read(PART_BYTES):
                    number = len(parts) + 1
                    deadline = 60 + len(chunk) / SLOWEST_BYTES_PER_SECOND
                    answer = self._call("upload_part", **target, PartNumber=number, Body=chunk, timeout=deadline)
                    parts.append({"PartNumber": number, "ETag": _etag(answer)})
        except BaseException:
            # Only our own upload, and only before its completion was asked for: aborting one that may be
            # complete has destroyed live objects on some stores.
            with suppress(Exception):
                self._call("abort_multipart_upload", **target)
            raise
        return _etag(self._call("complete_multipart_upload", **target, MultipartUpload={"Parts": parts}))


def _etag(answer: Mapping[str, Any]) -> str:
    # Some stores answer 200 with an error in the body: only an etag is a success.
    etag = answer.get("ETag")
    if not etag:
        raise LostError
    return str(etag).strip('"')
