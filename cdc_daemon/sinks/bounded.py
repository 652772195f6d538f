"""Sockets that keep the bounds of the thread that uses them: how long it may wait, how much it may read."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from cdc_daemon.bounds import current


class BoundedSocket(socket.socket):
    """A socket that keeps the bounds of the thread that uses it."""

    _wanted: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        self._wanted = value
        super().settimeout(value)

    def _limit(self) -> None:
        remaining = current().remaining
        super().settimeout(remaining if self._wanted is None else min(self._wanted, remaining))

    def recv(self, *arguments: Any) -> bytes:
        self._limit()
        received = super().recv(*arguments)
        current().count(len(received))
        return received

    def recv_into(self, *arguments: Any) -> int:
        self._limit()
        size = super().recv_into(*arguments)
        current().count(size)
        return size

    def send(self, *arguments: Any) -> int:
        self._limit()
        return super().send(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self._limit()
        super().sendall(*arguments)


class BoundedTlsSocket(ssl.SSLSocket):
    """The same over TLS."""

    _wanted: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        self._wanted = value
        super().settimeout(value)

    def _limit(self) -> None:
        remaining = current().remaining
        super().settimeout(remaining if self._wanted is None else min(self._wanted, remaining))

    def do_handshake(self, block: bool = False) -> None:
        self._limit()
        super().do_handshake(block)

    def read(self, *arguments: Any) -> Any:
        self._limit()
        read = super().read(*arguments)
        current().count(read if isinstance(read, int) else len(read))
        return read

    def send(self, *arguments: Any) -> int:
        self._limit()  # sendall too comes by here, piece by piece
        return super().send(*arguments)


def secured(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, whose sockets keep bounds from now on."""
    context.sslsocket_class = BoundedTlsSocket
    return context
