"""A plain TCP server that notes every byte that it is sent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Recorder:
    """Listens on loopback, greets, and answers what it is told to.

    Args:
        greeting: sent at once to everybody who connects.
        answer: gives what is said to all that has arrived since the last answer: empty ends the connection,
            None waits for more.
    """

    def __init__(
        self, greeting: bytes = b"", answer: Callable[[bytes], bytes | None] = lambda _: b""
    ) -> None:
        self._greeting = greeting
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._arrived = threading.Event()
        self.received = bytearray()
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.settimeout(10)
                connection.sendall(self._greeting)
                heard = b""
                while piece := connection.recv(65_536):
                    self.received += piece
                    heard += piece
                    said = self._answer(heard)
                    if said is None:
                        continue
                    if not said:
                        return
                    connection.sendall(said)
                    heard = b""
            except OSError:  # the client has gone
                return
