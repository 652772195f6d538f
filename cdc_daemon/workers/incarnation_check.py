"""Whether the database of a feed is the one of its cursor, and has every revision that it had."""

from __future__ import annotations

from dataclasses import replace

from psycopg import sql

from cdc_daemon.errors import DefinitionDiffers
from cdc_daemon.feeds import state
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.incarnation import Incarnation, readable_parts
from cdc_daemon.feeds.state import FeedState
from cdc_daemon.log import get_logger
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.witness import Witness

log = get_logger()


class IncarnationCheck:
    """Checks the incarnation of one feed's database in each transaction, and keeps the witness.

    Attributes:
        current: the incarnation that the last transaction read.
        revision: the feed's last revision.
    """

    def __init__(self, connection: Session, feed: FeedDefinition, witness: Witness) -> None:
        self._connection = connection
        self._feed = feed
        self._witness = witness
        self._readable_parts = readable_parts(connection)
        self.current = Incarnation()
        self.revision = 0

    def lock(self) -> tuple[str, FeedState | None]:
        """Take the snapshot, lock the feed's row and read the incarnation.

        Returns:
            The snapshot, and the row; None if another daemon has locked it.
        """
        until, incarnation = state.snapshot_and_incarnation(self._connection, self._readable_parts)
        locked = state.lock(self._connection, self._feed.name)
        if locked is not None:
            self.current = replace(incarnation, table=locked.table)
            self.revision = locked.revision
        return until, locked

    def reach(self, revision: int) -> None:
        """Take note of a revision that this transaction gave."""
        self.revision = max(self.revision, revision)

    def note(self) -> None:
        """Note the last revision in the witness. Call it after the commit: the database has every note."""
        self._witness.note(self.current, self._feed.name, self.revision)

    def require_same(self, locked: FeedState) -> None:
        """Check that the database is the one of the cursor.

        Raises:
            DefinitionDiffers: it was restored, copied or promoted, or it lost revisions.
        """
        stored = locked.incarnation or ""
        difference = self.current.difference(stored)
        if self._is_behind(locked):
            raise DefinitionDiffers("the database is another incarnation: it is behind what was delivered")
        if difference == "none":
            return
        if (
            difference == "timeline"
            and self._witness.vouches(self.current, self._feed.name, stored, locked.revision)
            and self._witness.is_alone(self._connection)
        ):
            # A failover that lost nothing: the new primary has everything that receivers have.
            self._connection.execute(
                statement("incarnation.adopt"), {"feed": self._feed.name, "incarnation": str(self.current)}
            )
            log.info("incarnation_continued", feed=self._feed.name, incarnation=str(self.current))
            return
        raise DefinitionDiffers("the database is another incarnation: restored, copied or promoted")

    def is_restored(self, locked: FeedState) -> bool:
        """Whether a feed without a cursor was delivered from another incarnation, or from a later state."""
        return locked.incarnation is not None and (
            self.current.difference(locked.incarnation) != "none" or self._is_behind(locked)
        )

    def restart_revisions(self, locked: FeedState) -> None:
        """Let revisions begin above every one that a receiver may have, and give tombstones new ones."""
        seen = self._witness.seen(self.current.identity, self._feed.name)
        name = sql.Literal(f"{own_schema.name()}.{sql.Identifier(self._feed.revision).as_string()}")
        row = self._connection.execute(
            statement("sync.restart_revisions", revision=name, sequence=sql.Identifier(self._feed.revision)),
            {"above": max(locked.revision, seen.revision if seen else 0)},
        ).fetchone()
        self.revision = int(row[0]) if row else locked.revision
        self._connection.execute(
            statement("sync.renew_tombstones", revision=name, feed=sql.Identifier(self._feed.table))
        )
        former = Incarnation.read(locked.incarnation or "")
        if self.current.is_upgrade_of(former):
            # After a return to the old cluster, its database is behind this note. (If this transaction
            # fails, such a return costs an unneeded full snapshot.)
            self._witness.note(former, self._feed.name, self.revision)

    def _is_behind(self, locked: FeedState) -> bool:
        """Whether the database lacks a revision that was committed there before."""
        seen = self._witness.seen(self.current.identity, self._feed.name)
        return seen is not None and locked.revision < seen.revision
