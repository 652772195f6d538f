"""Documents must have an entity: whoever can't be found again can't be kept in step."""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds import resolve
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import Session


def require_entities(connection: Session, feed: FeedDefinition, nullable: Sequence[str]) -> None:
    """See that no document of the feed's query has a NULL in an entity column.

    A route yields NULL both for a row that reaches nothing and for a document whose entity became NULL. The
    latter has lost its old entity, so its document would be taken for gone: the query is asked.

    Args:
        connection: inside a transaction.
        nullable: the entity columns that may be NULL at all (`Analysis.nullable`).

    Raises:
        FeedError: some documents have none; up to three are named.
    """
    if not nullable:
        return
    with names_found_in(connection, feed.search_path):
        found = connection.execute(resolve.without_entity(feed, nullable))
    rows = found.fetchall()
    if rows:
        raise without_entity(feed, "; ".join(text for (text,) in rows))


def without_entity(feed: FeedDefinition, which: str | None = None) -> FeedError:
    """The error that says so.

    Args:
        which: keys of such documents, for the message.
    """
    named = f": {which}" if which else ""
    return FeedError(
        f"entity ({', '.join(feed.entity)}) is NULL in some document{named}",
        where=f"feed {feed.name}",
        hint="make the query leave out rows without an entity",
    )
