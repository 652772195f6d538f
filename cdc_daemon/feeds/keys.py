"""Counts keys of a query that are NULL or not unique, which would stop the feed."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.pg.search_path import find_names
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class BadKeys:
    """Counts of bad keys.

    Attributes:
        repeated: number of keys without a NULL that occur more than once.
        null: number of keys with a NULL.
        examples: up to three keys of both kinds, as JSON objects.
    """

    repeated: int
    null: int
    examples: tuple[str, ...]


def count_bad_keys(connection: Connection, feed: FeedDefinition) -> BadKeys:
    """Run the whole query once and count its bad keys."""
    query = statement(
        "feed.bad_keys",
        keys=columns(feed.key, of="q"),
        query=feed.query(with_parameters=False),
        groups=columns(feed.key, of="d"),
        any_null=sql.SQL(" OR ").join(
            sql.SQL("{} IS NOT DISTINCT FROM NULL").format(sql.Identifier("d", name)) for name in feed.key
        ),
    )
    with connection.transaction():
        find_names(connection, feed.search_path)
        ((repeated, null, examples),) = connection.execute(query).fetchall()
    return BadKeys(repeated, null, tuple(examples))
