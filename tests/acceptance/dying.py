"""Any sink of the package, in a process that ends at a step of a delivery that a test chose."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.settings import RELATIVE_PATH, SinkSettings
from cdc_daemon.sinks.sink import Refusal, Sink

STEPS = ("before the send", "in the middle of the send", "after the send")


class DyingSettings(SinkSettings, frozen=True):
    """`type = "dying"`."""

    type: Literal["dying"] = Field(default="dying", description="Kind of sink.")
    told: str = Field(description="File that names the step.", json_schema_extra=RELATIVE_PATH)
    of: dict[str, Any] = Field(description="Settings of the sink that sends.")

    def open(self, name: str) -> DyingSink:
        sink = SINKS[self.of["type"]].model_validate(self.of).open(name)
        return DyingSink(
            name, self.batch_records, self.batch_bytes, self.timeout_seconds, Path(self.told), sink
        )


@dataclass
class DyingSink(Sink):
    """Hands over to another sink, until it is told to die by `kill -9`."""

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    told: Path
    sink: Sink

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        if not records:
            return self.sink.deliver(feed, records)
        self._die_at(STEPS[0])
        middle = len(records) // 2
        refused = [*self.sink.deliver(feed, records[:middle])] if middle else []
        self._die_at(STEPS[1])
        refused += self.sink.deliver(feed, records[middle:])
        self._die_at(STEPS[2])
        return refused

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        return self.sink.end_snapshot(end)

    def close(self) -> None:
        self.sink.close()

    def _die_at(self, step: str) -> None:
        if self.told.exists() and self.told.read_text() == step:
            self.told.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
