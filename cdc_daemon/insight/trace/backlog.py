"""Finds the place of an entity in the backlog, and when its turn may come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg import sql

from cdc_daemon.feeds.comparison import after
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.insight.trace.documents import matching, numbered, typed
from cdc_daemon.insight.trace.facts import Backlog
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


def read_backlog(
    connection: Connection,
    feed: FeedDefinition,
    entity: Sequence[str],
    last_pass: Mapping[str, object] | None,
) -> Backlog | None:
    """Return the place of an entity in the backlog; None if it does not wait there.

    Args:
        last_pass: the fields of the feed's last pass (`pass_finished`), from which its pace is known.
    """
    query = statement(
        "trace.backlog",
        backlog=sql.Identifier(feed.backlog),
        asked=typed(feed, feed.entity, "entity"),
        below=after(
            feed, feed.entity, "a", {name: sql.Composed([sql.Identifier("p", name)]) for name in feed.entity}
        ),
        same_entity=matching(feed, feed.entity, "p", "entity"),
    )
    row = connection.execute(query, {"feed": feed.name, **numbered("entity", entity)}).fetchone()
    if row is None:
        return None
    ahead, reason, since, age, done = row
    return Backlog(ahead, reason, since, _pace(last_pass) or (done / age if done and age else None))


def _pace(last_pass: Mapping[str, object] | None) -> float | None:
    """Return the entities per second of the last chunk of the backlog."""
    if not last_pass or last_pass.get("kind") != "backlog":
        return None
    entities, seconds = last_pass.get("entities"), last_pass.get("seconds")
    if isinstance(entities, int) and isinstance(seconds, int | float) and entities and seconds:
        return entities / seconds
    return None
