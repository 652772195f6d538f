"""Finds other uses of the database that the daemon's objects or sessions could harm."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.errors import FeedError
from cdc_daemon.pg.binaries import OLDEST_MAJOR
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings

Concern = tuple[str, str, str]
"""Where, problem and remedy."""


_PUBLISHED = (
    "publishes {through}, so those of the daemon too: a subscriber without them stops at their first change "
    "and gets nothing any more"
)
_UNPUBLISH = (
    "before `install`, publish by name or by schema (FOR TABLES IN SCHEMA public); or make the tables at the "
    "subscriber after each install (pg_dump --schema-only --schema=cdc) and refresh its subscription"
)


_UNCHECKED = (
    "its encoding is SQL_ASCII: PostgreSQL takes any bytes for text, and no document can be made of bytes "
    "that are no UTF-8"
)
_RECODE = (
    "move to a database with ENCODING 'UTF8' (pg_dump --encoding=…, then pg_restore); until then such "
    "documents are set aside and named by `cdc-daemon failed`"
)


_UPGRADE = f"upgrade the server to PostgreSQL {OLDEST_MAJOR} or later"


def concerns(connection: Connection, settings: Settings) -> Iterator[Concern]:
    """Yield concerns that a person should know before an install. None of them prevents the daemon's work."""
    if connection.info.server_version < OLDEST_MAJOR * 10_000:
        version = connection.info.parameter_status("server_version")
        yield ("database", f"PostgreSQL {version} is not supported: cdc-daemon is not tested on it", _UPGRADE)
    for name, through in _publications(connection):
        yield (f"publication {name}", _PUBLISHED.format(through=through), _UNPUBLISH)
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        yield ("database", _UNCHECKED, _RECODE)
    yield from _sessions(connection, settings)


def _publications(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield publications that include the daemon's tables, with the clause that includes them."""
    yield from connection.execute(statement("coexistence.publications")).fetchall()
    if connection.info.server_version >= 150000:  # older servers publish no schema
        yield from connection.execute(statement("coexistence.publications_of_schema")).fetchall()


def _sessions(connection: Connection, settings: Settings) -> Iterator[Concern]:
    """Yield a concern if too few sessions are free. The session of this check counts as free."""
    wanted = settings.needed_sessions
    for limit, most, taken in connection.execute(statement("coexistence.sessions")):
        if wanted > most - taken:
            yield (
                "daemon.sessions",
                f"the daemon has up to {wanted} sessions; {limit} leaves {max(most - taken, 0)} of {most}",
                "raise that limit, or lower daemon.sessions; it works with fewer, and more slowly",
            )


def require_undistributed(connection: Connection, feed: str, relations: list[int]) -> None:
    """Check that none of these tables is distributed by Citus.

    Citus workers execute the writes, and they have neither schema cdc nor capture functions, so writes would
    fail.

    Raises:
        FeedError: a table is distributed.
    """
    row = connection.execute(statement("coexistence.has_citus")).fetchone()
    if not (row and row[0]):
        return
    found = connection.execute(statement("coexistence.distributed"), {"relations": relations}).fetchall()
    if found:
        raise FeedError(
            f"reads {', '.join(table for (table,) in found)}: distributed or reference tables of Citus, "
            "whose workers know nothing of schema cdc, so that writes would fail",
            where=f"feed {feed}",
            hint="feed from local tables, or make the table local again: SELECT undistribute_table(…)",
        )


def subscribed(connection: Connection, feed: str, relations: list[int]) -> Iterator[Concern]:
    """Yield a concern for each source table that a subscription fills, because its changes are not captured.

    Args:
        relations: oids of the feed's source tables.
    """
    rows = connection.execute(statement("coexistence.subscribed"), {"relations": relations})
    for table, subscription in rows.fetchall():
        yield (
            f"feed {feed}",
            f"subscription {subscription} fills {table}, and what replication applies is not captured",
            "run the daemon at the publisher, or resync the feed after each change that it brings",
        )
