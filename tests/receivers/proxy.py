"""A TCP proxy on loopback that cuts connections, is slow, or goes silent, when it is told to."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """Passes bytes between clients and one port of 127.0.0.1, or one Unix socket.

    Attributes:
        port: where it listens.
        passed: bytes that went from clients to the server.
        answered: bytes that went back.
        delay_seconds: how long each piece waits before it is passed on.
        connections: how many there have been.
    """

    def __init__(self, target: int | str, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self._target = target
        self._listener = socket.create_server(address)
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._said_all: set[socket.socket] = set()
        self._cut_after: int | None = None
        self._cut_answers_after: int | None = None
        self._silent = threading.Event()
        self._forgotten: set[socket.socket] = set()
        self._ended = False
        self._stopping = threading.Event()
        self.passed = 0
        self.answered = 0
        self.delay_seconds = 0.0
        self.connections = 0
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run)

    def cut_after(self, more: int) -> None:
        """Reset every connection, and refuse new ones, once clients have sent this many bytes more."""
        self._cut_after = self.passed + more

    def cut_answers_after(self, more: int) -> None:
        """The same once the server has sent this many bytes more."""
        self._cut_answers_after = self.answered + more

    def cut_now(self) -> None:
        """Reset every connection; new ones go through."""
        self._waker.send(b"c")

    def be_silent(self) -> None:
        """Take what comes and pass nothing on any more, in either direction."""
        self._silent.set()

    def forget(self) -> None:
        """Be silent on the connections that there are; new ones go through.

        That is a middlebox that lost its table: it acknowledges what it can't pass on.
        """
        self._forgotten = set(self._pairs)

    def heal(self) -> None:
        """Pass everything again, on new connections."""
        self._cut_after = None
        self._cut_answers_after = None
        self.delay_seconds = 0.0
        self._silent.clear()
        self._waker.send(b"c")  # those that were held would go on with a hole in them

    def _run(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while not self._ended:
            for key, _ in self._selector.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)
                if source is self._woken:
                    self._woken.recv(100)
                    self._reset_all()
                elif source is self._listener:
                    self._accept()
                elif source in self._pairs:
                    self._pass(source)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            if self._is_cut():
                raise OSError("cut")  # noqa: TRY301 - as if the server refused
            server = _connected(self._target)
        except OSError:
            _reset(client)
            return
        for one, other in ((client, server), (server, client)):
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)
        self._clients.add(client)
        self.connections += 1

    def _pass(self, source: socket.socket) -> None:
        try:
            content = source.recv(65536)
            if not content:
                if source in self._forgotten:
                    self._selector.unregister(source)
                    self._said_all.add(source)
                else:
                    self._half_close(source)
                return
            if self._silent.is_set() or source in self._forgotten:
                return
            if self.delay_seconds:
                self._stopping.wait(self.delay_seconds)
            excess = self._count(source, len(content))
            if self._is_cut():
                # What was sent before the cut did arrive: that is what makes it hard.
                self._pairs[source].sendall(content[: max(0, len(content) - excess)])
                self._reset_all()
                return
            self._pairs[source].sendall(content)
        except OSError:
            self._end(source)

    def _count(self, source: socket.socket, size: int) -> int:
        """Count what came; how much of it is past the cut of its way."""
        if source in self._clients:
            self.passed += size
            return 0 if self._cut_after is None else self.passed - self._cut_after
        self.answered += size
        return 0 if self._cut_answers_after is None else self.answered - self._cut_answers_after

    def _is_cut(self) -> bool:
        return (self._cut_after is not None and self.passed >= self._cut_after) or (
            self._cut_answers_after is not None and self.answered >= self._cut_answers_after
        )

    def _reset_all(self) -> None:
        for one in list(self._pairs):
            self._end(one)

    def _half_close(self, source: socket.socket) -> None:
        """One side has said all: the other one hears so behind what is still on its way to it.

        A reset in its place would throw away an answer that was sent and not read yet.
        """
        other = self._pairs[source]
        self._selector.unregister(source)
        self._said_all.add(source)
        if other not in self._said_all:
            other.shutdown(socket.SHUT_WR)
            return
        for one in (source, other):
            self._forget(one)
            one.close()

    def _end(self, source: socket.socket) -> None:
        for one in (source, self._pairs.get(source)):
            if one is not None and one in self._pairs:
                if one not in self._said_all:
                    self._selector.unregister(one)
                self._forget(one)
                _reset(one)

    def _forget(self, one: socket.socket) -> None:
        del self._pairs[one]
        self._clients.discard(one)
        self._said_all.discard(one)

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """Reset every connection and listen no more."""
        self._ended = True
        self._stopping.set()
        self._waker.send(b"e")
        self._thread.join()
        self._reset_all()
        self._selector.close()
        for one in (self._listener, self._waker, self._woken):
            one.close()


def _connected(target: int | str) -> socket.socket:
    if isinstance(target, int):
        return socket.create_connection(("127.0.0.1", target), timeout=10)
    server = socket.socket(socket.AF_UNIX)
    server.connect(target)
    return server


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


@contextlib.contextmanager
def proxied(target: int | str, address: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[Proxy]:
    """A proxy to a port of 127.0.0.1 or to a Unix socket, as long as the block lasts."""
    proxy = Proxy(target, address)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
