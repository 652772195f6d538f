"""Any sink of the package, which stops at a step of a delivery that a test chose, and waits to be killed."""

from __future__ import annotations

import threading
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
    told: str = Field(
        description="Folder with a file `step` that names the step. A sink there makes a file of its name.",
        json_schema_extra=RELATIVE_PATH,
    )
    of: dict[str, Any] = Field(description="Settings of the sink that sends.")

    def open(self, name: str) -> DyingSink:
        sink = SINKS[self.of["type"]].model_validate(self.of).open(name)
        return DyingSink(
            name, self.batch_records, self.batch_bytes, self.timeout_seconds, Path(self.told), sink
        )


@dataclass
class DyingSink(Sink):
    """Hands over to another sink, up to the step that it is told."""

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    told: Path
    sink: Sink

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        if not records:
            return self.sink.deliver(feed, records)
        self._stop_at(STEPS[0])
        middle = len(records) // 2
        refused = [*self.sink.deliver(feed, records[:middle])] if middle else []
        self._stop_at(STEPS[1])
        refused += self.sink.deliver(feed, records[middle:])
        self._stop_at(STEPS[2])
        return refused

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        return self.sink.end_snapshot(end)

    def close(self) -> None:
        self.sink.close()

    def _stop_at(self, step: str) -> None:
        told = self.told / "step"
        if told.exists() and told.read_text() == step:
            (self.told / self.name).touch()
            threading.Event().wait()
