"""The sync of a feed: passes over changes, and chunks of the backlog.

Promised, and tested: every feed row equals the query at the feed's cursor snapshot or a later one; that
snapshot never goes back; every commit is covered within one pass of becoming visible.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import psycopg
from psycopg import IsolationLevel, sql

from cdc_daemon.capture.causes import Cause
from cdc_daemon.capture.delta import summary
from cdc_daemon.capture.fingerprint import Fingerprint, what_changed
from cdc_daemon.capture.source import Source
from cdc_daemon.capture.writers import Writers, await_old_writers
from cdc_daemon.errors import CdcError, FeedError
from cdc_daemon.feeds import resolve, state
from cdc_daemon.feeds.counts import counts_after
from cdc_daemon.feeds.error_cause import ErrorCause, cause_of
from cdc_daemon.feeds.failed_entities import FailedEntities, SetAside
from cdc_daemon.feeds.hashed_documents import Entity, entity_arrays
from cdc_daemon.feeds.incarnation import Incarnation, readable_parts
from cdc_daemon.feeds.isolation import Isolation
from cdc_daemon.feeds.recompute import Recompute, Recomputed
from cdc_daemon.feeds.renamed import remember_renamed
from cdc_daemon.feeds.state import FeedState
from cdc_daemon.feeds.stored import StoredDocuments
from cdc_daemon.log import get_logger
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.arrays import take_arrays
from cdc_daemon.pg.session import Connection, Session, plan_once
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.affected_entities import AffectedEntities
from cdc_daemon.workers.audit import Act
from cdc_daemon.workers.backlog import Added, Backlog
from cdc_daemon.workers.every_entity import FOUND_OUT, EveryEntity
from cdc_daemon.workers.helper_sessions import HelperSessions
from cdc_daemon.workers.lease import THIS_PROCESS
from cdc_daemon.workers.pass_history import record
from cdc_daemon.workers.passes import Delta, Due, Pass, ResyncUnderWay
from cdc_daemon.workers.planning import FeedPlan
from cdc_daemon.workers.witness import Witness

# Errors that pass by themselves within moments. People need not know of them.
PASSING = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
)

_Done = TypeVar("_Done")

PASS_SECONDS = 0.5
"""Longest time of a pass in seconds.

Larger changes go to the backlog, whose chunks let fresh changes through.
"""

FEWEST_TIMED, FEWEST_TOO_MANY = 20, 100
"""Smallest sample to estimate the time for each entity; smallest number of entities to defer."""


log = get_logger()


def for_sync(connection: Connection) -> Connection:
    """Prepare a session for the transactions of `FeedSync`."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    plan_once(connection)
    take_arrays(connection)
    return connection


