"""The shop on a real HTTP server: uvicorn, on the loopback interface only."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from mootech.errors import MootechError, UsageError
from mootech.model import utc_today
from mootech.sandbox.acts import Protocol
from mootech.sandbox.app import create_app
from mootech.sandbox.buckets import Buckets
from mootech.sandbox.faults import JOBS, LEAKS, Draw, Fault
from mootech.sandbox.jobs import JOB_SECONDS, Jobs
from mootech.sandbox.leaks import Leak
from mootech.sandbox.misbehave import Misbehaving
from mootech.sandbox.shop import API_KEY, Shop

__all__ = ["API_KEY", "create_app", "running", "serve"]

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


def serve(  # noqa: PLR0913  # one for each of the command's options
    *,
    port: int,
    seed: int = 2023,
    scale: float = 1.0,
    today: Callable[[], date] = utc_today,
    faults: Draw | None = None,
    buckets: str | None = None,
    job_seconds: float = JOB_SECONDS,
    on_ready: Callable[[str], None] = lambda _url: None,
    log: bool = False,
) -> None:
    """Serve a shop until SIGINT or SIGTERM; for the main thread of a process.

    Answers under way are finished first. The signal is raised again at the end, under the handlers of before:
    KeyboardInterrupt for SIGINT, and for SIGTERM whatever the caller has set.

    Args:
        port: of 127.0.0.1; 0 takes a free one.
        seed: see Shop.
        scale: see Shop.
        today: answers the current UTC day.
        faults: which answers are spoiled, and which jobs go wrong; None spoils none.
        buckets: where jobs put their files, a folder or `s3://` (see Buckets); None takes no jobs.
        job_seconds: how long a job takes at least.
        on_ready: called once with the API's URL, `http://127.0.0.1:PORT/v1`, when it answers.
        log: True lets uvicorn log its requests (never their headers) through `logging`.

    Raises:
        UsageError: a port that is taken or none, or a wrong seed or scale.

    """
    with ExitStack() as stack:
        shop = Shop(seed=seed, scale=scale)
        jobs = _jobs(stack, shop, buckets, job_seconds, faults)
        app = _app(shop, API_KEY, today, faults, jobs)
        listener = stack.enter_context(closing(_listen(port)))
        _Server(app, lambda: on_ready(_url(listener)), log=log).run([listener])


@contextmanager
def running(  # noqa: PLR0913  # one for each thing that a rehearsal may want otherwise
    shop: Shop,
    *,
    api_key: str = API_KEY,
    today: Callable[[], date] = utc_today,
    port: int = 0,
    faults: Draw | None = None,
    buckets: str | None = None,
    job_seconds: float = JOB_SECONDS,
) -> Iterator[str]:
    """Serve a shop from a thread for as long as the context lasts; yields `http://127.0.0.1:PORT/v1`.

    Args:
        shop: whose rows are handed out.
        api_key: what X-API-Key must be.
        today: answers the current UTC day.
        port: of 127.0.0.1; 0 takes a free one.
        faults: which answers are spoiled, and which jobs go wrong; None spoils none.
        buckets: where jobs put their files, a folder or `s3://` (see Buckets); None takes no jobs.
        job_seconds: how long a job takes at least.

    Raises:
        UsageError: a port that is taken or none.

    """
    with ExitStack() as stack:
        listener = stack.enter_context(closing(_listen(port)))
        jobs = _jobs(stack, shop, buckets, job_seconds, faults)
        up = threading.Event()
        server = _Server(_app(shop, api_key, today, faults, jobs), up.set, log=False)

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


def _app(shop: Shop, api_key: str, today: Callable[[], date], faults: Draw | None, jobs: Jobs | None) -> ASGIApp:
    """Return the application, with faults if there are any."""
    if faults is None:
        return create_app(shop, api_key=api_key, today=today, jobs=jobs)
    leak = Leak(shop, faults.profile, faults.seed) if faults.profile.shares.keys() & set(LEAKS) else None
    app = create_app(shop, api_key=api_key, today=today, leak=leak, jobs=jobs)
    return Misbehaving(app, faults.only(set(Fault) - set(JOBS)))


def _jobs(stack: ExitStack, shop: Shop, buckets: str | None, seconds: float, faults: Draw | None) -> Jobs | None:
    """Open the service's jobs, if there are buckets for them, for as long as the stack."""
    if buckets is None:
        return None
    wrong = None if faults is None else faults.only(JOBS)
    return stack.enter_context(Jobs(shop, Buckets(buckets), seconds=seconds, faults=wrong))


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
