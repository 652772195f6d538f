"""A sink as another distribution would bring it, which ends its own process at a step that a test chose."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from cdc_daemon.errors import RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.settings import RELATIVE_PATH, SinkSettings
from cdc_daemon.sinks.sink import Refusal, Sink

ENTRY_POINTS = """[cdc_daemon.sinks]
self_killing = tests.acceptance.self_killing_sink:SelfKillingSettings
dying = tests.acceptance.dying:DyingSettings
"""


class SelfKillingSettings(SinkSettings, frozen=True):
    """`type = "self_killing"`."""

    type: Literal["self_killing"] = Field(default="self_killing", description="Kind of sink.")
    folder: str = Field(description="Where it writes and is told.", json_schema_extra=RELATIVE_PATH)
    patches: bool = Field(default=False, description="Whether it wants to know what was delivered.")

    def open(self, name: str) -> SelfKillingSink:
        return SelfKillingSink(
            name, self.batch_records, self.batch_bytes, self.timeout_seconds, Path(self.folder), self.patches
        )


@dataclass
class SelfKillingSink(Sink):
    """Records as lines of a file; a file `dies` names the step at which the process ends by `kill -9`."""

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    folder: Path
    wants_previous: bool

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        self._die_at("before the send")
        if self._is_told("down"):
            raise SinkUnavailable("told to be down")
        if self._is_told("refuses") and records:
            raise RecordsRefused("told to")
        with (self.folder / f"{feed}.ndjson").open("ab") as file:
            for number, record in enumerate(records):
                file.write(record.encode() + b"\n")
                file.flush()
                if number == len(records) // 2:
                    self._die_at("in the middle of the send")
            os.fsync(file.fileno())
        self._die_at("after the send")
        return ()

    def close(self) -> None:
        pass

    def _is_told(self, what: str) -> bool:
        return (self.folder / what).exists()

    def _die_at(self, step: str) -> None:
        told = self.folder / "dies"
        if told.exists() and told.read_text() == step:
            told.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def register(folder: Path) -> str:
    """Make the distribution in a folder; what PYTHONPATH must hold so that it is found."""
    described = folder / "self_killing-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: self_killing\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(ENTRY_POINTS)
    return f"{folder}{os.pathsep}{Path(__file__).parents[2]}"
