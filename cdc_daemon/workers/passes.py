"""The findings and results of a pass, for the log and the status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from cdc_daemon.capture.causes import Cause
from cdc_daemon.feeds.failed_entities import Named, SetAside
from cdc_daemon.feeds.hashed_documents import Entity
from cdc_daemon.feeds.recompute import Recomputed


@dataclass(frozen=True)
class Delta:
    """The entries that became visible since the cursor.

    Attributes:
        changed: number of changed rows in the entries of each table.
        unknown: whether some entry can't name the changed rows.
        captured_at: when the oldest entry was written.
        transactions: number of transactions of the entries, for each table anew; 0 if nobody keeps them.
        causes: those transactions, at most `MOST_CAUSES` for each table.
    """

    changed: Mapping[str, int] = field(default_factory=dict[str, int])
    entries: int = 0
    unknown: bool = False
    captured_at: datetime | None = None
    transactions: int = 0
    causes: Sequence[Cause] = ()

    @cached_property
    def tables(self) -> frozenset[str]:
        """Names of the tables with entries."""
        return frozenset(self.changed)

    @property
    def rows(self) -> int:
        """Number of all changed rows."""
        return sum(self.changed.values())


@dataclass(frozen=True)
class Due:
    """Entities whose time (`_refresh_at`) has come.

    Attributes:
        since: the earliest of their times.
        more: whether there are more than one pass takes.
    """

    entities: tuple[Entity, ...] = ()
    since: datetime | None = None
    more: bool = False


@dataclass(frozen=True)
class Pass:
    """The result of a pass or chunk, for the log.

    Attributes:
        entities: number of recomputed entities, including those that were due.
        deferred: number of entities that went to the backlog instead, for this `reason`.
        set_aside: entities for which the query failed.
        recovered: entities that were set aside before and have been computed now.
        number: the pass of its feed (feed_state.generation after it); the document history has the same.
    """

    kind: str
    delta: Delta
    entities: int
    recomputed: Recomputed
    seconds: float
    deferred: int = 0
    reason: str | None = None
    due: Due = field(default_factory=Due)
    set_aside: Sequence[SetAside] = ()
    recovered: Sequence[Named] = ()
    number: int = 0

    @property
    def did_something(self) -> bool:
        """Whether the pass had something to do."""
        return bool(self.delta.entries or self.entities)

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest entry, or time since an entity was due, at the end of the pass, in seconds."""
        moments = [moment for moment in (self.delta.captured_at, self.due.since) if moment is not None]
        return (datetime.now(UTC) - min(moments)).total_seconds() if moments else 0.0

    def fields(self) -> dict[str, object]:
        """Return the fields of the event `pass_finished`."""
        return {
            "pass": self.number,
            "kind": self.kind,
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


@dataclass(frozen=True)
class ResyncUnderWay:
    """How far a resync is.

    Attributes:
        entities, done: number of its entities, and of those that are recomputed.
        seconds: time since the request.
    """

    number: int
    entities: int
    reason: str
    done: int
    seconds: float
