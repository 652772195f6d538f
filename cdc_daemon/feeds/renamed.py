"""Keys that are spelled otherwise than when they were delivered: receivers have to delete the former ones."""

from __future__ import annotations

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

_COMMA = sql.SQL(", ")


def remember_renamed(connection: Session, feed: FeedDefinition) -> bool:
    """Keep the former spelling of each such key for every sink, until its delete was delivered.

    `ALTER TYPE … RENAME VALUE` gives a stored key another text, and nothing else of the row changes. The
    stored document, which was made before, has the former text.

    Args:
        connection: inside the transaction that queues every entity.

    Returns:
        Whether there are any; then every sink needs a full snapshot.
    """
    if all(feed.is_built_in(name) for name in feed.key) or not {*feed.key} <= {*feed.fields}:
        return False
    former = [
        sql.SQL("d.document OPERATOR(pg_catalog.->) {} AS {}").format(sql.Literal(name), sql.Identifier(name))
        for name in feed.key
    ]
    query = statement(
        "feed.remember_renamed",
        key_object=sql.SQL("(SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {}) AS k)").format(
            columns(feed.key, of="s")
        ),
        feed=sql.Identifier(feed.table),
        former=_COMMA.join(former),
    )
    row = connection.execute(query, {"name": feed.name}).fetchone()
    return bool(row and row[0])
