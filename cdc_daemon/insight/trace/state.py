"""Reads how a feed stands, as far as it concerns each of its documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdc_daemon.capture.fingerprint import Fingerprint
from cdc_daemon.insight.daemons import Daemons
from cdc_daemon.insight.trace.facts import FeedFacts, Holder
from cdc_daemon.insight.trace.subject import Subject
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement

_EVENTS = ("insert", "update", "delete", "truncate")


@dataclass(frozen=True)
class FeedRow:
    """What is read of `cdc.feed_state`.

    Attributes:
        now: the server's clock.
        last_pass: the fields of the last pass that had something to do.
    """

    cursor: str | None
    facts: FeedFacts
    now: datetime
    has_backlog: bool
    last_pass: Mapping[str, Any] | None


def read_feed(connection: Connection, subject: Subject, daemons: Daemons) -> FeedRow | None:
    """Return how a feed stands; None if it is not installed."""
    feed = subject.definition.name
    row = connection.execute(statement("trace.feed"), {"feed": feed}).fetchone()
    if row is None:
        return None
    cursor, cursor_at, stopped, stopped_at, uncaptured, uncaptured_since = row[:6]
    position, end, synced_at, fingerprint, last_pass, now, retry_at = row[6:]
    facts = FeedFacts(
        begun=cursor is not None,
        stopped=stopped,
        stopped_at=stopped_at,
        uncaptured=uncaptured,
        uncaptured_since=uncaptured_since,
        unplanned=subject.unplanned,
        disabled=tuple(_disabled(connection, feed)),
        moved=_is_moved(connection, subject, fingerprint) if cursor else False,
        retry_at=retry_at,
        daemons=daemons,
        followed=daemons.follow(feed) or bool(daemons.others),
        seen_at=cursor_at,
        synced_at=synced_at,
        holders=tuple(_holders(connection, feed)),
    )
    return FeedRow(cursor, facts, now, position < end, last_pass)


def _disabled(connection: Connection, feed: str) -> Sequence[str]:
    triggers = [own_schema.trigger(event) for event in _EVENTS]
    rows = connection.execute(statement("trace.disabled"), {"feed": feed, "triggers": triggers})
    return [f"{table}: {what}" for table, what in rows.fetchall()]


def _is_moved(connection: Connection, subject: Subject, fingerprint: str | None) -> bool:
    if subject.plan is None:
        return False
    return Fingerprint(subject.plan.dependencies).read(connection) != fingerprint


def _holders(connection: Connection, feed: str) -> Sequence[Holder]:
    relations = [row[3] for row in connection.execute(statement("trace.sources"), {"feed": feed})]
    tree = connection.execute(statement("capture.relation_tree"), {"relations": relations}).fetchone()
    below = tree[0] if tree else None
    rows = connection.execute(statement("trace.holders"), {"relations": below or relations})
    return [Holder(*row) for row in rows.fetchall()]
