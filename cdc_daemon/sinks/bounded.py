"""Sockets that keep the bounds of their thread: how long it may wait, and how much it may read."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from cdc_daemon.bounds import current

if TYPE_CHECKING:
    from typing_extensions import Buffer


class BoundedSocket(socket.socket):
    """A socket that keeps the bounds of the thread that uses it."""

    _wanted: float | None = None

    def settimeout(self, value: float | None, /) -> None:
        """Set the longest wait in seconds (None: none). The thread's bound may end it earlier."""
        self._wanted = value
        super().settimeout(value)

    def _limit(self) -> None:
        remaining = current().remaining
        super().settimeout(remaining if self._wanted is None else min(self._wanted, remaining))

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive bytes within the thread's bounds."""
        self._limit()
        received = super().recv(bufsize, flags)
        current().count(len(received))
        return received

    def recv_into(self, buffer: Buffer, nbytes: int = 0, flags: int = 0) -> int:
        """Receive bytes into a buffer within the thread's bounds."""
        self._limit()
        size = super().recv_into(buffer, nbytes, flags)
        current().count(size)
        return size

    def send(self, data: Buffer, flags: int = 0, /) -> int:
        """Send bytes within the thread's bounds."""
        self._limit()
        return super().send(data, flags)

    def sendall(self, data: Buffer, flags: int = 0, /) -> None:
        """Send all bytes within the thread's bounds."""
        self._limit()
        super().sendall(data, flags)


class BoundedTlsSocket(BoundedSocket, ssl.SSLSocket):  # type: ignore[misc] # their parameters have other names
    """A TLS socket that keeps the bounds of the thread that uses it."""

    def do_handshake(self, block: bool = False) -> None:
        """Perform the TLS handshake within the thread's bounds."""
        self._limit()
        super().do_handshake(block)


def secured(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make the sockets of a context keep bounds. Return the context."""
    context.sslsocket_class = BoundedTlsSocket
    return context
