"""What a pass found and did, as the log and the status tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cdc_daemon.feeds.recompute import Recomputed


@dataclass(frozen=True)
class Delta:
    """What became visible since the cursor.

    Attributes:
        tables: names of the tables that have entries.
        unknown: some entry can't say which rows changed.
        captured_at: when its oldest entry was written.
    """

    tables: frozenset[str] = frozenset()
    entries: int = 0
    unknown: bool = False
    captured_at: datetime | None = None


@dataclass(frozen=True)
class Pass:
    """What one pass or chunk did, as the log tells it."""

    lane: str
    delta: Delta
    entities: int
    recomputed: Recomputed
    seconds: float
    pending: int = 0
    reason: str | None = None

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest entry that was read, when the pass ended."""
        if self.delta.captured_at is None:
            return 0.0
        return (datetime.now(UTC) - self.delta.captured_at).total_seconds()

    def fields(self) -> dict[str, object]:
        """The fields of the event `pass_finished`."""
        return {
            "lane": self.lane,
            "entries": self.delta.entries,
            "entities": self.entities,
            "recomputed": self.recomputed.documents,
            "unchanged": self.recomputed.unchanged,
            "upserts": self.recomputed.upserts,
            "deletes": self.recomputed.deletes,
            "seconds": round(self.seconds, 4),
            "lag_seconds": round(self.lag_seconds, 4),
        }
