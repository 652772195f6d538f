"""One kept HTTP connection whose every exchange ends by a deadline."""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

_KEPT_OF_AN_ANSWER = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """What a server answered.

    Attributes:
        headers: by their names in small letters.
        beginning: the first 64 KiB of its body.
    """

    status: int
    headers: Mapping[str, str]
    beginning: bytes


@dataclass
class Connection:
    """A connection to one origin, opened when needed, kept between exchanges; one thread uses it.

    The time limits of HTTP clients (urllib3, http.client itself) are for one read each: a server that
    sends a byte now and then holds them forever, and the lease on what is being delivered runs out meanwhile.
    So a timer shuts the socket down at the deadline, which ends whatever waits on it. Only the name service,
    which has limits of its own, is outside it.

    Attributes:
        context: for https; None for http.
    """

    host: str
    port: int
    context: ssl.SSLContext | None
    _http: http.client.HTTPConnection | None = field(default=None, init=False, repr=False)

    def post(self, target: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> Answer:
        """POST `body` and read the answer.

        A kept connection that ends without an answer was closed while we began to write: what was sent is
        sent once more over a new one (RFC 9112, 9.3.1). So a body may arrive twice.

        Args:
            target: path and query.

        Raises:
            TimeoutError: there was no whole answer in time.
            http.client.HTTPException: what came is not HTTP, or only a part of an answer.
            OSError: no connection, or it broke.
        """
        deadline = time.monotonic() + timeout_seconds
        if self._http is not None and self._http.sock is not None and not _has_ended(self._http.sock):
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                return self._exchange_by(deadline, self._http, target, body, headers)
        self.close()
        self._http = self._connected(deadline)
        return self._exchange_by(deadline, self._http, target, body, headers)

    def _exchange_by(
        self,
        deadline: float,
        connection: http.client.HTTPConnection,
        target: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Answer:
        """One exchange, and the handshake before it if there was none yet, ended at the deadline."""
        used = connection.sock
        cut = threading.Event()

        def cut_off() -> None:
            cut.set()
            with contextlib.suppress(OSError):  # it may have ended by itself
                # Not SSLSocket's own shutdown, which would take the TLS state away under its reader.
                socket.socket.shutdown(used, socket.SHUT_RDWR)

        remaining = max(0.001, deadline - time.monotonic())
        used.settimeout(remaining)
        timer = threading.Timer(remaining, cut_off)
        timer.daemon = True
        timer.start()
        try:
            if isinstance(used, ssl.SSLSocket) and used.version() is None:
                used.do_handshake()
            answer = _exchange(connection, target, body, headers)
            if cut.is_set():  # http.client takes headers that end early for whole ones
                raise TimeoutError("cut off within the answer")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if cut.is_set():
                raise TimeoutError(str(error)) from error
            raise
        finally:
            timer.cancel()
        return answer

    def close(self) -> None:
        """End the connection; the next `post` opens another."""
        if self._http is not None:
            self._http.close()
            self._http = None

    def _connected(self, deadline: float) -> http.client.HTTPConnection:
        """A connection over which nothing went yet, not even a TLS handshake."""
        raw = _connected_socket(self.host, self.port, deadline)
        connection = http.client.HTTPConnection(self.host, self.port)
        if self.context is None:
            connection.sock = raw
        else:
            # http.client names the port in Host unless it is the default one: 443 is that for https.
            connection.default_port = http.client.HTTPS_PORT
            connection.sock = self.context.wrap_socket(
                raw, server_hostname=self.host, do_handshake_on_connect=False
            )
        return connection


def _connected_socket(host: str, port: int, deadline: float) -> socket.socket:
    """A TCP connection to the first address of `host` that takes it; each has a share of the time left."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = TimeoutError("no time left to connect")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        share = (deadline - time.monotonic()) / (len(addresses) - tried)
        if share <= 0:
            break
        candidate = socket.socket(family, kind, protocol)
        try:
            candidate.settimeout(share)
            candidate.connect(address)
            # A batch goes out in one piece, its headers before it: waiting to fill a packet gains nothing.
            candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            candidate.close()
            failure = error
        else:
            return candidate
    raise failure


def _has_ended(idle: socket.socket) -> bool:
    """Whether the server closed it meanwhile (or sent what nobody asked for)."""
    poll = select.poll()
    poll.register(idle, select.POLLIN)
    return bool(poll.poll(0))


def _exchange(
    connection: http.client.HTTPConnection, target: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    # A server may refuse a large body before it has it all: then its answer is there although sending failed.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", target, body, headers)
    response = connection.getresponse()
    beginning = bytearray()
    while len(beginning) < _KEPT_OF_AN_ANSWER:
        piece = response.read(_KEPT_OF_AN_ANSWER - len(beginning))
        if not piece:
            break
        beginning += piece
    if len(beginning) < _KEPT_OF_AN_ANSWER and response.length:
        # read(n) of http.client calls an early end the end.
        raise http.client.IncompleteRead(bytes(beginning), response.length)
    if not response.isclosed():
        connection.close()  # what is left of the answer is not worth reading
        response.close()
    return Answer(
        response.status, {name.lower(): value for name, value in response.headers.items()}, bytes(beginning)
    )
