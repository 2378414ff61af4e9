"""Ports on loopback: free ones, and a socket whose connections are each handled in a thread of their own."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

GIVES_UP_SECONDS = 60
"""No test lasts longer; a thread that waits for a peer ends by then."""


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listened on a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def listening(handle: Callable[[socket.socket, int], None]) -> Iterator[str]:
    """Yield host:port; at the end the connections that are open are shut down, and their threads waited for.

    `handle` is given each connection with its number, 0 for the first, and closes it.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    clients: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.settimeout(GIVES_UP_SECONDS)
            clients.append(client)
            threads.append(threading.Thread(target=handle, args=(client, len(threads)), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(GIVES_UP_SECONDS)
