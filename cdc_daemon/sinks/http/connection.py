"""Connections of urllib3 that keep bounds, detect stale connections, and require whole headers."""

from __future__ import annotations

import io
import socket
import ssl
import time
from http import HTTPStatus
from http.client import HTTPResponse as PlainResponse
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NewConnectionError
from urllib3.response import HTTPResponse

from cdc_daemon.bounds import current
from cdc_daemon.sinks.bounded import secured
from cdc_daemon.sinks.tcp import bounded_socket


class StaleConnection(Exception):
    """A kept connection ended without an answer, because the server closed it while we began to write."""


class _Lines(io.BufferedReader):
    """A reader that remembers the last line."""

    last = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        self.last = super().readline(-1 if size is None else size)
        return self.last


class FinalAnswer(PlainResponse):
    """The final answer, with whole headers, after interim answers.

    http.client accepts truncated headers, and takes 103 (Early Hints) for an answer.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._lines = self.fp = _Lines(self.fp.detach())

    def begin(self) -> None:
        """Read the status line and the headers of the final answer (see http.client)."""
        super().begin()
        while self._lines.last and HTTPStatus.SWITCHING_PROTOCOLS < self.status < HTTPStatus.OK:
            self.headers = self.msg = None  # type: ignore[assignment] # as before the first begin()
            super().begin()
        if not self._lines.last:
            self.close()
            raise IncompleteRead(b"")


class BoundedOpening(HTTPConnection):
    """Opens sockets that keep the bounds of the thread."""

    def _new_conn(self) -> socket.socket:
        # Overridden as in urllib3's own contrib.socks.
        limit = current()
        until = limit.until
        if isinstance(self.timeout, int | float):
            until = min(until, time.monotonic() + self.timeout)
        try:
            made = bounded_socket(self.host, self.port, until)
        except OSError as error:
            # Without this, urllib3 would treat ECONNRESET as an error of sending, and wait for an answer.
            raise NewConnectionError(self, str(error)) from error
        # urllib3 keeps the limit for connecting also while it sends the body.
        made.settimeout(None)
        context: ssl.SSLContext | None = getattr(self, "ssl_context", None)
        if context is not None:
            secured(context)
        return made


class KeptConnection(BoundedOpening):
    """A connection that detects that it was kept too long, and requires whole headers."""

    response_class = FinalAnswer

    _answers = 0

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        self._answers = 0
        return made

    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as in urllib3
        """See urllib3.

        Raises:
            StaleConnection: the connection ended without an answer, after it had given one before.
        """
        try:
            response = super().getresponse()
        except (RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            if self._answers and not current().passed:
                raise StaleConnection from error
            raise
        self._answers += 1
        return response


class KeptTlsConnection(KeptConnection, HTTPSConnection):
    """A kept connection with TLS."""
