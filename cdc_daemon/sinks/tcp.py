"""Opens TCP connections to a name. Each of its addresses gets a part of the time."""

from __future__ import annotations

import queue
import socket
import threading
import time
from typing import Any, TypeVar

from cdc_daemon.sinks.bounded import BoundedSocket

Kind = TypeVar("Kind", bound=socket.socket)

# A middlebox drops an idle connection and informs neither side.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


def connected_socket(host: str, port: int, until: float) -> socket.socket:
    """Return a TCP connection to the first address of `host` that accepts it.

    Each address gets a part of the remaining time.

    Args:
        until: deadline on the monotonic clock, in seconds.

    Raises:
        socket.gaierror: the name has no address.
        OSError: no address accepted the connection.
    """
    return _connected(socket.socket, host, port, until)


def bounded_socket(host: str, port: int, until: float) -> BoundedSocket:
    """Return such a connection whose socket keeps the bounds of the thread."""
    return _connected(BoundedSocket, host, port, until)


def keep_alive(connection: socket.socket) -> None:
    """Make the system check idle connections."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in _KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)


def _connected(kind: type[Kind], host: str, port: int, until: float) -> Kind:
    addresses = _addresses(host, port, until)
    failure: OSError = TimeoutError("no time left to connect")
    for tried, (family, type_, protocol, _, address) in enumerate(addresses):
        share = (until - time.monotonic()) / (len(addresses) - tried)
        if share <= 0:
            break
        candidate = kind(family, type_, protocol)
        try:
            candidate.settimeout(share)
            candidate.connect(address)
            # A batch is sent in one piece after its headers, so waiting for a full packet gains nothing.
            candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            keep_alive(candidate)
        except OSError as error:
            candidate.close()
            failure = error
        else:
            return candidate
    raise failure


def _addresses(host: str, port: int, until: float) -> list[tuple[Any, ...]]:
    """Return the addresses of a name within the deadline.

    The resolver's own limits may add up to a minute.
    """
    answers: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put([*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except Exception as error:  # raised in the waiting thread
            answers.put(error)

    threading.Thread(target=ask, name=f"address of {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.001, until - time.monotonic()))
    except queue.Empty:
        raise TimeoutError("the name service did not answer in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
