"""Lakes on a real S3 server: SeaweedFS as the tests start it, and a proxy that counts requests and delays them."""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from tests.conftest import S3Server

_CHUNK = 2**18
_COPIES_AT_ONCE = 8
_REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP/1\.1\r\n")
_TABLE = re.compile(r"(?:raw_data|silver|quarantine)[/-](clickstream|transactions|users|products)\b")
_OTHER = re.compile(r"/lake/(results|_mootech/\w+)|prefix=lake/(results|_mootech/\w+)")


def made(folder: Path) -> Path:
    """Make a folder, for a server to keep its volumes in or for a shop; return it."""
    folder.mkdir(parents=True)
    return folder


def upload(server: S3Server, lake: Path, bucket: str) -> str:
    """Copy a lake from the disk into a new bucket, without what only this host needs; return its address."""
    server.client.create_bucket(Bucket=bucket)
    left_out = {"_mootech/manifests", "_mootech/runs", "_mootech/tmp"}
    keys = [file.relative_to(lake).as_posix() for file in lake.rglob("*") if file.is_file()]
    keys = [key for key in keys if key.rpartition("/")[0] not in left_out and key != "_mootech/lock"]

    def copy(key: str) -> None:
        server.client.put_object(Bucket=bucket, Key=f"lake/{key}", Body=(lake / key).read_bytes())

    with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
        list(pool.map(copy, keys))
    return f"s3://{bucket}/lake"


def forget_results(server: S3Server, address: str) -> None:
    """Remove the reports of a lake, which would otherwise be read instead of computed."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    found = server.client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/results/").get("Contents", ())
    for each in found:
        server.client.delete_object(Bucket=bucket, Key=each["Key"])


@dataclass
class Proxy:
    """A way to the server that is longer by `delay` seconds for every request."""

    upstream: tuple[str, int]
    delay: float
    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and decoded path, query included, of each request so far."""

    def counts(self) -> dict[str, int]:
        """Return how many requests each table took, its manifests included, and what was for none by its folder."""
        return dict(sorted(Counter(_subject(path) for _, path in self.requests).items()))

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection's bytes both ways."""
        upstream_reader, upstream_writer = await asyncio.open_connection(*self.upstream)
        with suppress(OSError, asyncio.IncompleteReadError):
            await asyncio.gather(self._asked(reader, upstream_writer), _passed(upstream_reader, writer))

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Nobody sends a request before the answer to the one before it, so each begins with a chunk of its own.
        while chunk := await reader.read(_CHUNK):
            if found := _REQUEST.match(chunk):
                self.requests.append((found[1].decode(), unquote(found[2].decode())))
                await asyncio.sleep(self.delay)
            writer.write(chunk)
            await writer.drain()
        writer.close()


def _subject(path: str) -> str:
    if table := _TABLE.search(path):
        return table[1]
    other = _OTHER.search(path)
    return next(filter(None, other.groups())) if other else "others"


async def _passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.close()


@contextmanager
def proxying(endpoint: str, delay: float = 0.0) -> Iterator[Proxy]:
    """Listen on loopback before the server at that address (http://host:port), from a thread of this process."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    proxy = Proxy((host, int(port)), delay)
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(proxy.carry, "127.0.0.1", 0, limit=_CHUNK)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()

    def work() -> None:
        loop.run_until_complete(serve())
        loop.run_forever()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
