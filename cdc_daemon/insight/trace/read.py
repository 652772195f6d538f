"""Reads all facts about documents of one feed, in one snapshot that nobody waits for."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import IsolationLevel

from cdc_daemon.capture.catalogue import require_schema
from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.failed_entities import entity_id
from cdc_daemon.insight.daemons import SILENT_SECONDS, Daemons, read_daemons
from cdc_daemon.insight.trace.backlog import read_backlog
from cdc_daemon.insight.trace.deliveries import read_sinks
from cdc_daemon.insight.trace.documents import differences, keys_of_entity, read_stored, read_yielded
from cdc_daemon.insight.trace.facts import Facts, Yielded
from cdc_daemon.insight.trace.history import read_history
from cdc_daemon.insight.trace.state import FeedRow, read_feed
from cdc_daemon.insight.trace.subject import Subject
from cdc_daemon.insight.trace.unread import Unread, read_unread
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.workers.control import FailedEntity
from cdc_daemon.workers.migrations import require_current

QUERY_SECONDS = 5.0
"""Longest time of each statement of a question. It bounds the feed's query where the key has no index."""

LOCK_SECONDS = 1.0
"""Longest time that a question waits for a table that a transaction holds."""


@contextmanager
def short_waits(connection: Connection) -> Generator[None]:
    """Run the block with the limits of a session that asks questions. The session may do other work then.

    Args:
        connection: session in autocommit mode, outside of a transaction.

    Raises:
        InstallError: nothing is installed, or an earlier version installed what there is.
    """
    require_schema(connection)
    require_current(connection)
    usual = connection.execute(statement("session.waits")).fetchall()[0]
    short = (f"{QUERY_SECONDS * 1000:.0f}", f"{LOCK_SECONDS * 1000:.0f}")
    _limit(connection, short)
    try:
        yield
    finally:
        if not connection.closed:
            _limit(connection, usual)


def _limit(connection: Connection, limits: Sequence[str]) -> None:
    for name, value in zip(("statement_timeout", "lock_timeout"), limits, strict=True):
        connection.execute(statement("session.pin"), {"name": name, "value": value})


@contextmanager
def one_snapshot(connection: Connection) -> Generator[None]:
    """Run the block in one read-only snapshot.

    Args:
        connection: session in autocommit mode, outside of a transaction.
    """
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction():
            yield
    finally:
        connection.isolation_level = connection.read_only = None


def daemons_of(connection: Connection, settings: Settings) -> Daemons:
    """Return the daemons of the database, with the patience of this configuration."""
    deliveries = {name: feed.sinks for name, feed in settings.feeds.items()}
    silent_seconds = max(SILENT_SECONDS, 3 * settings.daemon.idle_poll_seconds)
    return read_daemons(connection, deliveries, silent_seconds=silent_seconds)


@dataclass(frozen=True)
class Reader:
    """Reads facts about documents of one feed.

    Args:
        connection: in the block of `one_snapshot`.
        daemons: the daemons of the database.
    """

    connection: Connection
    subject: Subject
    sinks: Sequence[str]
    daemons: Daemons

    def of_key(self, key: Sequence[str]) -> Facts:
        """Return the facts about one key.

        Args:
            key: values of the key columns, as text.

        Raises:
            FeedError: the feed is not installed.
            CdcError: a value is none of its column's type.
        """
        connection, feed = self.connection, self.subject.definition
        state = self._state()
        shown, stored = read_stored(connection, feed, key)
        yielded = Yielded(failed=self.subject.unplanned)
        if self.subject.plan is not None:
            spelled, yielded = read_yielded(connection, feed, key, stored)
            if stored is None and spelled:
                shown = spelled
        entity = yielded.entity or (stored.entity if stored else None)
        unread = Unread()
        if self.subject.plan is not None and state.cursor:
            unread = read_unread(connection, self.subject.plan, state.cursor, entity)
        return Facts(
            feed=feed.name,
            key=shown,
            asked_at=state.now,
            state=state.facts,
            entity=None if entity is None else dict(zip(feed.entity, entity, strict=True)),
            yielded=yielded,
            stored=stored,
            differences=()
            if yielded.failed
            else tuple(differences(feed, stored.document if stored else None, yielded.document)),
            waiting=unread.waiting,
            unread_unknown=unread.failed,
            backlog=read_backlog(connection, feed, entity, state.last_pass)
            if entity is not None and state.has_backlog
            else None,
            set_aside=self._set_aside(entity),
            sinks=tuple(read_sinks(connection, feed, self.sinks, key, shown, stored)),
            history=read_history(connection, feed.name, entity, stored),
        )

    def keys_of(self, entity: Sequence[str], *, limit: int) -> list[tuple[str, ...]]:
        """Return at most `limit` keys of an entity's documents, stored or yielded by the query."""
        return keys_of_entity(self.connection, self.subject.definition, entity, limit=limit)

    def _state(self) -> FeedRow:
        state = read_feed(self.connection, self.subject, self.daemons)
        if state is None:
            raise FeedError(
                "is not installed",
                where=f"feed {self.subject.definition.name}",
                hint="run `cdc-daemon install`",
            )
        return state

    def _set_aside(self, entity: Sequence[str] | None) -> FailedEntity | None:
        ids = [entity_id(()) if entity is None else entity_id(tuple(entity))]
        row = self.connection.execute(
            statement("trace.set_aside"), {"feed": self.subject.definition.name, "ids": ids}
        ).fetchone()
        return None if row is None else FailedEntity(*row)
