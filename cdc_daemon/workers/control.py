"""Commands about deliveries: pause, resume, replay, retry, logs. The daemon sees them within a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import orjson

from cdc_daemon.errors import CdcError
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.audit import Act, audited, os_user
from cdc_daemon.workers.chosen_items import (
    MOST_COUNTED,
    FailedItem,
    ItemChoice,
    discard_items,
    list_items,
    retry_items,
)

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


def pause(
    connection: Connection,
    sink: str | None,
    feed: str | None,
    *,
    reason: str | None,
    web_user: str | None = None,
) -> None:
    """Pause deliveries after their current batch. None means all sinks, or all feeds.

    Args:
        web_user: the user of the dashboard who does it; None for a command. So in all these functions.
    """
    with audited(connection, Act("pause", feed, sink, {"reason": reason}, web_user)):
        connection.execute(
            statement("delivery_pause.pause"),
            {"sink": sink or EVERY, "feed": feed or EVERY, "reason": reason, "os_user": os_user()},
        )


def resume(
    connection: Connection, sink: str | None, feed: str | None, *, web_user: str | None = None
) -> bool:
    """End a pause. Return False if there is no pause of exactly this sink and feed."""
    with audited(connection, Act("resume", feed, sink, web_user=web_user)) as outcome:
        found = connection.execute(
            statement("delivery_pause.resume"), {"sink": sink or EVERY, "feed": feed or EVERY}
        )
        if not found.rowcount:
            outcome.text = "was not paused"
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
    connection: Connection,
    feeds: Sequence[str],
    *,
    sink: str | None = None,
    where: Mapping[str, str] | None = None,
) -> list[FailedItem]:
    """Return the failed items of some feeds, the oldest first.

    Args:
        where: values of key columns, to select items.
    """
    return list_items(connection, ItemChoice(feeds, sink, where or {}))


def failed_entities(
    connection: Connection, feeds: Sequence[str], *, limit: int | None = None
) -> list[FailedEntity]:
    """Return the failed entities of some feeds, the oldest first.

    Args:
        limit: largest number of entities; None: all of them.
    """
    parameters = {"feeds": list(feeds), "limit": limit}
    return [FailedEntity(*row) for row in connection.execute(statement("failed_entity.list"), parameters)]


def count_failed_entities(connection: Connection, feeds: Sequence[str]) -> dict[str, int]:
    """Return the number of failed entities of each of some feeds, counted up to `MOST_COUNTED`."""
    parameters = {"feeds": list(feeds), "most": MOST_COUNTED}
    return dict(connection.execute(statement("failed_entity.counts"), parameters).fetchall())


def retry_failed(
    connection: Connection,
    columns: Mapping[str, Sequence[str]],
    where: Mapping[str, str],
    *,
    sink: str | None = None,
    web_user: str | None = None,
) -> tuple[int, int]:
    """Try failed items and failed entities now (see `retry_items` and `retry_entities`).

    Args:
        columns: the entity columns of each feed.
        sink: only items of this sink, and no entities.

    Returns:
        The numbers of items and of entities.
    """
    feed = next(iter(columns)) if len(columns) == 1 else None
    with audited(connection, Act("retry", feed, sink, {"key": dict(where)}, web_user)) as outcome:
        items = retry_items(connection, ItemChoice(list(columns), sink, where))
        entities = sum(
            retry_entities(connection, name, of_feed, where)
            for name, of_feed in columns.items()
            if sink is None
        )
        outcome.text = f"{items} items, {entities} entities"
    return items, entities


def discard(
    connection: Connection,
    feed: str,
    where: Mapping[str, str],
    *,
    reason: str,
    sink: str | None = None,
    web_user: str | None = None,
) -> int:
    """Remove failed items of a feed by their key (see `discard_items`). Return their number.

    Args:
        where: values of key columns.
    """
    choice = ItemChoice([feed], sink, where)
    return discard_items(connection, choice, reason=reason, web_user=web_user)


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
    positions = [columns.index(name) + 1 for name in where]
    return connection.execute(
        statement("failed_entity.retry"),
        {"feed": feed, "positions": positions, "values": list(where.values())},
    ).rowcount


def replay_all(connection: Connection, sink: str, feed: str, *, web_user: str | None = None) -> None:
    """Schedule a full snapshot of a feed for a sink."""
    with audited(connection, Act("replay", feed, sink, {"all": True}, web_user)):
        _require_delivery(connection, sink, feed)
        connection.execute(statement("sink_state.want_snapshot"), {"sink": sink, "feed": feed})
        _forget_newer(connection, sink, feed, revision=0)


def replay_since(
    connection: Connection, sink: str, changes: Changes, moment: datetime, *, web_user: str | None = None
) -> None:
    """Schedule the redelivery of documents that were stored since a moment."""
    feed = changes.feed.name
    with audited(connection, Act("replay", feed, sink, {"since": moment.isoformat()}, web_user)):
        _require_delivery(connection, sink, feed)
        revision = changes.revision_before(connection, moment)
        connection.execute(
            statement("sink_state.go_back"), {"sink": sink, "feed": feed, "revision": revision}
        )
        _forget_newer(connection, sink, feed, revision=revision)


def replay_some(
    connection: Connection,
    sink: str,
    changes: Changes,
    where: Mapping[str, str],
    *,
    web_user: str | None = None,
) -> int:
    """Schedule the redelivery of some documents.

    Args:
        where: values of key columns, as text.

    Returns:
        The number of documents.
    """
    feed = changes.feed.name
    with audited(connection, Act("replay", feed, sink, {"key": dict(where)}, web_user)) as outcome:
        _require_delivery(connection, sink, feed)
        count = changes.replay_some(connection, sink, where)
        outcome.text = f"{count} documents"
    return count


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
