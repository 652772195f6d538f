"""What a pass found and did, as the log and the status tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from cdc_daemon.feeds.digested import Entity
from cdc_daemon.feeds.failed_entities import Named, SetAside
from cdc_daemon.feeds.recompute import Recomputed


@dataclass(frozen=True)
class Delta:
    """What became visible since the cursor.

    Attributes:
        changed: how many changed rows the entries of each table tell of.
        unknown: some entry can't say which rows changed.
        captured_at: when its oldest entry was written.
    """

    changed: Mapping[str, int] = field(default_factory=dict[str, int])
    entries: int = 0
    unknown: bool = False
    captured_at: datetime | None = None

    @cached_property
    def tables(self) -> frozenset[str]:
        """Names of the tables that have entries."""
        return frozenset(self.changed)

    @property
    def rows(self) -> int:
        """How many changed rows there are in all."""
        return sum(self.changed.values())


@dataclass(frozen=True)
class Due:
    """Entities whose time (`_refresh_at`) has come.

    Attributes:
        since: the earliest of their times.
        more: there are more than one pass takes.
    """

    entities: tuple[Entity, ...] = ()
    since: datetime | None = None
    more: bool = False


@dataclass(frozen=True)
class Pass:
    """What one pass or chunk did, as the log tells it.

    Attributes:
        entities: how many were recomputed, those that were due among them.
        pending: how many were handed over to the slow lane instead, for this `reason`.
        set_aside: those that could not be computed.
        recovered: those that could not before.
    """

    lane: str
    delta: Delta
    entities: int
    recomputed: Recomputed
    seconds: float
    pending: int = 0
    reason: str | None = None
    due: Due = field(default_factory=Due)
    set_aside: Sequence[SetAside] = ()
    recovered: Sequence[Named] = ()

    @property
    def did_something(self) -> bool:
        """Whether it has more to tell than that there was nothing to do."""
        return bool(self.delta.entries or self.entities)

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest entry that was read, or how long an entity was due, when the pass ended."""
        moments = [moment for moment in (self.delta.captured_at, self.due.since) if moment is not None]
        return (datetime.now(UTC) - min(moments)).total_seconds() if moments else 0.0

    def fields(self) -> dict[str, object]:
        """The fields of the event `pass_finished`."""
        return {
            "lane": self.lane,
            "entries": self.delta.entries,
            "due": len(self.due.entities),
            "entities": self.entities,
            "recomputed": self.recomputed.documents,
            "unchanged": self.recomputed.unchanged,
            "upserts": self.recomputed.upserts,
            "deletes": self.recomputed.deletes,
            "failed": len(self.set_aside),
            "seconds": round(self.seconds, 4),
            "lag_seconds": round(self.lag_seconds, 4),
        }
