"""Rejects documents with a NULL entity: the daemon could never recompute them."""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds import resolve
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import Session


def require_entities(connection: Session, feed: FeedDefinition, nullable: Sequence[str]) -> None:
    """Check that no document of the feed's query has a NULL in an entity column.

    A route returns NULL for a row that reaches no entity, and also for a document whose entity became NULL.
    The latter would look deleted, because it has lost its old entity. So this runs the query.

    Args:
        connection: session inside a transaction.
        feed: definition of the feed.
        nullable: the entity columns that may be NULL (`Analysis.nullable`).

    Raises:
        FeedError: some documents have a NULL entity. The message names up to three.
    """
    if not nullable:
        return
    with names_found_in(connection, feed.search_path):
        found = connection.execute(resolve.without_entity(feed, nullable))
    rows = found.fetchall()
    if rows:
        raise without_entity(feed, "; ".join(text for (text,) in rows))


def without_entity(feed: FeedDefinition, which: str | None = None) -> FeedError:
    """Return the error for documents with a NULL entity.

    Args:
        which: keys of such documents, for the message.
    """
    named = f": {which}" if which else ""
    return FeedError(
        f"entity ({', '.join(feed.entity)}) is NULL in some document{named}",
        where=f"feed {feed.name}",
        hint="make the query leave out rows without an entity",
    )
