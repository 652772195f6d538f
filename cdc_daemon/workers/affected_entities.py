"""Finds the entities that a delta affects, for this pass and for the backlog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg
from psycopg import sql

from cdc_daemon.analysis.model.plan import Occurrence, Route, RouteKind
from cdc_daemon.capture.delta import delta
from cdc_daemon.capture.source import Source
from cdc_daemon.feeds import resolve
from cdc_daemon.feeds.error_cause import ErrorCause, cause_of, message_of
from cdc_daemon.feeds.hashed_documents import Entity
from cdc_daemon.feeds.isolation import Isolation
from cdc_daemon.feeds.resolve import Path
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import Session
from cdc_daemon.workers.backlog import Added, Backlog
from cdc_daemon.workers.every_entity import EveryEntity
from cdc_daemon.workers.passes import Delta
from cdc_daemon.workers.planning import FeedPlan

FEW_ROWS = 1000
"""Up to this many changed rows, routes use index look-ups. Above it, the planner decides."""

MANY_ROWS = 20_000
"""In too large a delta, more changed rows of one table go to the backlog without resolving them."""


OccurrenceRoute: TypeAlias = tuple[Occurrence, Route]
_Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True)
class Deferred:
    """Entities that were put into the backlog, and the reason."""

    added: Added = field(default_factory=Added)
    reason: str | None = None


class AffectedEntities:
    """Follows the routes of one feed, within the transaction of a pass.

    Args:
        sources: the plan's source tables as they are captured, by name.
        max_pass_entities: largest number of entities of a pass.
    """

    def __init__(
        self,
        connection: Session,
        plan: FeedPlan,
        sources: Mapping[str, Source],
        backlog: Backlog,
        every: EveryEntity,
        isolation: Isolation,
        *,
        max_pass_entities: int,
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._feed = plan.definition
        self._sources = sources
        self._backlog = backlog
        self._every = every
        self._isolation = isolation
        self._limit = max_pass_entities + 1
        self._routes: Sequence[OccurrenceRoute] = [
            (occurrence, route) for occurrence in plan.analysis.occurrences for route in occurrence.routes
        ]
        self._queries: dict[tuple[frozenset[str], bool, tuple[int, ...]], bytes] = {}

    def divide(self, found: Delta, since: str, *, most: int) -> tuple[list[Entity], Deferred]:
        """Return at most `most` entities for the pass. Put the others into the backlog.

        If a route fails for a row (a cast in a join's condition), the documents of that row are unknown, and
        so are those of the other rows. Then every entity is recomputed.

        Raises:
            psycopg.Error: an error of a row; the caller must repeat the transaction, guarded.
            FeedError: a document has no entity.
        """
        if not self._isolation.guarded:
            return self._divide(found, since, most=most)
        try:
            with self._connection.transaction():
                return self._divide(found, since, most=most)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
            reason = f"a route fails: {message_of(error)}"
            return [], Deferred(self._every.put(reason=reason), reason)

    def _divide(self, found: Delta, since: str, *, most: int) -> tuple[list[Entity], Deferred]:
        """Divide the delta's entities by the routes.

        A delta has the changes of many writers. If it is too large, this looks at each route alone and takes
        the smallest ones into the pass, so that an edited name does not wait behind a renamed category that
        was committed beside it.
        """
        if not found.entries:
            return [], Deferred()
        routes = [route for route in self._routes if str(route[0].table) in found.tables]
        followed = [route for route in routes if route[1].kind is not RouteKind.ALL]
        why = "unknown entry" if found.unknown else "route all" if len(followed) < len(routes) else None
        rows = [] if why else self._rows(found, followed, since)
        deferred: list[OccurrenceRoute] = []
        if why or len(rows) > most:
            large = {table for table, rows in found.changed.items() if rows > MANY_ROWS}
            asked = [route for route in followed if str(route[0].table) not in large]
            rows, deferred = self._smallest(found, asked, since, most)
            deferred += [route for route in followed if str(route[0].table) in large]
        entities = list(dict.fromkeys(row for row in rows if None not in row))
        extended = self._plan.analysis.null_extended
        if why or deferred or len(entities) < len(rows) or not found.tables.isdisjoint(extended):
            self._every.require()
        if why:
            return entities, Deferred(self._every.put(reason=why), why)
        if deferred:
            return entities, self._put(found, deferred, since)
        return entities, Deferred()

    def _smallest(
        self, found: Delta, routes: Sequence[OccurrenceRoute], since: str, most: int
    ) -> tuple[list[_Row], list[OccurrenceRoute]]:
        """Return the entities of the routes that reach fewest, up to the limit, and the other routes."""
        reached = [(self._rows(found, [route], since), route) for route in routes]
        rows: list[_Row] = []
        deferred: list[OccurrenceRoute] = []
        for more, route in sorted(reached, key=lambda each: len(each[0])):
            if len(rows) + len(more) > most:
                deferred.append(route)
            else:
                rows += more
        return rows, deferred

    def _rows(self, found: Delta, routes: Sequence[OccurrenceRoute], since: str) -> list[_Row]:
        """Return the entities of some routes, each once, no more than the limit."""
        if not routes:
            return []
        few = found.rows <= FEW_ROWS
        known = (found.tables, few, tuple(map(id, routes)))
        query = self._queries.get(known)
        if query is None:
            query = resolve.resolve(
                self._feed,
                resolve.affected_entities(self._feed, self._paths(found, routes, few=few)),
                nullable=self._plan.analysis.nullable,
                limit=self._limit,
            ).as_bytes()
            self._queries[known] = query
        with names_found_in(self._connection, self._feed.definition_path):
            reached = self._connection.execute(query, {"since": since})
        return reached.fetchall()

    def _put(self, found: Delta, routes: Sequence[OccurrenceRoute], since: str) -> Deferred:
        affected = resolve.affected_entities(self._feed, self._paths(found, routes, few=False))
        reason = "large delta"
        return Deferred(
            self._backlog.add(affected, {"since": since}, reason=reason, keep_nulls=False), reason
        )

    def _paths(self, found: Delta, routes: Sequence[OccurrenceRoute], *, few: bool) -> list[Path]:
        return [Path(self._delta(occurrence, found, few=few), route) for occurrence, route in routes]

    def _delta(self, occurrence: Occurrence, found: Delta, *, few: bool) -> sql.Composable:
        still = [each for each in occurrence.join_filters if str(each.table) not in found.tables]
        return resolve.narrowed(delta(self._sources[str(occurrence.table)], occurrence.links, few=few), still)
