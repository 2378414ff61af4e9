"""Where exports put their files: buckets that are folders, or real ones on S3."""

import re
from pathlib import Path
from typing import Final

from mootech.errors import StoreError, UsageError
from mootech.lake.stores.registry import open_store
from mootech.lake.stores.store import Store, check_key

S3: Final = "s3://"
"""Stands for the buckets of the S3 server that the AWS variables name."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Buckets:
    """Takes finished files. Buckets in a folder are made when they are first used; buckets on S3 must exist."""

    def __init__(self, where: str) -> None:
        """Take a folder, or `s3://`; nothing is opened yet.

        Raises:
            UsageError: it is neither.

        """
        if "://" in where and where != S3:
            raise UsageError(
                "the sandbox cannot keep its buckets there",
                hint="Give --buckets a folder, or s3:// for the server that AWS_ENDPOINT_URL and the AWS keys name.",
            )
        self._folder = None if where == S3 else where

    def put(self, bucket: str, key: str, file: Path) -> None:
        """Publish a finished local file, which may be moved away, in one step.

        Raises:
            StoreError: the bucket does not exist, or refuses the file.

        """
        if self._folder is None:
            open_store(f"{S3}{bucket}").put(key, file, {})
        else:
            # One store for all buckets, so that a bucket's folder holds nothing but what was put there.
            self._local(self._folder).put(f"{bucket}/{key}", file, {})

    @staticmethod
    def _local(folder: str) -> Store:
        return open_store(folder)


def is_bucket(name: str) -> bool:
    """Say whether S3 would take this as the name of a bucket."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def is_directory(name: str) -> bool:
    """Say whether this names a directory of a bucket: a relative path that stays inside; "" is the root."""
    try:
        return not name or bool(check_key(name))
    except StoreError:
        return False
