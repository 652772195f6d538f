"""The sync of a feed: passes over changes, and chunks of the backlog.

Promised, and tested: every feed row equals the query at the feed's cursor snapshot or a later one; that
snapshot never goes back; every commit is covered within one pass of becoming visible.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import psycopg
from psycopg import IsolationLevel

from cdc_daemon.capture.source import Source
from cdc_daemon.capture.writers import Writers, await_old_writers
from cdc_daemon.errors import DefinitionDiffers
from cdc_daemon.feeds import resolve, state
from cdc_daemon.feeds.counts import counts_after
from cdc_daemon.feeds.failed_entities import FailedEntities, SetAside
from cdc_daemon.feeds.hashed_documents import Entity, entity_arrays
from cdc_daemon.feeds.isolation import Isolation, in_two_tries
from cdc_daemon.feeds.recompute import Recompute, Recomputed
from cdc_daemon.feeds.renamed import remember_renamed
from cdc_daemon.feeds.state import FeedState
from cdc_daemon.feeds.stored import StoredDocuments
from cdc_daemon.pg.arrays import take_arrays
from cdc_daemon.pg.session import Connection, Session, plan_once
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.affected_entities import AffectedEntities
from cdc_daemon.workers.audit import Act
from cdc_daemon.workers.backlog import Added, Backlog
from cdc_daemon.workers.every_entity import FOUND_OUT, EveryEntity
from cdc_daemon.workers.feed_snapshot import FeedSnapshot
from cdc_daemon.workers.helper_sessions import HelperSessions
from cdc_daemon.workers.incarnation_check import IncarnationCheck
from cdc_daemon.workers.lease import this_process
from cdc_daemon.workers.pace import Pace
from cdc_daemon.workers.pass_history import record
from cdc_daemon.workers.passes import Delta, Due, Pass
from cdc_daemon.workers.plan_check import PlanCheck
from cdc_daemon.workers.planning import FeedPlan
from cdc_daemon.workers.unread import Unread
from cdc_daemon.workers.witness import Witness

# Errors that pass by themselves within moments. People need not know of them.
PASSING = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
)


def for_sync(connection: Connection) -> Connection:
    """Prepare a session for the transactions of `FeedSync`."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    plan_once(connection)
    take_arrays(connection)
    return connection


