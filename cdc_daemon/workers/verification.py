"""Verifies the stored documents of a feed: finds differences that no waiting change explains.

A stored document may rightly be behind the query. Changes that nobody has read reach it, or its entity waits
in the backlog, is set aside, or is due. A comparison that knows nothing of it would report every change
that is on its way.

So each page of entities is compared in a short transaction of its own, and the same snapshot tells how far
the feed has come. Stored documents are those of the query at the feed's cursor, except for entities in the
backlog and those that are set aside. So a difference is legitimate only if an entry reaches its entity that
is visible now and was not visible at the cursor. The feed's own routes tell which entities these are. A route
may name too many entities, never too few. So no legitimate difference is reported. An entity that changes all
the time is looked at again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from cdc_daemon.analysis.model.plan import Occurrence, RouteKind
from cdc_daemon.capture.delta import delta, summary
from cdc_daemon.capture.fingerprint import Fingerprint
from cdc_daemon.capture.source import Source
from cdc_daemon.errors import FeedError
from cdc_daemon.feeds import resolve
from cdc_daemon.feeds.error_cause import ErrorCause, cause_of
from cdc_daemon.feeds.failed_entities import FailedEntities
from cdc_daemon.feeds.hashed_documents import Entity, affected, entity_arrays
from cdc_daemon.feeds.resolve import Path
from cdc_daemon.feeds.text_form import texts
from cdc_daemon.feeds.verification import Difference, Verification
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.planning import FeedPlan
from cdc_daemon.workers.sync import PASSING

ATTEMPTS = 20
"""How often a page is tried that meets a table which is being altered, or a cancelled statement."""

PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Verified:
    """A verified page of entities.

    Attributes:
        differences: true differences.
        waiting: entities with a difference that a waiting change may explain.
        changed_catalogue: entities with a difference, while the feed has not yet followed a change of the
            tables or triggers that it depends on. A running daemon follows it within moments.
        failing: entities for which the query fails, with PostgreSQL's message.
    """

    entities: int = 0
    documents: int = 0
    differences: tuple[Difference, ...] = ()
    waiting: tuple[Entity, ...] = ()
    changed_catalogue: tuple[Difference, ...] = ()
    failing: Mapping[Entity, str] = field(default_factory=dict[Entity, str])

    def __add__(self, other: Verified) -> Verified:
        return Verified(
            self.entities + other.entities,
            self.documents + other.documents,
            (*self.differences, *other.differences),
            (*self.waiting, *other.waiting),
            (*self.changed_catalogue, *other.changed_catalogue),
            {**self.failing, **other.failing},
        )


class FeedVerification:
    """Verifies one feed. It changes nothing.

    Args:
        connection: session in autocommit mode, prepared by `for_sync`.
        sources: the plan's source tables as they are captured.
    """

    def __init__(self, connection: Session, plan: FeedPlan, sources: Sequence[Source]) -> None:
        self._connection = connection
        self._plan = plan
        self._feed = plan.definition
        self.statements = Verification(plan.definition)
        self._sources = {str(source.table): source for source in sources if source.table in plan.columns}
        self._failed = FailedEntities(connection, plan.definition)
        self._fingerprint = Fingerprint(plan.dependencies)
        own = own_schema.name()
        # Locked before the snapshot: a table that is emptied after it would look empty to us.
        self._lock = statement(
            "sync.lock_sources",
            tables=sql.SQL(", ").join(
                [
                    *(sql.Identifier(*source.table) for source in self._sources.values()),
                    *(sql.Identifier(own, source.changelog) for source in self._sources.values()),
                    sql.Identifier(own, self._feed.backlog),
                    sql.Identifier(own, self._feed.table),
                ]
            ),
        ).as_bytes()

    def verify(self, entities: Sequence[Entity]) -> Verified:
        """Verify the documents of some entities, without duplicates.

        Raises:
            FeedError: the installed definition is not the configured one.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self._verify(entities)
            except PASSING:
                if attempt + 1 == ATTEMPTS:
                    raise
                time.sleep(PAUSE_SECONDS)
            except psycopg.Error as error:
                if cause_of(error) is ErrorCause.NOT_A_ROW:
                    raise
                return self._halved(entities, error)
        return Verified()

    def _halved(self, entities: Sequence[Entity], error: psycopg.Error) -> Verified:
        if len(entities) == 1:
            return Verified(1, failing={entities[0]: str(error).partition("\n")[0]})
        middle = len(entities) // 2
        return self.verify(entities[:middle]) + self.verify(entities[middle:])

    def _verify(self, entities: Sequence[Entity]) -> Verified:
        with self._connection.transaction():
            self._connection.execute(self._lock)
            compared = self.statements.compare(self._connection, entities)
            verified = Verified(len(entities), compared.documents)
            if not compared.differences:
                return verified
            behind = self._behind(list(dict.fromkeys(each.entity for each in compared.differences)))
            true = tuple(each for each in compared.differences if each.entity not in behind.entities)
            return verified + Verified(
                differences=() if behind.changed_catalogue else true,
                waiting=tuple(behind.entities),
                changed_catalogue=true if behind.changed_catalogue else (),
            )

    def _behind(self, entities: Sequence[Entity]) -> _Behind:
        """Return those of some entities whose stored documents may rightly be behind the query."""
        row = self._connection.execute(statement("verification.state"), {"feed": self._feed.name}).fetchone()
        if row is None or row[0] != self._feed.digest:
            raise FeedError(
                "the installed definition is not the configured one",
                where=f"feed {self._feed.name}",
                hint="run `cdc-daemon install`",
            )
        _, cursor, fingerprint, position, end, uncaptured, some_unknown = row
        if cursor is None or uncaptured or some_unknown:
            return _Behind(frozenset(entities))
        behind = self._failed.among(entities)
        if position < end:
            behind |= self._in_backlog(entities, position)
        if self._feed.refreshes:
            behind |= self._due(entities)
        behind |= self._reached([each for each in entities if each not in behind], cursor)
        return _Behind(frozenset(behind), self._fingerprint.read(self._connection) != fingerprint)

    def _in_backlog(self, entities: Sequence[Entity], position: int) -> set[Entity]:
        query = statement(
            "verification.in_backlog",
            texts=texts(self._feed, self._feed.entity, of="p"),
            backlog=sql.Identifier(self._feed.backlog),
            affected=affected(self._feed, "p"),
        )
        return self._same(query, entities, {"after": position})

    def _due(self, entities: Sequence[Entity]) -> set[Entity]:
        query = statement(
            "verification.due",
            texts=texts(self._feed, self._feed.entity, of="s"),
            feed=sql.Identifier(self._feed.table),
            affected=affected(self._feed, "s"),
        )
        return self._same(query, entities, {})

    def _reached(self, entities: Sequence[Entity], since: str) -> set[Entity]:
        """Return those of some entities that unread entries may reach."""
        if not entities or not self._sources:
            return set()
        reads = summary((source, self._plan.links.get(source.table, ())) for source in self._sources.values())
        rows = self._connection.execute(reads, {"since": since}).fetchall()
        changed = {table for table, entries, *_ in rows if entries}
        if not changed:
            return set()
        legs = [
            (occurrence, route)
            for occurrence in self._plan.analysis.occurrences
            for route in occurrence.routes
            if str(occurrence.table) in changed
        ]
        if any(unknown for *_, unknown, _ in rows) or any(leg[1].kind is RouteKind.ALL for leg in legs):
            return set(entities)
        if not legs:
            return set()
        paths = [Path(self._delta(occurrence), route) for occurrence, route in legs]
        query = statement(
            "verification.reached",
            texts=texts(self._feed, self._feed.entity, of="a"),
            routes=resolve.affected_entities(self._feed, paths).select,
            affected=affected(self._feed, "a"),
        )
        try:
            with self._connection.transaction():
                return self._same(query, entities, {"since": since}, path=self._feed.definition_path)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
            return set(entities)  # a route fails for a row: the daemon will recompute every entity

    def _delta(self, occurrence: Occurrence) -> sql.Composable:
        return delta(self._sources[str(occurrence.table)], occurrence.links, few=False)

    def _same(
        self,
        query: sql.Composed,
        entities: Sequence[Entity],
        parameters: Mapping[str, Any],
        *,
        path: str | None = None,
    ) -> set[Entity]:
        """Return those of some entities that a query names.

        Equal entities may be spelled otherwise (1.0 and 1.00). Then no text is found, and all count.
        """
        with names_found_in(self._connection, path or "pg_catalog"):
            done = self._connection.execute(query, {**parameters, **entity_arrays(self._feed, entities)})
        found, every = set(done.fetchall()), set(entities)
        return every if found - every else found


