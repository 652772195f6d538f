"""Entries of systemd's journal: an event's level as the priority, its feed, sink and so on as fields.

Source: https://systemd.io/JOURNAL_NATIVE_PROTOCOL, and systemd.journal-fields(7).
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import threading
import weakref
from collections.abc import Mapping
from typing import TextIO

import orjson

SOCKET = "/run/systemd/journal/socket"

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""The syslog priority of each level (syslog(3))."""

FIELDS = ("event", "feed", "sink", "key", "entity", "pass", "batch", "worker")
"""Fields of an event by which people search. Each becomes `CDC_<NAME>`; the message has all fields.

The journal indexes every value of every field, so times and counts would only fill it.
"""

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Journal:
    """Sends events to the journal; to a stream if the journal takes none.

    Args:
        stream: gets a line with the priority in front (sd-daemon(3)) if the socket can't be used.
        path: socket of the journal.
    """

    def __init__(self, stream: TextIO, path: str = SOCKET) -> None:
        self._stream = stream
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._lock = threading.Lock()
        weakref.finalize(self, self._socket.close)

    def write(self, line: str, event: Mapping[str, object]) -> None:
        """Write one event.

        Args:
            line: the whole event as text, for `MESSAGE`.
            event: its fields, from which the entry's fields are taken.
        """
        priority = PRIORITIES.get(str(event.get("level")), PRIORITIES["info"])
        entry = {"MESSAGE": line, "PRIORITY": str(priority), "SYSLOG_IDENTIFIER": "cdc-daemon"}
        entry |= {f"CDC_{name.upper()}": _text(event[name]) for name in FIELDS if name in event}
        try:
            self._send(b"".join(_encoded(name, value) for name, value in entry.items()))
        except OSError:
            with self._lock:
                self._stream.write(f"<{priority}>{line}\n")
                self._stream.flush()

    def _send(self, entry: bytes) -> None:
        try:
            self._socket.sendto(entry, self._path)
        except OSError as error:
            # A datagram has a limit of size. A larger entry goes as a sealed file in memory.
            if error.errno not in {errno.EMSGSIZE, errno.ENOBUFS}:
                raise
            memory = os.memfd_create("cdc-daemon-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            try:
                with open(memory, "wb", closefd=False) as file:
                    file.write(entry)
                fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", memory))
                self._socket.sendmsg([b""], [rights], 0, self._path)
            finally:
                os.close(memory)


def _text(value: object) -> str:
    """A field's value. Keys and entities are objects: as JSON, without blanks."""
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _encoded(name: str, value: str) -> bytes:
    raw = value.encode(errors="backslashreplace")
    if b"\n" not in raw:
        return b"%s=%s\n" % (name.encode(), raw)
    # A value with line ends has its length in front, 64 bits, little-endian.
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(raw)), raw)
