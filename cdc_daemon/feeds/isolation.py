"""Recomputes entities so that a failing entity does not block the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import psycopg

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.error_cause import ErrorCause, cause_of, message_of
from cdc_daemon.feeds.failed_entities import FailedEntities, Named, SetAside
from cdc_daemon.feeds.hashed_documents import Entity, RemoteBatch
from cdc_daemon.feeds.recompute import Recompute, Recomputed
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

MANY_ALIKE = 100
"""Number of failures in a row with one SQLSTATE after which other entities are tried, to test the query."""

FIND_AGAIN_SECONDS = 60.0
"""Seconds before the daemon tries again to list unknown entities."""

ASKED = 20
"""Number of other entities to try, at random."""


_Done = TypeVar("_Done")


def in_two_tries(act: Callable[[bool], _Done]) -> _Done:
    """Execute a transaction. After an error of a row, repeat it with savepoints.

    Args:
        act: the transaction; it is told whether it is guarded (see `Isolation`).
    """
    try:
        return act(False)
    except psycopg.Error as error:
        if cause_of(error) is ErrorCause.NOT_A_ROW:
            raise
    return act(True)


@dataclass
class Isolation:
    """Recomputes the entities of one transaction of a feed.

    A failing statement undoes its transaction, and a savepoint for each statement would cost every pass. So a
    transaction begins without savepoints. After an error of a row it is repeated *guarded*: a failing batch
    is halved until the failing entities stand alone.

    Attributes:
        set_aside: entities that failed in this transaction.
        recovered: entities that were set aside before and have been computed now.
    """

    connection: Session
    recompute: Recompute
    failed: FailedEntities
    set_aside: list[SetAside] = field(default_factory=list[SetAside], init=False)
    recovered: list[Named] = field(default_factory=list[Named], init=False)
    guarded: bool = field(default=False, init=False)
    _any_failed: bool = field(default=False, init=False)
    # A hundred failures in a row may span several transactions.
    _alike: tuple[str | None, int] = field(default=(None, 0), init=False)

    def begin(self, *, guarded: bool, any_failed: bool) -> None:
        """Begin a transaction.

        Args:
            guarded: whether to halve a batch that fails.
            any_failed: whether some entity of the feed is set aside.
        """
        self.guarded = guarded
        self._any_failed = any_failed
        self.set_aside, self.recovered = [], []

    def divide(self, entities: Sequence[Entity]) -> tuple[list[Entity], list[Entity]]:
        """Split entities into those to compute together, and those that are set aside."""
        known = self.failed.among(entities) if self._any_failed and entities else set[Entity]()
        return [entity for entity in entities if entity not in known], [*known]

    def batch(
        self,
        entities: Sequence[Entity],
        *,
        captured_at: datetime,
        force: bool = False,
        remote: RemoteBatch | None = None,
    ) -> Recomputed:
        """Recompute entities that are not set aside (see `Recompute`).

        Raises:
            psycopg.Error: an error of a row; the caller must repeat the transaction, guarded.
            FeedError: the query fails, and not because of an entity's rows.
        """
        if not entities:
            return Recomputed()
        if self.guarded:
            return self._by_index(entities, captured_at, force=force, known=False)
        return self._compute(entities, captured_at, force=force, remote=remote)

    def batches(self, entities: Sequence[Entity], size: int, *, captured_at: datetime | None) -> Recomputed:
        """Recompute entities in batches of this size; those that are set aside apart.

        Args:
            captured_at: when the oldest change of them was captured; None if nobody knows: now.
        """
        done = Recomputed()
        moment = captured_at or datetime.now(UTC)
        fresh, failed = self.divide(entities)
        for start in range(0, len(fresh), size):
            done += self.batch(fresh[start : start + size], captured_at=moment)
        for start in range(0, len(failed), size):
            done += self.retry(failed[start : start + size], captured_at=moment)
        return done

    def retry(self, entities: Sequence[Entity], *, captured_at: datetime, force: bool = False) -> Recomputed:
        """Recompute entities that are set aside."""
        return self._by_index(entities, captured_at, force=force, known=True) if entities else Recomputed()

    def miss_entities(self, error: psycopg.Error) -> None:
        """Record that some entities of a change, or of the query, are unknown."""
        self.set_aside.append(
            self.failed.add(
                None, status=error.sqlstate, reason=message_of(error), retry_seconds=FIND_AGAIN_SECONDS
            )
        )
        self._any_failed = True

    def find_entities(self) -> bool:
        """Record that all entities are known again. Return whether some were unknown."""
        return self._any_failed and self.failed.remove_unknown()

    def _compute(
        self,
        entities: Sequence[Entity],
        captured_at: datetime,
        *,
        force: bool,
        all_fields: bool = False,
        remote: RemoteBatch | None = None,
        met: list[Entity] | None = None,
        by_index: bool = False,
    ) -> Recomputed:
        met = [] if met is None else met
        done = self.recompute(
            self.connection,
            entities,
            captured_at=captured_at,
            force=force,
            all_fields=all_fields,
            remote=remote,
            met=met,
            by_index=by_index,
        )
        self._alike = (None, 0)
        large = dict(done.too_large)
        if self._any_failed:
            self.recovered += self.failed.remove([each for each in [*entities, *met] if each not in large])
        for entity, size in large.items():
            self._set_aside_large(entity, size)
        return done

    def _set_aside_large(self, entity: Entity, size: int) -> None:
        most = self.recompute.feed.max_document_bytes
        reason = f"a document of {size:,} bytes is larger than max_document_bytes = {most:,}"
        self.set_aside.append(self.failed.add(entity, status=None, reason=reason))
        self._any_failed = True

    def _by_index(
        self, entities: Sequence[Entity], captured_at: datetime, *, force: bool, known: bool
    ) -> Recomputed:
        """Halve a batch, with rows looked up by an index if there is one.

        The planner reads every row of a small table, and it may evaluate a condition that fails for one row
        before the condition that excludes that row. Each entity would then be blamed for it.
        """
        off = {"name": "enable_seqscan", "value": "off"}
        self.connection.execute(statement("session.pin_for_transaction"), off)
        done = self._halve(entities, captured_at, force=force, known=known)
        self.connection.execute(statement("session.pin_for_transaction"), {**off, "value": "on"})
        return done

    def _halve(
        self, entities: Sequence[Entity], captured_at: datetime, *, force: bool, known: bool
    ) -> Recomputed:
        met: list[Entity] = []
        try:
            with self.connection.transaction():
                return self._compute(entities, captured_at, force=force, met=met, by_index=True)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
            if len(entities) == 1:
                return self._alone(entities[0], error, captured_at, force=force, known=known, met=met)
        middle = len(entities) // 2
        return self._halve(entities[:middle], captured_at, force=force, known=known) + self._halve(
            entities[middle:], captured_at, force=force, known=known
        )

    def _alone(
        self,
        entity: Entity,
        error: psycopg.Error,
        captured_at: datetime,
        *,
        force: bool,
        known: bool,
        met: Sequence[Entity],
    ) -> Recomputed:
        if isinstance(error, psycopg.errors.StatementTooComplex):
            # The cause may be the comparison of a deeply nested document with the stored one, not the query.
            try:
                with self.connection.transaction():
                    return self._compute([entity], captured_at, force=force, all_fields=True, by_index=True)
            except psycopg.Error as again:
                if cause_of(again) is ErrorCause.NOT_A_ROW:
                    raise
        # An entity that is stored with a key of this one is recomputed together with it, and may be the
        # cause.
        causes = [each for each in met if not self._can_be_computed(each, captured_at)]
        if not known:
            self._suspect_the_query(error, captured_at)
        self._set_aside(entity, error, waits_for=causes[0] if causes else None)
        return Recomputed(1)

    def _can_be_computed(self, entity: Entity, captured_at: datetime) -> bool:
        try:
            with self.connection.transaction():
                self._compute([entity], captured_at, force=False, by_index=True)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
            self._set_aside(entity, error, waits_for=None)
            return False
        return True

    def _set_aside(self, entity: Entity, error: psycopg.Error, *, waits_for: Entity | None) -> None:
        self.set_aside.append(
            self.failed.add(entity, status=error.sqlstate, reason=message_of(error), waits_for=waits_for)
        )
        self._any_failed = True

    def _suspect_the_query(self, error: psycopg.Error, captured_at: datetime) -> None:
        """Check that the query works for other entities, if the error may be a fault of the query.

        Raises:
            FeedError: the query works for none of them.
        """
        status, count = self._alike
        self._alike = (error.sqlstate, count + 1 if status == error.sqlstate else 1)
        if self._alike[1] < MANY_ALIKE and cause_of(error) is ErrorCause.ROW:
            return
        for other in self.failed.others(limit=ASKED):
            try:
                with self.connection.transaction():
                    if self._compute([other], captured_at, force=False, by_index=True).documents:
                        return
            except psycopg.Error as fault:
                if cause_of(fault) is ErrorCause.NOT_A_ROW:
                    raise
        raise FeedError(
            f"the query fails for every entity that was tried: {message_of(error)} "
            f"(SQLSTATE {error.sqlstate})",
            where=f"feed {self.recompute.feed.name}",
            hint="correct the query, or what it reads for every document",
        )
