"""The stdout sink: writes records to standard output, one per line, for people and pipes."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.settings import SinkSettings
from cdc_daemon.sinks.sink import Refusal, Sink
from cdc_daemon.visible import visible_json


class StdoutSettings(SinkSettings, frozen=True):
    """`type = "stdout"`."""

    type: Literal["stdout"] = Field(default="stdout", description="Kind of sink.")

    def open(self, name: str) -> StdoutSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        return StdoutSink(name, self.batch_records, self.batch_bytes, self.timeout_seconds)


class _Lines:
    """Writes whole lines to a descriptor that several sinks share, and whose reader may stop reading."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._writing = threading.Lock()
        self.is_terminal = os.isatty(descriptor)
        self._rest = b""  # rest of a line whose beginning was written: the next write must begin with it

    def write(self, lines: bytes, timeout_seconds: float) -> None:
        """Write the lines. First finish a line that was interrupted before.

        Raises:
            TimeoutError: the reader did not read all lines in time.
            OSError: writing to the descriptor failed.
        """
        deadline = time.monotonic() + timeout_seconds
        with self._writing:
            pending = memoryview(self._rest + lines)
            written = 0
            try:
                while written < len(pending):
                    remaining = max(0.0, deadline - time.monotonic())
                    if not select.select([], [self._descriptor], [], remaining)[1]:
                        raise TimeoutError("nobody reads it")
                    # A ready pipe takes at least PIPE_BUF bytes without blocking.
                    written += os.write(self._descriptor, pending[written : written + select.PIPE_BUF])
            finally:
                self._rest = _rest_of_line(bytes(pending), written)


def _rest_of_line(lines: bytes, written: int) -> bytes:
    if written == 0 or lines[written - 1 : written] == b"\n":
        return b""
    return lines[written : lines.index(b"\n", written) + 1]


_standard_output = _Lines(1)  # not sys.stdout, whose buffer would repeat a write that a closed pipe refused


@dataclass
class StdoutSink(Sink):
    """Writes records as lines to standard output."""

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Write the records, one per line (see `Sink.deliver`)."""
        self._write(feed, b"".join(record.encode() + b"\n" for record in records))
        return ()

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Write a line for the end (see `Sink.end_snapshot`)."""
        self._write(end.feed, end.encode() + b"\n")
        return True

    def _write(self, feed: str, lines: bytes) -> None:
        if _standard_output.is_terminal:
            lines = visible_json(lines.decode()).encode()
        try:
            _standard_output.write(lines, self.timeout_seconds)
        except OSError as error:
            raise SinkUnavailable(
                f"standard output takes nothing: {error.strerror or error}",
                where=f"sink {self.name}, feed {feed}",
                hint="keep the program that reads it running, or use a file sink",
            ) from error

    def close(self) -> None:
        """Do nothing: the sink has no resources."""
