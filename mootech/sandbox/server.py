"""The shop on a real HTTP server: uvicorn, on the loopback interface only."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from mootech.errors import MootechError, UsageError
from mootech.model import utc_today
from mootech.sandbox.acts import Protocol
from mootech.sandbox.app import create_app
from mootech.sandbox.exports import Exports, ExportSettings
from mootech.sandbox.faults import EXPORT_FAULTS, LEAKS, Draw, Fault
from mootech.sandbox.leaks import Leak
from mootech.sandbox.misbehave import Misbehaving
from mootech.sandbox.shop import API_KEY, Shop

__all__ = ["API_KEY", "Sandbox", "create_app", "running", "serve"]

_HOST: Final = "127.0.0.1"
# Seconds that a client may still read an answer in when the server stops.
_GRACE: Final = 2


class _Server(uvicorn.Server):
    """A server that says when it accepts connections."""

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None], *, log: bool) -> None:
        """Take the application and what to call once, when it is reachable."""
        # Without a log configuration of its own uvicorn logs through the process's; "critical" silences even that.
        config = uvicorn.Config(
            app,
            http=Protocol,
            lifespan="off",
            log_config=None,
            log_level="info" if log else "critical",
            access_log=log,
            timeout_graceful_shutdown=_GRACE,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._on_ready()


@dataclass(frozen=True)
class Sandbox:
    """A shop, and how its API behaves."""

    shop: Shop
    """Whose rows are handed out."""
    today: Callable[[], date] = utc_today
    """Answers the current UTC day."""
    faults: Draw | None = None
    """Which answers are spoiled, and which exports go wrong; None spoils none."""
    exports: ExportSettings | None = None
    """How exports are delivered; None refuses such orders."""

    @contextmanager
    def opened(self) -> Iterator[ASGIApp]:
        """Yield the application; exports are made in the background for as long as the context lasts."""
        with ExitStack() as stack:
            exports = None
            if self.exports is not None:
                wrong = None if self.faults is None else self.faults.only(EXPORT_FAULTS)
                exports = stack.enter_context(Exports(self.shop, self.exports, wrong))
            if self.faults is None:
                yield create_app(self.shop, today=self.today, exports=exports)
                return
            mix = self.faults.mix
            leak = Leak(self.shop, mix, self.faults.seed) if mix.shares.keys() & set(LEAKS) else None
            app = create_app(self.shop, today=self.today, leak=leak, exports=exports)
            yield Misbehaving(app, self.faults.only(set(Fault) - set(EXPORT_FAULTS)))


def serve(
    sandbox: Sandbox, *, port: int, on_ready: Callable[[str], None] = lambda _url: None, log: bool = False
) -> None:
    """Serve a shop until SIGINT or SIGTERM; for the main thread of a process.

    Answers under way are finished first. At the end the signal is raised again under the caller's own handlers:
    KeyboardInterrupt for SIGINT, and for SIGTERM whatever the caller has set.

    Args:
        sandbox: what is served.
        port: of 127.0.0.1; 0 takes a free one.
        on_ready: called once with the API's URL, `http://127.0.0.1:PORT/v1`, when it answers.
        log: True lets uvicorn log its requests (never their headers) through `logging`.

    Raises:
        UsageError: the port is taken, or is none.

    """
    with sandbox.opened() as app, closing(_listen(port)) as listener:
        _Server(app, lambda: on_ready(_url(listener)), log=log).run([listener])


@contextmanager
def running(
    shop: Shop,
    *,
    today: Callable[[], date] = utc_today,
    port: int = 0,
    faults: Draw | None = None,
    exports: ExportSettings | None = None,
) -> Iterator[str]:
    """Serve a shop from a thread for as long as the context lasts; yields `http://127.0.0.1:PORT/v1`.

    Args:
        shop: see Sandbox.
        today: see Sandbox.
        port: of 127.0.0.1; 0 takes a free one.
        faults: see Sandbox.
        exports: see Sandbox.

    Raises:
        UsageError: the port is taken, or is none.

    """
    with Sandbox(shop, today, faults, exports).opened() as app, closing(_listen(port)) as listener:
        up = threading.Event()
        server = _Server(app, up.set, log=False)

        def work() -> None:
            try:
                server.run([listener])
            finally:
                # A server that could not start must not leave the caller waiting.
                up.set()

        thread = threading.Thread(target=work, name="mootech-sandbox", daemon=True)
        thread.start()
        try:
            up.wait()
            if not server.started:
                raise MootechError("the sandbox did not start", hint="Nothing was changed; run the command again.")
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join()


def _listen(port: int) -> socket.socket:
    """Return a socket that is bound to the port of the loopback interface; uvicorn listens on it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except (OSError, OverflowError) as exc:
        listener.close()
        raise UsageError(
            f"the sandbox cannot listen on port {port} of {_HOST}: {exc}",
            hint="Give another port with --port; 0 takes a free one.",
        ) from exc
    return listener


def _url(listener: socket.socket) -> str:
    """Return the API's URL; the socket must still be open."""
    return f"http://{_HOST}:{listener.getsockname()[1]}/v1"
