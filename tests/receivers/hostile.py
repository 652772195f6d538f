"""Servers that speak a protocol just so far that a client reads on, and then trickle or never end."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

MOST_SENT = 300 * 1024 * 1024
"""A flood ends here, so that a client without a limit does not take the machine with it."""

_PIECE = b"x" * 65536
_BOMB = gzip.compress(b"\0" * MOST_SENT, 1)  # level 9 takes each worker twice as long, at its start


@dataclass(frozen=True)
class Talk:
    """What a server says.

    Attributes:
        greeting: at once, before the client has said anything.
        beginning: after the first words of the client: the beginning of an answer without an end.
        piece: what it repeats after that.
        rounds: how many words of the client it answers with one of `answers` first.
    """

    beginning: bytes
    greeting: bytes = b""
    piece: bytes = _PIECE
    answers: tuple[bytes, ...] = ()


def _http(headers: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + headers + b"\r\n"


_NATS = b'INFO {"server_id":"x","version":"2.10.0","headers":true,"max_payload":1048576,"jetstream":true}\r\n'
_PG_READY = b"R\0\0\0\x08\0\0\0\0" + b"S\0\0\0\x15server_version\00016\0" + b"Z\0\0\0\x05I"
_LONG = struct.pack("!I", 0x3FFFFFF0)
_CHUNK = b"10000\r\n" + _PIECE + b"\r\n"

WEB = {
    "a long body": Talk(_http(b"Content-Length: 4000000000\r\n")),
    "chunks without an end": Talk(_http(b"Transfer-Encoding: chunked\r\n"), piece=_CHUNK),
    "headers without an end": Talk(b"HTTP/1.1 200 OK\r\n", piece=b"X-More: " + b"y" * 8000 + b"\r\n"),
    "announcements without an end": Talk(b"", piece=b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "a gzip bomb": Talk(
        _http(b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(_BOMB)) + _BOMB, piece=b""
    ),
}

TALKS: dict[str, dict[str, Talk]] = {
    "http": WEB,
    "opensearch": WEB,
    "s3": WEB,
    "redis": {
        "a long string": Talk(b"$4000000000\r\n"),
        "a line without an end": Talk(b"+"),
        "lists in lists": Talk(b"", piece=b"*1\r\n" * 16384),
        "a long list": Talk(b"*400000000\r\n", piece=b":1\r\n" * 16384),
    },
    "nats": {
        "a greeting without an end": Talk(b"", greeting=b"INFO {"),
        "a long message": Talk(b"PONG\r\nMSG _INBOX.x 1 4000000000\r\n", greeting=_NATS),
    },
    "rabbitmq": {"a long frame": Talk(b"\x01\0\0" + _LONG)},
    "kafka": {"a long answer": Talk(_LONG)},
    "postgres": {
        "a long error": Talk(b"E" + _LONG, answers=(_PG_READY,)),
        "notices without an end": Talk(
            b"", piece=b"N" + struct.pack("!I", 4 + 8002) + b"M" + b"x" * 8000 + b"\0", answers=(_PG_READY,)
        ),
    },
}
"""By kind of sink, what its client can't stop reading."""


@dataclass
class Hostile:
    """A server that talks so to everybody.

    Attributes:
        pause_seconds: 0 for a flood, else the time between two bytes.
        sent: bytes that clients took or that wait on their way.
    """

    talk: Talk
    pause_seconds: float
    sent: int = 0

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(1)
            connection.sendall(self.talk.greeting)
            for answer in self.talk.answers:
                connection.recv(65536)
                connection.sendall(answer)
            if not self.talk.greeting.endswith(b"{"):
                connection.recv(65536)
            connection.sendall(self.talk.beginning if not self.pause_seconds else self.talk.beginning[:4096])
            self._talk_on(connection)

    def _talk_on(self, connection: socket.socket) -> None:
        at = 0
        while not self._ended.wait(self.pause_seconds) and self.sent < MOST_SENT:
            if not self.pause_seconds:
                connection.sendall(self.talk.piece)
                self.sent += len(self.talk.piece)
            elif self.talk.piece:
                connection.sendall(self.talk.piece[at : at + 1])
                at = (at + 1) % len(self.talk.piece)
            if not self.talk.piece:
                self._ended.wait(0.05)

    def end(self) -> None:
        """Listen no more."""
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in (self._accepting, *self._threads):
            thread.join(10)


@contextlib.contextmanager
def hostile(talk: Talk, *, pause_seconds: float = 0.0) -> Iterator[Hostile]:
    """Such a server, as long as the block lasts."""
    server = Hostile(talk, pause_seconds)
    try:
        yield server
    finally:
        server.end()
