"""A lake in an S3 bucket: small, explicit requests through s3fs. After a lost answer, the store is asked again.

Only this module decides what a repeated PUT means. Below it, only aiohttp repeats a request: once and at once, when a
connection that it kept open turns out to be dead. That looks like any other lost answer.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self, TypeVar

from mootech.lake.disk import mapped
from mootech.lake.stores import s3_client
from mootech.lake.stores.s3_errors import LostError, OvertakenError, S3Answer, answer_of, etag_of, worth_retrying
from mootech.lake.stores.s3_parts import DIGEST, LEFT_ALONE_SECONDS, PartsUpload, Sizes
from mootech.lake.stores.store import ABSENT, Entry, Head, check_key, check_prefix
from mootech.lake.stores.uploads import Upload, Uploads

T = TypeVar("T")


class S3Store:
    """The objects of one bucket below one prefix ("" for the whole bucket). No repr or error shows a credential."""

    def __init__(
        self,
        fs: Any,  # noqa: ANN401  # an untyped library's object
        bucket: str,
        prefix: str,
        *,
        journal: Path | None = None,
        sizes: Sizes | None = None,
    ) -> None:
        """Use a connected S3FileSystem; `connect` makes one. `journal` is this host's folder for open uploads."""
        self._fs = fs
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._sizes = sizes or Sizes()
        self._journal = journal
        self._conditional = True

    @classmethod
    def connect(cls, bucket: str, prefix: str, *, journal: Path | None = None, sizes: Sizes | None = None) -> Self:
        """Return a store whose bucket has answered; StoreError within 15 seconds if it does not answer.

        Credentials, region, endpoint and addressing style come from the standard AWS variables and profiles.
        """
        store = cls(s3_client.file_system(), bucket, prefix, journal=journal, sizes=sizes)
        first = partial(store._call, "list_objects_v2", Prefix=store._prefix, MaxKeys=1)
        s3_client.reach(f"reaching {store.url}", first)
        return store

    def __repr__(self) -> str:
        """Show only the address, because the file system inside holds the secret."""
        return f"S3Store({self.url!r})"

    @property
    def url(self) -> str:
        """s3://bucket/prefix."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    @property
    def endpoint(self) -> str:
        """The server's address, because two servers may have buckets of one name."""
        return str(self._fs.s3.meta.endpoint_url)

    @property
    def folder(self) -> Path | None:
        """None: the objects are in the bucket."""
        return None

    @cached_property
    def _uploads(self) -> Uploads:
        # This waits for the first use, because the endpoint needs the profile and credentials, which may be wrong.
        return Uploads(self._journal, f"{self.endpoint} {self.url}")

    def list(self, prefix: str) -> list[Entry]:
        """Page through ListObjectsV2, which S3 answers from its present content."""
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
        return self._retrying(lambda: self._tail(key, size), "reading", key)

    def read_range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        """Download a part of the object."""
        return self._retrying(lambda: self._range(key, start, size), "reading", key)

    def download(self, key: str, file: Path) -> Entry:
        """Download the object into a file, piece by piece."""
        return self._retrying(lambda: self._save(key, file), "reading", key)

    def put(self, key: str, file: Path, metadata: Mapping[str, str], *, replaces: str | None = None) -> Entry:
        """Upload the file in one PUT, or in parts above 5 GiB. `replaces` adds If-Match or If-None-Match."""
        with mapped(f"reading {file}"):
            size = file.stat().st_size
            with file.open("rb") as body:
                digest = hashlib.file_digest(body, "sha256").hexdigest()
        wanted = {**metadata, DIGEST: digest}
        settle = partial(self._settle, key, size, wanted, replaces)
        if size <= self._sizes.single:
            return settle(partial(self._put_once, key, file, wanted))
        call = partial(self._call, Key=self._full(key))
        parts = PartsUpload.begin(call, self._uploads, f"publishing {self.uri(key)}", key, wanted)
        parts.send(file, self._sizes.part)
        return parts.complete(settle)

    def _settle(
        self, key: str, size: int, wanted: Mapping[str, str], replaces: str | None, send: Callable[..., str]
    ) -> Entry:
        """Make the request that publishes. After an unclear answer or a condition that was not met, HEAD decides."""

        def attempt() -> Entry:
            condition = _condition(replaces) if self._conditional else {}
            try:
                return Entry(key, size, send(**condition))
            except Exception as exc:
                answer = answer_of(exc)
                # Some servers answer 404 when If-Match names an object that does not exist.
                met = bool(condition) and answer in {S3Answer.TAKEN, S3Answer.ABSENT, S3Answer.UNABLE}
                if not met and not worth_retrying(exc):
                    raise
                head = self._head(key)
                # The object has exactly these bytes and metadata. It does not matter which attempt stored them.
                if head is not None and wanted.items() <= head.metadata.items() and head.entry.size == size:
                    return head.entry
                if not met:
                    raise
                if answer is not S3Answer.UNABLE and replaces != (ABSENT if head is None else head.entry.version):
                    raise OvertakenError from exc
                # The version that this run expects is still there, so this store does not understand the condition.
                self._conditional = False
                raise LostError from exc

        return self._retrying(attempt, "publishing", key)

    def create(self, key: str, data: bytes) -> bool:
        """PUT with If-None-Match: *. If the key is taken or the answer unclear, the stored bytes decide."""

        def attempt() -> bool:
            try:
                self._call("put_object", Key=self._full(key), Body=data, IfNoneMatch="*")
            except Exception as exc:
                if answer_of(exc) is S3Answer.UNABLE:
                    # The store does not support the header. The lock's test finds out that every create succeeds here.
                    self._call("put_object", Key=self._full(key), Body=data)
                    return True
                if answer_of(exc) is not S3Answer.TAKEN and not worth_retrying(exc):
                    raise
                try:
                    # The refused PUT may be a retry of one that was stored and whose answer was lost.
                    return self._get(key) == data
                except Exception as missing:
                    if answer_of(missing) is not S3Answer.ABSENT:
                        raise
                raise LostError from exc
            return True

        return self._retrying(attempt, "creating", key)

    def delete(self, key: str) -> None:
        """Delete the object; S3 accepts the request when there is no such object."""
        self._retrying(lambda: self._call("delete_object", Key=self._full(key)), "deleting", key)

    def recover(self) -> None:
        """Abort the uploads in parts that this host's journal names, unless they may have been completed."""
        for uploads, upload, age in self._left():
            if upload.completing:
                head = self.head(upload.key)
                if head is not None and head.metadata.get(DIGEST) == upload.digest:
                    uploads.forget(upload)
                    continue
                if age < LEFT_ALONE_SECONDS:
                    continue
            call = partial(self._call, Key=self._full(upload.key))
            PartsUpload(call, uploads, f"cleaning up {self.uri(upload.key)}", upload).abort()

    def _left(self) -> Iterator[tuple[Uploads, Upload, float]]:
        """Yield the uploads in this journal and, for a run on the whole lake, those in the journals of slices."""
        journals = [self._uploads]
        if self._journal is not None:
            beside = self._journal.parent.glob(f"{self._journal.name}-shard-*")
            journals += [Uploads(folder, f"{self.endpoint} {self.url}") for folder in beside]
        for journal in journals:
            for upload, age in tuple(journal.left()):
                yield journal, upload, age

    def uri(self, key: str) -> str:
        """Return s3://bucket/prefix/key."""
        return f"s3://{self._bucket}/{self._full(key)}"

    def _full(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _call(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401  # what botocore takes and gives
        if "Body" in arguments:
            # On SeaweedFS a writer that died between the headers and the body has replaced a good object by an empty
            # one. SeaweedFS detects that only with this header.
            arguments["ContentMD5"] = s3_client.content_md5(arguments["Body"])
        return self._fs.call_s3(method, Bucket=self._bucket, **arguments)

    def _retrying(self, call: Callable[[], T], doing: str, key: str) -> T:
        return s3_client.retrying(f"{doing} {self.url}/{key}".rstrip("/"), call)

    def _head(self, key: str) -> Head | None:
        try:
            answer = self._call("head_object", Key=self._full(key))
        except Exception as exc:
            if answer_of(exc) is S3Answer.ABSENT:
                return None
            raise
        entry = Entry(key, answer["ContentLength"], answer["ETag"].strip('"'))
        return Head(entry, answer.get("Metadata", {}))

    def _get(self, key: str, **arguments: str) -> bytes:
        answer = self._call("get_object", Key=self._full(key), **arguments)
        return s3_client.download(self._fs, answer["Body"])

    def _range(self, key: str, start: int, size: int) -> tuple[bytes, Entry]:
        try:
            answer = self._call("get_object", Key=self._full(key), Range=f"bytes={start}-{start + size - 1}")
        except Exception as exc:
            head = self._head(key) if answer_of(exc) is S3Answer.EMPTY else None
            if head is None:
                raise
            return b"", head.entry
        data = s3_client.download(self._fs, answer["Body"])
        whole = answer.get("ContentRange")
        if whole is None:
            # A store that ignores the Range header sends the whole object.
            return data[start : start + size], Entry(key, len(data), etag_of(answer))
        return data, Entry(key, int(whole.rpartition("/")[2]), etag_of(answer))

    def _save(self, key: str, file: Path) -> Entry:
        answer = self._call("get_object", Key=self._full(key))
        return Entry(key, s3_client.save(self._fs, answer["Body"], file), etag_of(answer))

    def _tail(self, key: str, size: int) -> bytes:
        try:
            return self._get(key, Range=f"bytes=-{size}")
        except Exception as exc:
            if answer_of(exc) is S3Answer.EMPTY:
                return b""
            raise

    def _put_once(self, key: str, file: Path, metadata: Mapping[str, str], **condition: str) -> str:
        deadline = s3_client.patience(file.stat().st_size)
        with file.open("rb") as body:
            arguments = {"Key": self._full(key), "Body": body, "Metadata": metadata, "timeout": deadline}
            return etag_of(self._call("put_object", **arguments, **condition))


def _condition(replaces: str | None) -> dict[str, str]:
    if replaces is None:
        return {}
    return {"IfNoneMatch": "*"} if replaces == ABSENT else {"IfMatch": f'"{replaces}"'}
