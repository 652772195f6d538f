"""What stands before librdkafka's mock cluster, which has neither TLS nor users."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator

_HOST = b"127.0.0.1"
_API_VERSIONS, _SASL_HANDSHAKE, _SASL_AUTHENTICATE = 18, 17, 36
_UNSUPPORTED_VERSION, _SASL_AUTHENTICATION_FAILED = 35, 58


@contextlib.contextmanager
def secured_front(broker: int, context: ssl.SSLContext) -> Iterator[int]:
    """A port that speaks TLS and passes everything on to the broker's.

    In answers it puts its own port in the place of the broker's, as a broker with such a listener would.
    """

    class Session(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            client = self.request
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(client, server_side=True) as secured,
                socket.create_connection(("127.0.0.1", broker)) as inside,
            ):
                answers = threading.Thread(target=self.answer, args=(inside, secured))
                answers.start()
                with contextlib.suppress(OSError):
                    while content := secured.recv(65536):
                        inside.sendall(content)
                inside.shutdown(socket.SHUT_RDWR)
                answers.join()

        def answer(self, inside: socket.socket, secured: ssl.SSLSocket) -> None:
            ours = _HOST + int(secured.getsockname()[1]).to_bytes(4)
            theirs = _HOST + broker.to_bytes(4)
            with contextlib.suppress(OSError), inside.makefile("rb") as frames:
                while size := frames.read(4):
                    secured.sendall(size + frames.read(int.from_bytes(size)).replace(theirs, ours))

    with _serving(Session) as port:
        yield port


@contextlib.contextmanager
def doorkeeper() -> Iterator[int]:
    """The port of a broker that asks for a user with SASL PLAIN and knows nobody.

    Requests and answers are those of "The Apache Kafka Protocol"; of each kind the oldest version alone.
    """

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while size := self.rfile.read(4):
                request = self.rfile.read(int.from_bytes(size))
                kind, version = int.from_bytes(request[:2]), int.from_bytes(request[2:4])
                body = request[4:8] + _answered(kind, version)
                self.wfile.write(len(body).to_bytes(4) + body)

    with _serving(Session) as port:
        yield port


def _answered(kind: int, version: int) -> bytes:
    """The body of an answer, after the number that it has from its request."""
    if kind == _API_VERSIONS:
        # Each with its first and its last version.
        versions = ((_API_VERSIONS, 0, 0), (_SASL_HANDSHAKE, 0, 1), (_SASL_AUTHENTICATE, 0, 0))
        known = b"".join(number.to_bytes(2) for one in versions for number in one)
        return (_UNSUPPORTED_VERSION if version else 0).to_bytes(2) + (3).to_bytes(4) + known
    if kind == _SASL_HANDSHAKE:
        return bytes(2) + (1).to_bytes(4) + _text(b"PLAIN")
    assert kind == _SASL_AUTHENTICATE
    return _SASL_AUTHENTICATION_FAILED.to_bytes(2) + _text(b"Authentication failed: who is that?") + bytes(4)


def _text(content: bytes) -> bytes:
    return len(content).to_bytes(2) + content


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is not worth a trace."""


@contextlib.contextmanager
def _serving(session: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    with _Server(("127.0.0.1", 0), session) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
