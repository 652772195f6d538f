"""Keeps a libpq conversation with a foreign server within the time and size limits of its thread."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Generator
from typing import Any, TypeVar

from psycopg.abc import PQGen

from cdc_daemon.bounds import Bounds

Result = TypeVar("Result")

# Offset of tcpi_bytes_received, a uint64, in the kernel's struct tcp_info (linux/tcp.h).
_RECEIVED_AT = 128
_SIZE = 192


def bounded(gen: PQGen[Result], descriptor: int, bounds: Bounds) -> Generator[Any, Any, Result]:
    """Run `gen`, but end it when its time is over or it has received more than an answer needs.

    libpq reads by itself and assembles a message of any length, so this asks the kernel how many bytes came.
    psycopg resumes the generator at every interval, also when nothing is ready.

    Raises:
        TimeoutError, AnswerTooLarge: see `Bounds`.
    """
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        received = _received(connection)
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                _ = bounds.remaining
                received, before = _received(connection), received
                bounds.count(received - before)
                wanted = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result


def _received(connection: socket.socket) -> int:
    """Return the bytes received so far; 0 if the system does not tell (not Linux, no TCP)."""
    if not hasattr(socket, "TCP_INFO") or connection.family == socket.AF_UNIX:
        return 0
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    if len(told) < _RECEIVED_AT + 8:
        return 0
    (received,) = struct.unpack_from("=Q", told, _RECEIVED_AT)
    return int(received)