class FeedSync:
    """The transactions that write one feed.

    Args:
        connection: session in autocommit mode, prepared by `for_sync`.
        sources: the plan's source tables as they are captured.
        batch_entities: number of entities that one statement recomputes.
        max_pass_entities: largest number of entities of a pass.
        helpers: helper sessions for the backlog.
        witness: the witness of the feed's last revision.
        history: whether the history of documents keeps the passes and what they change.
    """

    def __init__(
        self,
        connection: Session,
        plan: FeedPlan,
        sources: Sequence[Source],
        *,
        batch_entities: int,
        max_pass_entities: int,
        helpers: HelperSessions | None = None,
        witness: Witness | None = None,
        history: bool = True,
    ) -> None:
        self._connection = connection
        self._keeps_history = history
        self._feed = plan.definition
        self._incarnation = IncarnationCheck(connection, plan.definition, witness or Witness(None))
        self._check_plan = PlanCheck(connection, plan)
        sources = [source for source in sources if source.table in plan.columns]
        self._snapshot = FeedSnapshot(connection, sources, self._incarnation)
        self._sources = {source.table: source for source in sources}
        self._failed = FailedEntities(connection, plan.definition)
        self._isolation = Isolation(connection, Recompute(plan.definition, history=history), self._failed)
        self._batch_entities = batch_entities
        self._pace = Pace(max_pass_entities)
        self._backlog = Backlog(
            connection, self._feed, self._isolation, helpers, batch_entities=batch_entities, history=history
        )
        by_name = {str(table): source for table, source in self._sources.items()}
        self._every = EveryEntity(connection, plan, by_name, self._backlog, self._isolation)
        self._affected = AffectedEntities(
            connection,
            plan,
            by_name,
            self._backlog,
            self._every,
            self._isolation,
            max_pass_entities=max_pass_entities,
        )
        self._unread = Unread(connection, plan, self._sources, batch_entities=batch_entities, history=history)

    def run_pass(self) -> Pass | None:
        """Bring the feed to a new snapshot.

        Returns:
            None if another daemon works on the feed or the feed has no cursor yet (see `begin`).

        Raises:
            DefinitionDiffers: the feed must be planned and installed anew. The cursor has not moved.
            FeedError: a key is NULL or not unique.
        """
        return in_two_tries(self._run_pass)

    def _run_pass(self, guarded: bool) -> Pass | None:
        started = time.monotonic()
        with self._snapshot.open() as (until, locked):
            if locked is None or locked.cursor is None:
                return None
            self._check(locked)
            self._isolation.begin(guarded=guarded, any_failed=locked.any_failed)
            found, due = self._unread.delta(locked.cursor), self._unread.due()
            if not found.entries and not due.entities and not locked.failed_due:
                if locked.cursor_is_old or not locked.counted:
                    state.advance(
                        self._connection,
                        self._feed.name,
                        cursor=until,
                        process=this_process(),
                        counts=counts_after(self._connection, self._feed, locked),
                    )
                return Pass("fresh", found, 0, Recomputed(), time.monotonic() - started)
            return self._follow(found, due, locked, until, started)

    def _follow(self, found: Delta, due: Due, locked: FeedState, until: str, started: float) -> Pass:
        since = locked.cursor or ""
        entities, deferred = self._affected.divide(
            found, since, most=self._pace.most_entities(locked.backlog_entities)
        )
        touched = frozenset(entities)
        rest = [entity for entity in due.entities if entity not in touched]
        recomputing = time.monotonic()
        recomputed = self._isolation.batches(entities, self._batch_entities, captured_at=found.captured_at)
        recomputed += self._isolation.batches(rest, self._batch_entities, captured_at=due.since)
        self._remember_pace(len(touched) + len(rest), time.monotonic() - recomputing)
        retried, found_again = self._retry_failed() if locked.failed_due else (Recomputed(), Added())
        done = Pass(
            "fresh",
            found,
            len(touched) + len(rest) + retried.entities,
            recomputed + retried,
            time.monotonic() - started,
            deferred.added.entities + found_again.entities,
            deferred.reason or (FOUND_OUT if found_again.entities else None),
            due,
            self._isolation.set_aside,
            self._isolation.recovered,
            number=locked.pass_number,
        )
        self._incarnation.reach(done.recomputed.revision)
        state.advance(
            self._connection,
            self._feed.name,
            cursor=until,
            process=this_process(),
            counts=counts_after(self._connection, self._feed, locked, done.recomputed),
            revision=done.recomputed.revision,
            backlog_end=max(deferred.added.last, found_again.last),
            last_pass=done.fields(),
            history=record(
                self._feed.name,
                done,
                [*entities, *rest],
                after_revision=locked.revision,
                requested=deferred.added.request or found_again.request,
            )
            if self._keeps_history
            else None,
        )
        return done

    def begin(self, *, pause: Callable[[float], bool], waiting: Callable[[Writers], None]) -> int | None:
        """Take a first cursor. All entities go to the backlog.

        Args:
            pause, waiting: see `await_old_writers`.

        Returns:
            The number of entities; None if another daemon took the cursor or `pause` gave up.

        Raises:
            DefinitionDiffers: the catalogue has changed since the feed was planned.
        """
        # A row that another daemon holds looks like one without a cursor. If the feed has a cursor, don't
        # wait for writers, which may be open for hours.
        if self._has_cursor():
            return None

        def given_up(seconds: float) -> bool:
            return pause(seconds) or self._has_cursor()

        relations = [source.relation for source in self._sources.values()]
        if not await_old_writers(self._connection, relations, pause=given_up, waiting=waiting):
            return None
        return in_two_tries(self._begin)

    def _begin(self, guarded: bool) -> int | None:
        with self._snapshot.open(keep_entries=True) as (until, locked):
            if locked is None or locked.cursor is not None:
                return None
            self._isolation.begin(guarded=guarded, any_failed=locked.any_failed)
            self._check_plan.require_installed(locked)
            fingerprint = self._check_plan.confirmed()
            restored = self._incarnation.is_restored(locked)
            renamed = remember_renamed(self._connection, self._feed)
            if restored or renamed:
                # Receivers hold documents of lost changes, or under a former key, without a delete for them.
                self._connection.execute(statement("sink_state.want_snapshots"), {"feed": self._feed.name})
            if restored:
                self._incarnation.restart_revisions(locked)
            self._every.require()
            added = self._every.put(
                reason="incarnation changed"
                if restored
                else "first sync"
                if not locked.synced
                else "keys renamed"
                if renamed
                else "definition changed",
                force=restored,
            )
            state.begin(
                self._connection,
                self._feed.name,
                cursor=until,
                fingerprint=fingerprint,
                parts=self._check_plan.parts(),
                incarnation=str(self._incarnation.current),
                backlog_end=added.last,
                revision=self._incarnation.revision,
                process=this_process(),
            )
        return added.entities

    def drain(self) -> Pass | None:
        """Recompute a chunk of the backlog; None if it is empty or another daemon works on the feed.

        The size of a chunk follows the duration of the last one, so that fresh changes never wait long.
        """
        return in_two_tries(self._drain)

    def _drain(self, guarded: bool) -> Pass | None:
        with self._snapshot.open() as (_, locked):
            if locked is None or locked.cursor is None or not locked.has_backlog:
                return None
            self._check(locked)
            self._isolation.begin(guarded=guarded, any_failed=locked.any_failed)
            chunk = self._backlog.recompute_chunk(locked)
            self._incarnation.reach(chunk.recomputed.revision)
        self._remember_pace(chunk.entities, chunk.seconds)
        return chunk

    def request(
        self, where: dict[str, str], *, reason: str, force: bool, act: Act | None = None
    ) -> tuple[int, int] | None:
        """Put entities into the backlog: all, or those whose documents have these values.

        Args:
            act: the act of a person that asks for it; it is recorded.

        Returns:
            The number of the request (cdc.resync.id; 0 if there is nothing to do), and its number of
            entities; None if another daemon works on the feed now, or if the feed has no cursor yet.
        """
        return in_two_tries(lambda guarded: self._request(where, reason, force, act, guarded=guarded))

    def _request(
        self,
        where: dict[str, str],
        reason: str,
        force: bool,
        act: Act | None,
        *,
        guarded: bool,
    ) -> tuple[int, int] | None:
        with self._snapshot.open() as (_, locked):
            if locked is None or locked.cursor is None:
                return None
            self._check(locked)
            self._isolation.begin(guarded=guarded, any_failed=locked.any_failed)
            if where:
                added = self._every.put_some(where, reason=reason, force=force)
            else:
                self._every.require()
                added = self._every.put(reason=reason, force=force)
            self._connection.execute(
                statement("feed_state.queue"), {"feed": self._feed.name, "backlog_end": added.last}
            )
            if act is not None:
                act.record(self._connection, f"{added.entities} entities")
        return added.request, added.entities

    def request_some(self, entities: Sequence[Entity], *, reason: str, force: bool) -> int | None:
        """Put these entities into the backlog.

        Returns:
            The number of the request (cdc.resync.id); None if another daemon works on the feed now, or if the
            feed has no cursor yet.
        """
        with self._snapshot.open() as (_, locked):
            if locked is None or locked.cursor is None:
                return None
            self._check(locked)
            added = self._backlog.add(
                resolve.given(self._feed),
                entity_arrays(self._feed, entities),
                reason=reason,
                force=force,
                keep_nulls=True,
            )
            self._connection.execute(
                statement("feed_state.queue"), {"feed": self._feed.name, "backlog_end": added.last}
            )
        return added.request

    def renew(self, keys: Sequence[str]) -> int | None:
        """Give the documents with these keys (JSON objects) new revisions. Every sink gets them again.

        A key without a stored document gets a tombstone.

        Returns:
            The number of documents; None if another daemon works on the feed now, or if the feed has no
            cursor yet.
        """
        with self._snapshot.open() as (_, locked):
            if locked is None or locked.cursor is None:
                return None
            self._check(locked)
            count, revision = StoredDocuments(self._feed).renew(self._connection, keys)
            self._incarnation.reach(revision)
        return count

    @property
    def backlog(self) -> Backlog:
        """The feed's backlog, and what people asked for."""
        return self._backlog

    @property
    def set_aside(self) -> Sequence[SetAside]:
        """Return the entities that failed in the last transaction."""
        return self._isolation.set_aside

    def tolerate(self) -> None:
        """Go on with this plan although the catalogue changed: the changed tables can't be captured yet.

        The feed follows the captured tables as before. The resync after the next plan finds the other
        changes.
        """
        self._check_plan.tolerate()

    def _has_cursor(self) -> bool:
        row = self._connection.execute(
            statement("feed_state.has_cursor"), {"feed": self._feed.name}
        ).fetchone()
        if row is None:
            raise DefinitionDiffers("is not stored any more")
        return bool(row[0])

    def _check(self, locked: FeedState) -> None:
        self._check_plan.require_installed(locked)
        self._incarnation.require_same(locked)
        self._check_plan.require_unchanged(locked)

    def _remember_pace(self, entities: int, seconds: float) -> None:
        if not self._isolation.set_aside:  # a failed entity takes many tries
            self._pace.remember(entities, seconds)

    def _retry_failed(self) -> tuple[Recomputed, Added]:
        """Try due entities that are set aside, and try to list unknown entities."""
        due = self._failed.due(limit=self._batch_entities)
        entities = [each for each in due if each is not None]
        done = self._isolation.retry(entities, captured_at=datetime.now(UTC))
        return done, self._every.find_again() if None in due else Added()
