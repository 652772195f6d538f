"""Commands about deliveries: pause, resume, replay, retry, logs. The daemon sees them within a second."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import orjson

from cdc_daemon.errors import CdcError
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement

EVERY = "*"
"""Means all sinks, or all feeds, of a pause."""


@dataclass(frozen=True)
class Pause:
    """A delivery that a person has paused.

    Attributes:
        sink, feed: names; None means all.
        role, os_user: the database role, and the user of the operating system, of the person; None if an
            earlier version made the pause.
    """

    sink: str | None
    feed: str | None
    reason: str | None
    paused_at: datetime
    role: str | None = None
    os_user: str | None = None


@dataclass(frozen=True)
class FailedEntity:
    """An entity for which the query fails.

    Attributes:
        entity: values of the entity columns, in their order; None for unknown entities.
        status: the SQLSTATE; None if a document is too large.
        retry_at: when it is tried without a change, or None.
    """

    feed: str
    entity: Sequence[str] | None
    attempts: int
    status: str | None
    reason: str
    first_failed_at: datetime
    last_failed_at: datetime
    retry_at: datetime | None


@dataclass(frozen=True)
class FailedItem:
    """A document that a sink refused.

    Attributes:
        key: a JSON object.
        attempts: number of attempts of this revision; 0 after a retry or replay, before the next attempt.
        status, reason: the target's own words.
        next_attempt_at: None if the item is parked.
    """

    sink: str
    feed: str
    key: str
    revision: int
    attempts: int
    status: str | None
    reason: str
    first_failed_at: datetime
    next_attempt_at: datetime | None


def pause(connection: Connection, sink: str | None, feed: str | None, *, reason: str | None) -> None:
    """Pause deliveries after their current batch. None means all sinks, or all feeds."""
    connection.execute(
        statement("delivery_pause.pause"),
        {"sink": sink or EVERY, "feed": feed or EVERY, "reason": reason, "os_user": _os_user()},
    )


def _os_user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user ID without a name, as containers have (KeyError before Python 3.13)
        return None


def resume(connection: Connection, sink: str | None, feed: str | None) -> bool:
    """End a pause. Return False if there is no pause of exactly this sink and feed."""
    found = connection.execute(
        statement("delivery_pause.resume"), {"sink": sink or EVERY, "feed": feed or EVERY}
    )
    return bool(found.rowcount)


def pauses(connection: Connection) -> list[Pause]:
    """Return all pauses."""
    return [
        Pause(None if sink == EVERY else sink, None if feed == EVERY else feed, *rest)
        for sink, feed, *rest in connection.execute(statement("delivery_pause.list"))
    ]


def log_payloads(connection: Connection, feed: str, where: Mapping[str, str], *, seconds: float) -> datetime:
    """Ask every daemon to log the delivered documents of a feed. Return when that ends.

    Args:
        where: values by key column, to select documents; empty for all.
    """
    key = orjson.dumps(dict(where)).decode() if where else None
    row = connection.execute(
        statement("payload_log.ask"), {"feed": feed, "key": key, "seconds": seconds}
    ).fetchone()
    assert row is not None  # noqa: S101 # INSERT … RETURNING
    return cast("datetime", row[0])


def end_payload_log(connection: Connection, feed: str) -> None:
    """End every log of the documents of a feed."""
    connection.execute(statement("payload_log.end"), {"feed": feed})


def failed_items(
    connection: Connection, feeds: Sequence[str], *, sink: str | None = None
) -> list[FailedItem]:
    """Return the failed items of some feeds, the oldest first."""
    rows = connection.execute(statement("failed_item.list"), {"feeds": list(feeds), "sink": sink}).fetchall()
    return [FailedItem(*row) for row in rows]


def failed_entities(connection: Connection, feeds: Sequence[str]) -> list[FailedEntity]:
    """Return the failed entities of some feeds, the oldest first."""
    rows = connection.execute(statement("failed_entity.list"), {"feeds": list(feeds)}).fetchall()
    return [FailedEntity(*row) for row in rows]


def retry_entities(
    connection: Connection, feed: str, columns: Sequence[str], where: Mapping[str, str]
) -> int:
    """Make the failed entities of a feed due in the next pass.

    Args:
        columns: the feed's entity columns.
        where: values of entity columns, to select entities.

    Returns:
        The number of entities.
    """
    if not where.keys() <= set(columns):
        return 0
    places = [columns.index(name) + 1 for name in where]
    return connection.execute(
        statement("failed_entity.retry"), {"feed": feed, "places": places, "values": list(where.values())}
    ).rowcount


def retry(
    connection: Connection, feeds: Sequence[str], where: Mapping[str, str], *, sink: str | None = None
) -> int:
    """Make failed items due now, also parked ones, with all their attempts.

    Args:
        where: values of key columns, to select items.

    Returns:
        The number of items.
    """
    return connection.execute(
        statement("failed_item.retry"),
        {"feeds": list(feeds), "sink": sink, "names": list(where), "values": list(where.values())},
    ).rowcount


def replay_all(connection: Connection, sink: str, feed: str) -> None:
    """Schedule a full snapshot of a feed for a sink."""
    with connection.transaction():
        _require_delivery(connection, sink, feed)
        connection.execute(statement("sink_state.want_snapshot"), {"sink": sink, "feed": feed})
        _forget_newer(connection, sink, feed, revision=0)


def replay_since(connection: Connection, sink: str, changes: Changes, moment: datetime) -> None:
    """Schedule the redelivery of documents that were stored since a moment."""
    feed = changes.feed.name
    with connection.transaction():
        _require_delivery(connection, sink, feed)
        revision = changes.revision_before(connection, moment)
        connection.execute(
            statement("sink_state.go_back"), {"sink": sink, "feed": feed, "revision": revision}
        )
        _forget_newer(connection, sink, feed, revision=revision)


def replay_some(connection: Connection, sink: str, changes: Changes, where: Mapping[str, str]) -> int:
    """Schedule the redelivery of some documents.

    Args:
        where: values of key columns, as text.

    Returns:
        The number of documents.
    """
    with connection.transaction():
        _require_delivery(connection, sink, changes.feed.name)
        return changes.replay_some(connection, sink, where)


def _require_delivery(connection: Connection, sink: str, feed: str) -> None:
    row = connection.execute(statement("sink_state.is_registered"), {"sink": sink, "feed": feed}).fetchone()
    if not (row and row[0]):
        raise CdcError(
            "nothing was delivered yet",
            where=f"sink {sink}, feed {feed}",
            hint="start the daemon: a new sink gets the whole feed by itself",
        )


def _forget_newer(connection: Connection, sink: str, feed: str, *, revision: int) -> None:
    """Forget failed items and delivered documents that the log or a scan sends again."""
    connection.execute(
        statement("failed_item.forget_newer"), {"sink": sink, "feed": feed, "revision": revision}
    )
    connection.execute(statement("delivered_document.forget_of"), {"sink": sink, "feed": feed})