@dataclass(frozen=True)
class _Behind:
    entities: frozenset[Entity]
    changed_catalogue: bool = False


@dataclass
class Undecided:
    """Entities with differences that waiting changes may explain; they are looked at again.

    Args:
        most: largest number of entities to remember.
    """

    verification: FeedVerification
    most: int = 10_000
    _known: dict[Entity, None] = field(default_factory=dict[Entity, None], init=False)
    unseen: int = field(default=0, init=False)

    def add(self, entities: Sequence[Entity]) -> None:
        """Remember entities, up to the limit."""
        for entity in entities:
            if len(self._known) < self.most:
                self._known[entity] = None
            else:
                self.unseen += 1

    def __len__(self) -> int:
        return len(self._known) + self.unseen

    def decide(self, *, seconds: float, page: int) -> Iterator[Difference]:
        """Look at the entities again until each is decided or the time is over. Yields true differences."""
        deadline = time.monotonic() + seconds
        last: dict[Entity, tuple[Difference, ...]] = {}
        while self._known:
            remaining = list(self._known)
            last = {}
            self._known.clear()
            for start in range(0, len(remaining), page):
                verified = self.verification.verify(remaining[start : start + page])
                yield from verified.differences
                self.add(verified.waiting)
                for each in verified.changed_catalogue:
                    last[each.entity] = (*last.get(each.entity, ()), each)
            self.add([entity for entity in last if entity not in self._known])
            if not self._known:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(PAUSE_SECONDS)
        # No daemon has followed the change of the catalogue: the documents differ, and they stay so.
        for entity, differences in last.items():
            self._known.pop(entity, None)
            yield from differences
