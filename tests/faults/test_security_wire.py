"""The key goes to the configured origin alone, over a connection that is verified, and answers are bounded."""

import gzip
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.command import Command, command_for
from tests.wire import Answer, answer, serving

KEY = "canary-for-one-origin"
DAY = ("-t", "users", "--start", "2024-02-29", "--end", "2024-02-29")
TLS = Path(__file__).parent / "tls"
"""A certificate for localhost that nobody has signed, and its key, both only for these tests."""

GIVES_UP = "deadline_seconds = 3\n"
"""For a source that is asked again and again in vain."""

ORIGIN = pytest.mark.security("redirects and next links never leave the configured origin")
VERIFIED = pytest.mark.security("TLS always verified, plain http only to loopback or by an explicit setting")
CAPS = pytest.mark.security("wire, decoded, page, row and depth caps")


def command(folder: Path, url: str, config: str = "") -> Command:
    """Return the command for that source, with a configuration file."""
    made = command_for(folder, folder / "lake", url, KEY)
    (folder / "cwd/mootech.toml").write_text(f"[source]\n{config}")
    return made


def page(rows: list[object], next_cursor: str | None = None, total: int | None = None) -> bytes:
    """Return the body of a page."""
    return json.dumps({"data": rows, "next_cursor": next_cursor, "total": total}).encode()


@dataclass
class TlsServer:
    """A server on loopback with a certificate of its own."""

    url: str
    handshakes: list[str] = field(default_factory=list)
    """What became of each connection: "refused", or the first line that came through."""


@contextmanager
def tls_server(body: bytes) -> Iterator[TlsServer]:
    """Answer every request with the body, over TLS with a self-signed certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "cert.pem", TLS / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    server = TlsServer(f"https://localhost:{listener.getsockname()[1]}/v1")

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(10)
                try:
                    with context.wrap_socket(client, server_side=True) as secure:
                        head = secure.recv(65536).decode()
                        server.handshakes.append(head.split("\r\n", 1)[0] or "refused")
                        with suppress(OSError):
                            answer(body)(secure, head)
                except OSError:
                    server.handshakes.append("refused")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@ORIGIN
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(status: str, tmp_path: Path) -> None:
    """A redirect to another origin is exit 4 after one request, and the other origin is never even connected to."""
    with serving([answer(page([]))]) as elsewhere:
        with serving([answer(b"", status, Location=f"{elsewhere.url}/users")]) as wire:
            done = command(tmp_path, wire.url)("ingest", *DAY, expect=4)
        assert elsewhere.requests == []
    assert len(wire.requests) == 1
    assert "Redirects are not followed" in done.stderr


@ORIGIN
def test_a_cursor_that_is_an_address_stays_a_parameter(tmp_path: Path) -> None:
    """A next_cursor that names another host, or another path, is sent back as a parameter and nothing else."""
    with serving([answer(page([]))]) as elsewhere:
        for link in (
            f"{elsewhere.url}/users",
            f"//{elsewhere.url[7:]}",
            "../../metrics/hits",
            "%2e%2e%2f&limit=9\r\nX: y",
        ):
            answers = [answer(page([{}], next_cursor=link, total=1)), answer(page([], total=1))]
            with serving(answers) as wire:
                command(tmp_path, wire.url)("ingest", *DAY, expect=3)
            assert len(wire.requests) == 2
            assert all(line.startswith("GET /v1/users?") for line in wire.requests)
            assert wire.requests[1].count("limit=") == 1
            assert "\nX: y" not in wire.heads[1]
        assert elsewhere.requests == []


@VERIFIED
def test_a_certificate_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    """Over TLS the key is sent only to a server whose certificate is verified; no setting turns that off."""
    with tls_server(page([], total=0)) as server:
        run = command(tmp_path, server.url, GIVES_UP)
        done = run("ingest", *DAY, expect=4)
        assert "CERTIFICATE_VERIFY_FAILED" in done.stderr.replace(" ", "_").upper()
        assert set(server.handshakes) == {"refused"}
        # The same server is fine once this certificate is trusted: it is the verification that refused it.
        run("ingest", *DAY, SSL_CERT_FILE=str(TLS / "cert.pem"))
        assert server.handshakes[-1].startswith("GET /v1/users?")
        done = run("ingest", *DAY, expect=4, MOOTECH_API_URL=server.url.replace("localhost", "127.1"))
    assert "error" in done.stderr


@VERIFIED
@pytest.mark.s3
def test_the_store_is_verified_too(s3_lake: str, tmp_path: Path) -> None:
    """An S3 endpoint with such a certificate gets no request, and so no signature."""
    with tls_server(b"") as server:
        run = command_for(tmp_path, s3_lake, "http://127.0.0.1:9/v1", KEY)
        run("status", expect=5, AWS_ENDPOINT_URL=server.url.removesuffix("/v1"))
        assert set(server.handshakes) == {"refused"}


@VERIFIED
@pytest.mark.parametrize("host", ["shop.example", "10.0.0.1", "0.0.0.0", "127.0.0.1.nip.io", "localhost.example"])  # noqa: S104  # an address to refuse
def test_plain_http_reaches_no_other_machine(host: str, tmp_path: Path) -> None:
    """Plain http to anything but loopback is exit 2, before anything is sent, unless the file says so."""
    done = command(tmp_path, f"http://{host}/v1")("ingest", *DAY, expect=2)
    assert "over plain http" in done.stderr
    allowed = command(tmp_path, f"http://{host}/v1", "allow_http = true\n")
    assert json.loads(allowed("ingest", *DAY, "--dry-run", "--json").stdout)["exit_code"] == 0


@CAPS
@pytest.mark.fault(16)
@pytest.mark.parametrize("kind", ["wire", "decoded"])
def test_a_body_over_the_limit_is_refused(kind: str, tmp_path: Path) -> None:
    """A page over max_body_mb, as it comes or once decompressed, is exit 4, and nothing of it is kept."""
    large = page(["x" * 2**20] * 3, total=3)
    bomb: Answer = answer(gzip.compress(large), Content_Encoding="gzip") if kind == "decoded" else answer(large)
    with serving([bomb]) as wire:
        done = command(tmp_path, wire.url, "max_body_mb = 1\n")("ingest", *DAY, expect=4)
    assert "larger than 1 MB" in done.stderr
    assert not list((tmp_path / "state").rglob("page-*"))


@CAPS
def test_a_row_over_the_limit_is_refused(tmp_path: Path) -> None:
    """A row of more than 1 MB is exit 4, though its page is within the limits, and nothing of the page is kept."""
    large = {"user_name": "x" * 2**20}
    with serving([answer(page([large], total=1))]) as wire:
        done = command(tmp_path, wire.url)("ingest", *DAY, expect=4)
    assert "a row of a page is larger than 1 MB" in done.stderr
    assert len(wire.requests) == 1
    assert not list((tmp_path / "state").rglob("page-*"))


@CAPS
@pytest.mark.fault(17)
def test_a_row_that_nests_too_deep_is_refused(tmp_path: Path) -> None:
    """A body that nests over 64 levels is no page."""
    deep = b'{"data": [' + b'{"a":' * 100 + b"1" + b"}" * 100 + b'], "next_cursor": null, "total": 1}'
    with serving([answer(deep)]) as wire:
        done = command(tmp_path, wire.url, GIVES_UP)("ingest", *DAY, expect=4)
    assert "deep" in done.stderr
