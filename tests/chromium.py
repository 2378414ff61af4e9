"""A real headless Chromium, driven over its DevTools pipe: what a page loads, logs and looks like."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

BROWSER = "chromium-headless-shell"
"""Debian's package and command of that name; `make setup` installs it."""

_COMPLAINTS = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}


# Where the browser wants its pipe, whatever numbers it has here; first out of the way, because those may be 3 and 4.
_AT_3_AND_4 = """
import fcntl, os, sys
heard, said = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(heard, 3)
os.dup2(said, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@dataclass
class Page:
    """An open tab."""

    to: IO[bytes]
    answers: IO[bytes]
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send one command and return its result; events that come before it are kept."""
        self.calls += 1
        message: dict[str, Any] = {"id": self.calls, "method": method, "params": parameters}
        self._send(message | ({"sessionId": self.session} if self.session else {}))
        while (answer := self._next()).get("id") != self.calls:
            self.events.append(answer)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, file: Path) -> None:
        """Load a file and wait until all of it is there."""
        self.call("Page.navigate", url=file.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, script: str) -> Any:  # noqa: ANN401  # whatever JSON the script gives
        """Return what an expression is in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"]["value"]

    def picture(self) -> bytes:
        """Return the page as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    @property
    def requests(self) -> list[str]:
        """Every address the page has asked for, its own first."""
        sent = [event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in sent]

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """Everything that was written to the console, by the page or about it."""
        return [event for event in self.events if event["method"] in _COMPLAINTS]

    def _send(self, message: dict[str, Any]) -> None:
        self.to.write(json.dumps(message).encode() + b"\0")
        self.to.flush()

    def _next(self) -> dict[str, Any]:
        text = b""
        while not text.endswith(b"\0"):
            byte = self.answers.read(1)
            assert byte, "the browser has gone"
            text += byte
        message: dict[str, Any] = json.loads(text[:-1])
        return message


@contextmanager
def tab() -> Iterator[Page]:
    """Start the browser and open an empty tab; the call fails where it is not installed."""
    heard, to = os.pipe()
    answers, said = os.pipe()

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            *(sys.executable, "-c", _AT_3_AND_4, str(heard), str(said), BROWSER),
            *("--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"),
        ]
        with (
            os.fdopen(to, "wb") as writer,
            os.fdopen(answers, "rb") as reader,
            subprocess.Popen(  # noqa: S603  # our own command line
                command, pass_fds=(heard, said), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as process,
        ):
            os.close(heard)
            os.close(said)
            try:
                page = Page(writer, reader)
                target = page.call("Target.createTarget", url="about:blank")["targetId"]
                page.session = page.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
                for domain in ("Page", "Network", "Runtime", "Log"):
                    page.call(f"{domain}.enable")
                page.events.clear()
                yield page
            finally:
                process.kill()
