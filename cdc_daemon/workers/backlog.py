"""The backlog: entities that wait for recomputation, so that fresh changes need not wait behind them.

All of this runs inside a transaction of `FeedSync`, which holds the feed's state row.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import psycopg

from cdc_daemon.feeds import resolve, state
from cdc_daemon.feeds.counts import counts_after
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.entities import without_entity
from cdc_daemon.feeds.hashed_documents import BatchPart, ComputeRemotely, Entity, RemoteBatch
from cdc_daemon.feeds.isolation import Isolation
from cdc_daemon.feeds.recompute import Recomputed
from cdc_daemon.feeds.resolve import Entities
from cdc_daemon.feeds.state import FeedState
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import SIGN_OF_LIFE_SECONDS, Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.helper_sessions import HelperSessionLost, HelperSessions
from cdc_daemon.workers.lease import this_process
from cdc_daemon.workers.left_out import empty, next_span
from cdc_daemon.workers.pass_history import record
from cdc_daemon.workers.passes import Delta, Pass, ResyncUnderWay

ASKED_FOR = "asked for"
"""The reason of a resync that a person requested. Only such a resync can be paused or cancelled."""

AIM_SECONDS = 0.2
"""Target duration of a chunk in seconds: fresh changes wait no longer than this."""

FEWEST_SHARED = 20
"""Smallest number of entities for which a helper session is worthwhile."""

OWN_SHARE, LAST_SHARE = 0.45, 0.15
"""Fractions of a chunk: the part of the feed's own session, and the helper session's last part.

