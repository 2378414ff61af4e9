"""A socket on loopback whose connections are each handled in a thread of their own."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

GIVES_UP_SECONDS = 60
"""No test lasts longer; a thread that waits for a peer ends by then."""


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
