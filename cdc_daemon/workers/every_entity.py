"""Puts all entities of a feed into the backlog, even if its query can't list them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psycopg
from psycopg import sql

from cdc_daemon.analysis.model.plan import RouteKind
from cdc_daemon.capture.source import Source
from cdc_daemon.feeds import resolve
from cdc_daemon.feeds.entities import require_entities
from cdc_daemon.feeds.error_cause import ErrorCause, cause_of
from cdc_daemon.feeds.isolation import Isolation
from cdc_daemon.feeds.resolve import Entities
from cdc_daemon.pg.session import Session
from cdc_daemon.workers.backlog import ASKED_FOR, Added, Backlog
from cdc_daemon.workers.planning import FeedPlan

FOUND_OUT = "entities found out"
"""The reason of a resync whose list has entities that were unknown."""


class EveryEntity:
    """Lists all entities of a feed, within a transaction that holds the feed's state row.

    A condition of the query (`WHERE weight::numeric > 0`) may fail for a row, so that the query can't list
    its entities. Then the daemon takes the entities that it knows: stored ones, those set aside, and those
    that rows of the source tables name by direct routes. It records that other entities are unknown, `failed`
    shows this, and the daemon tries the list again every minute and whenever an entity recovers.

    Args:
        sources: the plan's source tables as they are captured, by name.
    """

    def __init__(
        self,
        connection: Session,
        plan: FeedPlan,
        sources: Mapping[str, Source],
        backlog: Backlog,
        isolation: Isolation,
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._feed = plan.definition
        self._sources = sources
        self._backlog = backlog
        self._isolation = isolation

    def put(self, *, reason: str, force: bool = False) -> Added:
        """Append every entity.

        Raises:
            psycopg.Error: an error of a row; the caller must repeat the transaction, guarded.
            FeedError: a document has no entity.
        """
        if not self._isolation.guarded:
            return self._put_all(reason, force=force)
        try:
            with self._connection.transaction():
                return self._put_all(reason, force=force)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
            self._isolation.miss_entities(error)
        return self._put_known(reason, force=force)

    def put_some(self, where: Mapping[str, str], *, reason: str, force: bool) -> Added:
        """Append the entities whose documents have these values in key or entity columns.

        If the query fails for a row, it takes those of stored documents.
        """
        values = {f"value_{n}": value for n, value in enumerate(where.values(), start=1)}
        try:
            with self._connection.transaction():
                affected = resolve.entities_where(self._feed, where)
                return self._backlog.add(affected, values, reason=reason, force=force, keep_nulls=False)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
        stored = resolve.stored_where(self._feed, where)
        return self._backlog.add(stored, values, reason=reason, force=force, keep_nulls=False)

    def find_again(self) -> Added:
        """Append every entity, if the query can list them again. They include all unknown entities."""
        try:
            with self._connection.transaction():
                return self._put_all(FOUND_OUT, force=False)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
            self._isolation.miss_entities(error)
        return Added()

    def require(self) -> None:
        """Check that no document lacks its entity (see `require_entities`).

        If the query fails for a row, record that entities are unknown.
        """
        try:
            with self._connection.transaction():
                require_entities(self._connection, self._feed, self._plan.analysis.nullable)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW or not self._isolation.guarded:
                raise
            self._isolation.miss_entities(error)

    def _put_all(self, reason: str, *, force: bool) -> Added:
        every = resolve.every_entity(self._feed)
        if self._isolation.find_entities() and reason == ASKED_FOR:
            # The unknown entities are known by this resync alone, so it must not be cancelled.
            reason = FOUND_OUT
        return self._backlog.add(every, {}, reason=reason, force=force, keep_nulls=True)

    def _put_known(self, reason: str, *, force: bool) -> Added:
        *richer, last = self._known()
        for known in richer:
            try:
                with self._connection.transaction():
                    return self._backlog.add(known, {}, reason=reason, force=force, keep_nulls=False)
            except psycopg.Error as error:
                if cause_of(error) is ErrorCause.NOT_A_ROW:
                    raise
        return self._backlog.add(last, {}, reason=reason, force=force, keep_nulls=False)

    def _known(self) -> Iterator[Entities]:
        """Yield other sources of entities, the most complete first.

        The last one reads only our own tables.
        """
        own = resolve.own_entities(self._feed)
        direct = [
            resolve.direct_entities(self._feed, occurrence.table, occurrence.links, route)
            for occurrence in self._plan.analysis.occurrences
            for route in occurrence.routes
            if route.kind is RouteKind.DIRECT and str(occurrence.table) in self._sources
        ]
        if direct:
            every = sql.SQL("\nUNION ALL\n").join(each.select for each in [own, *direct])
            yield Entities(every, self._feed.definition_path)
        yield own