The helper computes its last part while the feed's session writes the helper's first part.
"""


@dataclass(frozen=True)
class Added:
    """Entities that were put into the backlog.

    Attributes:
        request: number of the request (cdc.resync.id); 0 if there were no entities.
        last: position of the last entity.
    """

    request: int = 0
    entities: int = 0
    last: int = 0


class Backlog:
    """One feed's backlog: entities that wait for recomputation.

    Args:
        helpers: helper sessions.
        batch_entities: size of the first chunk. The size of later chunks follows the duration of the last
            one.
        history: whether the history of documents keeps the chunks.
    """

    def __init__(
        self,
        connection: Session,
        feed: FeedDefinition,
        isolation: Isolation,
        helpers: HelperSessions | None,
        *,
        batch_entities: int,
        history: bool = False,
    ) -> None:
        self._connection = connection
        self._history = history
        self._feed = feed
        self._isolation = isolation
        self._compute_remotely = ComputeRemotely(feed)
        self._helpers = helpers
        self._chunk_entities = batch_entities
        self._most_entities = 5 * batch_entities

    def finished_resyncs(self) -> list[tuple[int, int, str, float]]:
        """Mark finished requests. Return (id, entities, reason, seconds) of each."""
        rows = self._connection.execute(
            statement("feed_state.finish_resyncs"), {"feed": self._feed.name}
        ).fetchall()
        return [(number, entities, reason, seconds) for number, entities, reason, seconds in rows]

    def unfinished_resyncs(self) -> list[ResyncUnderWay]:
        """Return how far each unfinished request is, the oldest first."""
        rows = self._connection.execute(
            statement("feed_state.unfinished_resyncs"), {"feed": self._feed.name}
        ).fetchall()
        return [ResyncUnderWay(*row) for row in rows]

    def add(
        self,
        affected: Entities,
        parameters: Mapping[str, object],
        *,
        reason: str,
        force: bool = False,
        keep_nulls: bool,
    ) -> Added:
        """Append entities.

        Args:
            affected: a SELECT of the entities, with these parameters.
            force: whether to give every document a new revision, changed or not.
            keep_nulls: whether a NULL entity raises, because the query itself returns it.

        Raises:
            FeedError: a document has no entity.
        """
        try:
            with names_found_in(self._connection, affected.search_path):
                done = self._connection.execute(
                    resolve.add_to_backlog(self._feed, affected, keep_nulls=keep_nulls),
                    {**parameters, "force": force},
                )
            row = done.fetchone()
        except psycopg.errors.NotNullViolation as error:
            if error.diag.schema_name != own_schema.name():
                raise  # the error is of a domain in the query
            raise without_entity(self._feed) from error
        count, first, last = row or (0, 0, 0)
        if not count:
            return Added()
        request = self._connection.execute(
            statement("feed_state.add_resync"),
            {
                "feed": self._feed.name,
                "reason": reason,
                "force": force,
                "entities": count,
                "first": first,
                "last": last,
            },
        ).fetchone()
        return Added(request[0] if request else 0, count, last)

    def recompute_chunk(self, locked: FeedState) -> Pass:
        """Recompute the next entities. Empty the backlog after the last one."""
        started = time.monotonic()
        span = next_span(self._connection, self._feed.name, locked.backlog_position)
        rows = self._connection.execute(
            resolve.next_of_backlog(self._feed, limit=self._chunk_entities),
            {"after": span.after, "before": span.before},
        ).fetchall()
        now = datetime.now(UTC)
        done = Recomputed()
        every: list[Entity] = []
        for force in (False, True):
            entities = list(dict.fromkeys(tuple(row[2:]) for row in rows if row[1] is force))
            every += entities
            fresh, failed = self._isolation.divide(entities)
            done += self._recompute_shared(fresh, captured_at=now, force=force)
            done += self._isolation.retry(failed, captured_at=now, force=force)
        end = len(rows) < self._chunk_entities
        position = min(locked.backlog_end, span.before - 1) if end else rows[-1][0]
        chunk = Pass(
            "backlog",
            Delta(),
            done.entities,
            done,
            time.monotonic() - started,
            set_aside=self._isolation.set_aside,
            recovered=self._isolation.recovered,
            number=locked.pass_number,
        )
        state.drained(
            self._connection,
            self._feed.name,
            position=position,
            revision=done.revision,
            process=this_process(),
            counts=counts_after(self._connection, self._feed, locked, done),
            last_pass=chunk.fields(),
            history=record(
                self._feed.name,
                chunk,
                every,
                after_revision=locked.revision,
                positions=(span.after, position),
            )
            if self._history
            else None,
        )
        if position >= locked.backlog_end:
            empty(self._connection, self._feed.name, self._feed.backlog)
        self._adapt(chunk.seconds)
        return chunk

    def _recompute_shared(
        self, entities: Sequence[Entity], *, captured_at: datetime, force: bool
    ) -> Recomputed:
        """Recompute these entities, while a helper session computes the documents of a part of them.

        Both sessions read the same snapshot, so together they are one recomputation. Only this session
        writes.
        """
        first = max(1, int(len(entities) * OWN_SHARE))
        last = len(entities) - int(len(entities) * LAST_SHARE)
        parts = [BatchPart(each) for each in (entities[first:last], entities[last:]) if each]
        few = len(entities) < FEWEST_SHARED
        # This session halves a failing batch alone: a helper computes a part only as a whole.
        if few or self._isolation.guarded or not self._start_remotely(parts, force=force):
            return self._isolation.batch(entities, captured_at=captured_at, force=force)
        done = self._isolation.batch(entities[:first], captured_at=captured_at, force=force)
        for part in parts:
            done += self._isolation.batch(
                part.entities,
                captured_at=captured_at,
                force=force,
                remote=self._await(part.made),
            )
        return done

    def _await(self, made: Future[RemoteBatch]) -> RemoteBatch | None:
        while True:
            try:
                return made.result(SIGN_OF_LIFE_SECONDS)
            except TimeoutError:
                self._connection.execute(statement("session.sign_of_life"))
            except HelperSessionLost:
                return None  # reported where it was lost

    def _start_remotely(self, parts: Sequence[BatchPart], *, force: bool) -> bool:
        if self._helpers is None:
            return False
        row = self._connection.execute(statement("session.export_snapshot")).fetchone()
        snapshot = row[0] if row else ""
        work = partial(self._compute_remotely, parts=parts, snapshot=snapshot, force=force)
        session = self._helpers.start(work)
        if session is None:
            return False
        for part in parts:
            session.add_done_callback(part.end)
        return True

    def _adapt(self, seconds: float) -> None:
        factor = min(2.0, max(0.5, AIM_SECONDS / max(seconds, 0.001)))
        self._chunk_entities = max(50, min(int(self._chunk_entities * factor), self._most_entities))
