"""The resyncs of a feed, and what one would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.statistics import expected_entities
from cdc_daemon.feeds.verification import Difference, Selection
from cdc_daemon.insight.rates import read_feed_rates
from cdc_daemon.insight.verify import Answer, verify_feed
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.workers.backlog import ASKED_FOR
from cdc_daemon.workers.planning import FeedPlan
from cdc_daemon.workers.resync import require_identity

MOST_NAMED = 20
"""Largest number of documents that a preview names."""


@dataclass(frozen=True)
class ResyncStatus:
    """A resync of a feed, also a first sync or a large delta.

    Attributes:
        number: its number (cdc.resync.id).
        reason: `first sync`, `definition changed`, `asked for` …
        force: whether every document is delivered again, changed or not.
        entities, done: number of its entities, and of those that are recomputed.
        state: `waiting` (others come first), `running`, `paused`, `cancelled` or `finished`.
        interruptible: whether it can be paused and cancelled: only one that a person requested.
        ended_at: when it was finished, cancelled or paused.
        seconds: time from the request to that end, or until now.
        entities_per_second: while it runs, the pace of the last minutes; None: nobody knows yet.
        remaining_seconds: time until its end at this pace, with what comes before it; None: nobody knows.
        blocked: why it does not go on: the reason for which the feed is stopped.
    """

    number: int
    reason: str
    force: bool
    entities: int
    done: int
    state: str
    interruptible: bool
    requested_at: datetime
    ended_at: datetime | None
    seconds: float
    entities_per_second: float | None = None
    remaining_seconds: float | None = None
    blocked: str | None = None


@dataclass(frozen=True)
class ResyncPreview:
    """What a resync would change, if it ran now.

    Attributes:
        entities: number of entities that it would recompute; after a sample, as the planner estimates it.
        compared: number of entities that were compared: all, or a sample.
        documents: number of documents that were compared.
        differ: number of those that would change, be new, or be deleted.
        kinds: number of differences by kind (`Difference.kind`). A document that is `different` has the hash
            of the right one, so a resync does not repair it unless it is forced.
        delivered: number of compared documents that sinks would get.
        waiting: number of entities for which a change is on its way, so that nobody can say.
        failing: number of entities for which the query fails.
        first: the first documents that would change.
        notes: what could not be looked at, in sentences.
        seconds: how long the look took.
    """

    entities: int
    compared: int
    documents: int
    differ: int
    kinds: Mapping[str, int]
    delivered: int
    waiting: int = 0
    failing: int = 0
    first: Sequence[Difference] = ()
    notes: Sequence[str] = field(default=())
    seconds: float = 0.0

    @property
    def is_sample(self) -> bool:
        """Whether only a part of the entities was compared."""
        return self.compared < self.entities


def read_resyncs(connection: Connection, feed: str, *, limit: int = 20) -> list[ResyncStatus]:
    """Return the resyncs of a feed: unfinished ones first, then the latest.

    Args:
        limit: largest number of unfinished ones, and of all together.
    """
    with connection.cursor(row_factory=dict_row) as asked:
        rows = asked.execute(statement("resync.of_feed"), {"feed": feed, "limit": limit}).fetchall()
    pace = None
    if any(row["state"] == "running" for row in rows):
        pace = read_feed_rates(connection, feed, backlog=0).recomputed or None
    return [_status(row, pace) for row in rows[:limit]]


def preview_resync(
    connection: Connection,
    settings: Settings,
    plan: FeedPlan,
    *,
    where: Mapping[str, str],
    force: bool = False,
    sample: int | None = None,
    patience_seconds: float = 0.0,
) -> ResyncPreview:
    """Return what a resync would change, without changing anything.

    Args:
        connection: a session for this question alone.
        where: values of key or entity columns, as of `Resync`; empty for all entities.
        force: whether the resync would be forced.
        sample: compare only so many entities, chosen at random.
        patience_seconds: how long to look again at documents for which a change is on its way.

    Raises:
        FeedError: `where` names no key or entity column, no document has these values, or the installed
            definition is not the configured one.
    """
    name = plan.definition.name
    require_identity(plan, where)
    answer = Answer(name, most=MOST_NAMED)
    selection = Selection(sample=None if where else sample, where=where)
    total = 0
    for step in verify_feed(connection, settings, plan, selection, answer, patience_seconds=patience_seconds):
        total = step.total
    if where and not total:
        raise FeedError(
            f"no document has {' and '.join(f'{column}={value}' for column, value in where.items())}",
            where=f"feed {name}",
            hint="see that the value is spelled as in the document",
        )
    kinds = {kind: answer.counts[kind] for kind in sorted(answer.counts)}
    differ = answer.total - answer.counts["different"]
    entities = total
    if selection.sample is not None and total >= selection.sample:
        entities = max(total, int(expected_entities(connection, plan.definition) or 0))
    return ResyncPreview(
        entities,
        total,
        answer.documents,
        differ,
        kinds,
        answer.documents if force else differ,
        answer.waiting,
        answer.failing,
        answer.differences,
        answer.notes,
        round(answer.seconds, 3),
    )


def _status(row: dict[str, Any], pace: float | None) -> ResyncStatus:
    ahead, blocked = row.pop("ahead"), row.pop("stopped_reason")
    number, state, seconds = row.pop("id"), row["state"], round(row.pop("seconds"), 1)
    running = state == "running"
    return ResyncStatus(
        number,
        **row,
        seconds=seconds,
        interruptible=row["reason"] == ASKED_FOR and state in {"waiting", "running", "paused"},
        entities_per_second=pace if running else None,
        remaining_seconds=round(max(ahead, 0) / pace, 1) if running and pace else None,
        blocked=blocked if running else None,
    )
