"""Compares the documents of some entities, as the query yields them, with the stored ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

import psycopg
from psycopg import sql

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds import resolve
from cdc_daemon.feeds.comparison import after, among, same
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.error_cause import ErrorCause, cause_of
from cdc_daemon.feeds.hashed_documents import Entity, affected, entity_arrays, hashed_documents
from cdc_daemon.feeds.recompute import text_array
from cdc_daemon.feeds.resolve import Entities
from cdc_daemon.feeds.text_form import parameter, texts
from cdc_daemon.pg.search_path import find_names, names_found_in
from cdc_daemon.pg.session import OWN_PATH, Session
from cdc_daemon.pg.statements import statement

Kind = Literal["missing", "left over", "stale", "different"]
"""How a copy differs: it lacks a document, has one too many, has an earlier state, or was changed."""

_COMMA = sql.SQL(", ")


@dataclass(frozen=True)
class Difference:
    """A document that is not as it should be.

    Attributes:
        key: the key columns as a JSON object.
        entity: the entity, as the query assigns it; as it is stored for a document that is left over.
        fields: top-level fields that differ; empty if the whole document is missing or left over.
        revision: the stored revision, or None.
    """

    key: str
    kind: Kind
    entity: Entity
    fields: tuple[str, ...] = ()
    revision: int | None = None


@dataclass(frozen=True)
class Compared:
    """The result of a comparison: the number of documents, and the differences."""

    documents: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Selection:
    """Which entities a walk verifies.

    Attributes:
        after: only entities that come after this one in their order.
        since: only entities of documents that were stored or deleted since then.
        sample: this many entities, chosen at random.
        limit: at most this many.
        where: only entities of documents with these values in key or entity columns.
    """

    after: Entity | None = None
    since: datetime | None = None
    sample: int | None = None
    limit: int | None = None
    where: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Verification:
    """The statements that verify the stored documents of one feed. They change nothing."""

    feed: FeedDefinition

    def begin_walk(self, connection: Session, selection: Selection) -> tuple[int, str | None]:
        """Have the server list the entities once, and keep the list for `go_on`.

        Args:
            connection: a session that is this walk's alone, outside of a transaction.

        Returns:
            The number of entities; and PostgreSQL's message if the query fails for a row, so that it can't
            list its entities. Then the list has the stored ones alone.
        """
        failure = None
        where = selection.where
        listed = resolve.entities_where(self.feed, where) if where else resolve.every_entity(self.feed)
        stored = resolve.stored_where(self.feed, where) if where else resolve.own_entities(self.feed)
        try:
            self._declare(connection, selection, listed)
        except psycopg.Error as error:
            if cause_of(error) is ErrorCause.NOT_A_ROW:
                raise
            failure = str(error).partition("\n")[0]
            self._declare(connection, selection, stored)
        total = connection.execute(statement("verification.count_walk")).rowcount
        connection.execute(statement("verification.begin_walk"))
        return total, failure

    def go_on(self, connection: Session, *, limit: int) -> Iterator[Sequence[Entity]]:
        """Yield the entities of the walk, `limit` at a time."""
        query = statement("verification.go_on", limit=sql.Literal(limit))
        while page := connection.execute(query).fetchall():
            yield page
        connection.execute(statement("verification.end_walk"))

    def next_entities(self, connection: Session, selection: Selection) -> list[Entity]:
        """Return the next entities in their order; those that are stored if the query can't list its own."""
        for every in (resolve.every_entity(self.feed), resolve.own_entities(self.feed)):
            query, parameters = self._entities(selection, every)
            try:
                with connection.transaction(), names_found_in(connection, every.search_path):
                    found = connection.execute(query, parameters)
                return found.fetchall()
            except psycopg.Error as error:
                if cause_of(error) is ErrorCause.NOT_A_ROW or every.search_path == OWN_PATH:
                    raise
        return []

    def compare(self, connection: Session, entities: Sequence[Entity]) -> Compared:
        """Compare the documents of these entities, in the caller's transaction.

        Raises:
            psycopg.Error: the query fails for a row of these entities.
        """
        with names_found_in(connection, self.feed.search_path):
            done = connection.execute(self._compare, entity_arrays(self.feed, entities))
        row = done.fetchone()
        if row is None:  # a SELECT without FROM always returns a row
            raise FeedError("the comparison gave no result", where=f"feed {self.feed.name}")
        return Compared(
            row[0],
            tuple(
                Difference(key, kind, tuple(entity), tuple(fields), revision)
                for key, kind, entity, fields, revision in row[1] or ()
            ),
        )

    def _declare(self, connection: Session, selection: Selection, every: Entities) -> None:
        query, parameters = self._entities(selection, every)
        # The server computes the list when the transaction ends, so the search path must last until then.
        with connection.transaction():
            if every.search_path != OWN_PATH:
                find_names(connection, every.search_path)
            connection.execute(statement("verification.walk", entities=query), parameters)

    def _entities(self, selection: Selection, every: Entities) -> tuple[sql.Composed, dict[str, object]]:
        feed = self.feed
        parameters: dict[str, object] = {
            f"value_{n}": value for n, value in enumerate(selection.where.values(), start=1)
        }
        select = every.select
        if selection.since is not None:
            select = statement(
                "verification.stored_since",
                stored_entities=columns(feed.entity, of="s"),
                feed=sql.Identifier(feed.table),
            )
            parameters["since"] = selection.since
        wanted = resolve.possible(feed, ())
        if selection.after is not None:
            names = {name: f"after_{n}" for n, name in enumerate(feed.entity, start=1)}
            values = {name: parameter(feed, name, number) for name, number in names.items()}
            wanted += sql.SQL(" AND ") + after(feed, feed.entity, "a", values)
            parameters |= dict(zip(names.values(), selection.after, strict=True))
        query = statement(
            "verification.entities",
            texts=texts(feed, feed.entity, of="a"),
            entities=columns(feed.entity, of="a"),
            affected=select,
            wanted=wanted,
            order=sql.SQL("pg_catalog.random()")
            if selection.sample is not None
            else columns(feed.entity, of="a"),
        )
        limit = selection.limit if selection.sample is None else selection.sample
        if limit is not None:
            query = statement("verification.some_entities", entities=query, limit=sql.Literal(limit))
        return query, parameters

    @cached_property
    def _compare(self) -> bytes:
        feed = self.feed
        outside = tuple(name for name in feed.entity if name not in feed.key)
        moved = sql.SQL("OR ({}) IS NOT TRUE").format(same(feed, outside, "s", "d")) if outside else None
        return statement(
            "verification.compare",
            hashed_documents=hashed_documents(feed),
            feed=sql.Identifier(feed.table),
            same_key=same(feed, feed.key, "s", "d"),
            max_bytes=sql.Literal(feed.max_document_bytes),
            moved=moved or sql.SQL(""),
            not_moved=sql.SQL("AND ({})").format(same(feed, outside, "s", "d")) if outside else sql.SQL(""),
            hashed_key=_key(feed, "d"),
            stored_key=_key(feed, "s"),
            hashed_entity=_texts(feed, "d"),
            stored_entity=_texts(feed, "s"),
            affected_feed=affected(feed, "s"),
            is_hashed=among(feed, feed.key, "s", other="d", rows=sql.SQL("hashed_documents AS d")),
            fields=text_array(feed.fields),
            counts=statement("verification.counts", excluded=text_array(feed.hash_exclude))
            if feed.hash_exclude
            else sql.SQL("true"),
        ).as_bytes()


def _key(feed: FeedDefinition, alias: str) -> sql.Composed:
    return sql.SQL("(SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {}) AS k)::pg_catalog.text").format(
        columns(feed.key, of=alias)
    )


def _texts(feed: FeedDefinition, alias: str) -> sql.Composed:
    return sql.SQL("ARRAY[{}]::pg_catalog.text[]").format(texts(feed, feed.entity, of=alias))
