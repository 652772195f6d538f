"""A TCP proxy on loopback that cuts, delays and drops as it is told: real connections to real servers."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_PIECE = 64 * 1024


@dataclass(frozen=True)
class Fault:
    """What happens to one connection.

    Attributes:
        sent: bytes of the client that are passed on before it happens; None: never on this way.
        answered: the same for bytes of the server.
        drop: nothing is passed on any more, and nothing closed; otherwise the connection is reset.
        delay_seconds: how long each piece waits on both ways.
    """

    sent: int | None = None
    answered: int | None = None
    drop: bool = False
    delay_seconds: float = 0.0


HEALTHY = Fault()


@dataclass
class Proxy:
    """Between a client and one server; each new connection takes the next of `faults`, if there is one.

    Attributes:
        connections: how many there were.
    """

    host: str
    port: int
    faults: deque[Fault] = field(default_factory=deque)
    connections: int = 0
    _live: set[socket.socket] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    def cut_all(self) -> None:
        """Reset every connection that is open."""
        with self._lock:
            live, self._live = self._live, set()
        for one in live:
            _reset(one)

    def _serve(self, listening: socket.socket, upstream: tuple[str, int]) -> None:
        while not self._ended.is_set():
            try:
                client, _ = listening.accept()
            except OSError:
                return
            fault = self.faults.popleft() if self.faults else HEALTHY
            self.connections += 1
            try:
                server = socket.create_connection(upstream, timeout=10)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            pair = (client, server)
            with self._lock:
                self._live |= set(pair)
            for source, sink, limit in ((client, server, fault.sent), (server, client, fault.answered)):
                threading.Thread(
                    target=self._pump, args=(source, sink, limit, fault, pair), daemon=True
                ).start()

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        limit: int | None,
        fault: Fault,
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if fault.delay_seconds and self._ended.wait(fault.delay_seconds):
                    break
                allowed = piece if limit is None else piece[: max(0, limit - passed)]
                sink.sendall(allowed)
                passed += len(allowed)
                if len(allowed) == len(piece):
                    continue
                if not fault.drop:
                    for one in pair:
                        _reset(one)
                    return
                while source.recv(_PIECE):
                    pass
            # The end of one way is passed on; the other may go on.
            sink.shutdown(socket.SHUT_WR)


def _reset(one: socket.socket) -> None:
    """End a connection with RST, whatever is still in its buffers."""
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        one.close()


@contextmanager
def proxying(host: str, port: int) -> Iterator[Proxy]:
    """A proxy before a server, gone at the end with its connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = Proxy(*listening.getsockname()[:2])
        thread = threading.Thread(target=proxy._serve, args=(listening, (host, port)))
        thread.start()
        try:
            yield proxy
        finally:
            proxy._ended.set()
            listening.shutdown(socket.SHUT_RDWR)  # wakes accept()
            thread.join()
            proxy.cut_all()