class DefinitionDiffers(CdcError):
    """The objects on which a feed depends changed since its cursor began: plan, install and resync."""


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
        self._witness = witness or Witness(None)
        self._readable_parts = readable_parts(connection)
        self._incarnation = Incarnation()
        self._revision = 0
        self._plan = plan
        self._feed = plan.definition
        self._sources = {source.table: source for source in sources if source.table in plan.columns}
        self._failed = FailedEntities(connection, plan.definition)
        self._isolation = Isolation(connection, Recompute(plan.definition, history=history), self._failed)
        self._batch_entities = batch_entities
        self._max_pass_entities = max_pass_entities
        self._backlog = Backlog(
            connection, self._feed, self._isolation, helpers, batch_entities=batch_entities, history=history
        )
        self._seconds_an_entity: float | None = None
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
        self._lock_sources = statement(
            "sync.lock_sources", tables=sql.SQL(", ").join(sql.Identifier(*table) for table in self._sources)
        ).as_bytes()
        self._lock_changelogs = statement(
            "sync.lock_sources",
            tables=sql.SQL(", ").join(
                sql.Identifier(own_schema.name(), source.changelog) for source in self._sources.values()
            ),
        ).as_bytes()
        self._fingerprint = Fingerprint(plan.dependencies)
        self._planned = self._fingerprint.read(connection)
        self._planned_parts = self._fingerprint.parts(connection)
        self._tolerated: str | None = None
        self._summary = summary(
            ((source, plan.links.get(table, ())) for table, source in self._sources.items()),
            causes=history,
        ).as_bytes()
        self._due = resolve.due(self._feed, limit=batch_entities).as_bytes() if self._feed.refreshes else b""

    @contextmanager
    def _snapshot(self, *, keep_entries: bool = False) -> Generator[tuple[str, FeedState | None]]:
        """Open a transaction whose snapshot can be a cursor. Yields the snapshot and the locked row, or None.

        Args:
            keep_entries: whether to keep the rotator from emptying changelogs meanwhile. A cursor protects a
                feed's unread entries from the rotator; a feed that takes its first cursor has no such
                protection.
        """
        with self._connection.transaction():
            if self._sources:
                self._connection.execute(self._lock_sources)
                if keep_entries:
                    self._connection.execute(self._lock_changelogs)
            until, incarnation = state.snapshot_and_incarnation(self._connection, self._readable_parts)
            locked = state.lock(self._connection, self._feed.name)
            if locked is not None:
                self._incarnation = replace(incarnation, table=locked.table)
                self._revision = locked.revision
            yield until, locked
        # Note it after the commit, so that the database has every noted revision.
        if locked is not None and (locked.cursor is not None or keep_entries):
            self._witness.note(self._incarnation, self._feed.name, self._revision)

    def run_pass(self) -> Pass | None:
        """Bring the feed to a new snapshot.

        Returns:
            None if another daemon works on the feed or the feed has no cursor yet (see `begin`).

        Raises:
            DefinitionDiffers: the feed must be planned and installed anew. The cursor has not moved.
            FeedError: a key is NULL or not unique.
        """
        return self._in_two_tries(self._run_pass)

    def _run_pass(self, guarded: bool) -> Pass | None:
        started = time.monotonic()
        with self._snapshot() as (until, locked):
            if locked is None or locked.cursor is None:
                return None
            self._check(locked)
            self._isolation.begin(guarded=guarded, any_failed=locked.any_failed)
            found, due = self._read_delta(locked.cursor), self._read_due()
            if not found.entries and not due.entities and not locked.failed_due:
                if locked.cursor_is_old or not locked.counted:
                    state.advance(
                        self._connection,
                        self._feed.name,
                        cursor=until,
                        process=THIS_PROCESS,
                        counts=counts_after(self._connection, self._feed, locked),
                    )
                return Pass("fresh", found, 0, Recomputed(), time.monotonic() - started)
            return self._follow(found, due, locked, until, started)

    def _follow(self, found: Delta, due: Due, locked: FeedState, until: str, started: float) -> Pass:
        since = locked.cursor or ""
        entities, deferred = self._affected.divide(found, since, most=self._most_entities(locked))
        touched = frozenset(entities)
        rest = [entity for entity in due.entities if entity not in touched]
        recomputing = time.monotonic()
        recomputed = self._recompute_all(entities, found.captured_at)
        recomputed += self._recompute_all(rest, due.since)
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
        self._revision = max(self._revision, done.recomputed.revision)
        state.advance(
            self._connection,
            self._feed.name,
            cursor=until,
            process=THIS_PROCESS,
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
        return self._in_two_tries(self._begin)

    def _begin(self, guarded: bool) -> int | None:
        with self._snapshot(keep_entries=True) as (until, locked):
            if locked is None or locked.cursor is not None:
                return None
            self._isolation.begin(guarded=guarded, any_failed=locked.any_failed)
            self._check_definition(locked)
            found = self._fingerprint.read(self._connection)
            if found != self._planned:
                # The wait may have lasted hours. If this took the present fingerprint, it would confirm a
                # plan that lacks a partition, for example, which was attached meanwhile and has no triggers.
                parts = self._fingerprint.parts(self._connection)
                raise DefinitionDiffers(
                    f"before the first sync began: {what_changed(self._planned_parts, parts)}"
                )
            former = Incarnation.read(locked.incarnation or "")
            restored = locked.incarnation is not None and (
                self._incarnation.difference(locked.incarnation) != "none" or self._is_behind(locked)
            )
            renamed = remember_renamed(self._connection, self._feed)
            if restored or renamed:
                # Receivers hold documents of lost changes, or under a former key, without a delete for them.
                self._connection.execute(statement("sink_state.want_snapshots"), {"feed": self._feed.name})
            if restored:
                self._restart_revisions(locked.revision)
                if self._incarnation.is_upgrade_of(former):
                    # After a return to the old cluster, its database is behind this note. (If this
                    # transaction fails, such a return costs an unneeded full snapshot.)
                    self._witness.note(former, self._feed.name, self._revision)
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
                fingerprint=found,
                parts=self._fingerprint.parts(self._connection),
                incarnation=str(self._incarnation),
                backlog_end=added.last,
                revision=self._revision,
            )
        return added.entities

    def drain(self) -> Pass | None:
        """Recompute a chunk of the backlog; None if it is empty or another daemon works on the feed.

        The size of a chunk follows the duration of the last one, so that fresh changes never wait long.
        """
        return self._in_two_tries(self._drain)

    def _drain(self, guarded: bool) -> Pass | None:
        with self._snapshot() as (_, locked):
            if locked is None or locked.cursor is None or not locked.has_backlog:
                return None
            self._check(locked)
            self._isolation.begin(guarded=guarded, any_failed=locked.any_failed)
            chunk = self._backlog.recompute_chunk(locked)
            self._revision = max(self._revision, chunk.recomputed.revision)
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
        return self._in_two_tries(lambda guarded: self._request(where, reason, force, act, guarded=guarded))

    def _request(
        self,
        where: dict[str, str],
        reason: str,
        force: bool,
        act: Act | None,
        *,
        guarded: bool,
    ) -> tuple[int, int] | None:
        with self._snapshot() as (_, locked):
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
        with self._snapshot() as (_, locked):
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
        with self._snapshot() as (_, locked):
            if locked is None or locked.cursor is None:
                return None
            self._check(locked)
            count, revision = StoredDocuments(self._feed).renew(self._connection, keys)
            self._revision = max(self._revision, revision)
        return count

    @property
    def set_aside(self) -> Sequence[SetAside]:
        """Return the entities that failed in the last transaction."""
        return self._isolation.set_aside

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

    def tolerate(self) -> None:
        """Go on with this plan although the catalogue changed: the changed tables can't be captured yet.

        The feed follows the captured tables as before. The resync after the next plan finds the other
        changes.
        """
        self._tolerated = self._fingerprint.read(self._connection)

    def _has_cursor(self) -> bool:
        row = self._connection.execute(
            statement("feed_state.has_cursor"), {"feed": self._feed.name}
        ).fetchone()
        if row is None:
            raise DefinitionDiffers("is not stored any more")
        return bool(row[0])

    def _check(self, locked: FeedState) -> None:
        self._check_definition(locked)
        self._check_incarnation(locked)
        found = self._fingerprint.read(self._connection)
        if found not in {locked.fingerprint, self._tolerated}:
            before = state.fingerprint_parts(self._connection, self._feed.name)
            raise DefinitionDiffers(what_changed(before, self._fingerprint.parts(self._connection)))

    def _check_incarnation(self, locked: FeedState) -> None:
        stored = locked.incarnation or ""
        difference = self._incarnation.difference(stored)
        if self._is_behind(locked):
            raise DefinitionDiffers("the database is another incarnation: it is behind what was delivered")
        if difference == "none":
            return
        if (
            difference == "timeline"
            and self._witness.vouches(self._incarnation, self._feed.name, stored, locked.revision)
            and self._witness.is_alone(self._connection)
        ):
            # A failover that lost nothing: the new primary has everything that receivers have.
            self._connection.execute(
                statement("incarnation.adopt"),
                {"feed": self._feed.name, "incarnation": str(self._incarnation)},
            )
            log.info("incarnation_continued", feed=self._feed.name, incarnation=str(self._incarnation))
            return
        raise DefinitionDiffers("the database is another incarnation: restored, copied or promoted")

    def _is_behind(self, locked: FeedState) -> bool:
        """Whether the database lacks a revision that was committed there before."""
        seen = self._witness.seen(self._incarnation.identity, self._feed.name)
        return seen is not None and locked.revision < seen.revision

    def _check_definition(self, locked: FeedState) -> None:
        if locked.definition != self._feed.digest:
            raise FeedError(
                "the installed definition is not the configured one",
                where=f"feed {self._feed.name}",
                hint="run `cdc-daemon install`, or restart a daemon that has an older configuration",
            )

    def _read_delta(self, since: str) -> Delta:
        rows = self._connection.execute(self._summary, {"since": since}).fetchall() if self._sources else []
        return Delta(
            {table: changed for table, _, changed, *_ in rows},
            sum(entries for _, entries, *_ in rows),
            any(unknown for _, _, _, unknown, *_ in rows),
            min((changed_at for _, _, _, _, changed_at, *_ in rows), default=None),
            sum(row[5] for row in rows if self._keeps_history),
            [Cause.read([row[0], *cause]) for row in rows if self._keeps_history for cause in row[6]],
        )

    def _read_due(self) -> Due:
        """Return due entities: those that wait longest, as many as one statement recomputes."""
        if not self._feed.refreshes:
            return Due()
        rows = self._connection.execute(self._due).fetchall()
        return Due(
            tuple(row[:-2] for row in rows),
            min((since for *_, since, _ in rows), default=None),
            more=sum(documents for *_, documents in rows) == self._batch_entities,
        )

    def _most_entities(self, locked: FeedState) -> int:
        """Return the largest number of entities for one pass.

        Entities of a larger delta wait in the backlog, where chunks let fresh changes through. But no delta
        waits there behind more entities than it has itself.
        """
        if self._seconds_an_entity is None:
            return self._max_pass_entities
        quick = int(PASS_SECONDS / self._seconds_an_entity)
        return min(max(quick, FEWEST_TOO_MANY, locked.backlog_entities), self._max_pass_entities)

    def _remember_pace(self, entities: int, seconds: float) -> None:
        if entities >= FEWEST_TIMED and not self._isolation.set_aside:
            self._seconds_an_entity = seconds / entities

    def _recompute_all(self, entities: Sequence[Entity], captured_at: datetime | None) -> Recomputed:
        done = Recomputed()
        moment = captured_at or datetime.now(UTC)
        fresh, failed = self._isolation.divide(entities)
        for start in range(0, len(fresh), self._batch_entities):
            done += self._isolation.batch(fresh[start : start + self._batch_entities], captured_at=moment)
        for start in range(0, len(failed), self._batch_entities):
            done += self._isolation.retry(failed[start : start + self._batch_entities], captured_at=moment)
        return done

    def _retry_failed(self) -> tuple[Recomputed, Added]:
        """Try due entities that are set aside, and try to list unknown entities."""
        due = self._failed.due(limit=self._batch_entities)
        entities = [each for each in due if each is not None]
        done = self._isolation.retry(entities, captured_at=datetime.now(UTC))
        return done, self._every.find_again() if None in due else Added()

    def _in_two_tries(self, act: Callable[[bool], _Done]) -> _Done:
        """Execute a transaction. After an error of a row, repeat it with savepoints."""
        try:
            return act(False)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
        return act(True)

    def _restart_revisions(self, above: int) -> None:
        seen = self._witness.seen(self._incarnation.identity, self._feed.name)
        name = sql.Literal(f"{own_schema.name()}.{sql.Identifier(self._feed.revision).as_string()}")
        row = self._connection.execute(
            statement("sync.restart_revisions", revision=name, sequence=sql.Identifier(self._feed.revision)),
            {"above": max(above, seen.revision if seen else 0)},
        ).fetchone()
        self._revision = int(row[0]) if row else above
        self._connection.execute(
            statement("sync.renew_tombstones", revision=name, feed=sql.Identifier(self._feed.table))
        )
