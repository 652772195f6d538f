"""Recomputes entities of a feed and stores the documents that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import psycopg
from psycopg import sql

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.comparison import among, same
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.hashed_documents import (
    Entity,
    Parameters,
    RemoteBatch,
    affected,
    differs,
    entity_arrays,
    hashed_documents,
    remote_batch,
    written_otherwise,
)
from cdc_daemon.feeds.text_form import texts
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.search_path import find_names, names_found_in
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.segments import current_segment

BY_INDEX = b"\n-- by index"
"""A suffix that makes a statement different, so that it is prepared under other planner settings."""

_COMMA = sql.SQL(", ")


@dataclass(frozen=True)
class Recomputed:
    """The result of recomputing a batch.

    Attributes:
        entities: number of recomputed entities.
        documents: number of documents that the query returned for them.
        upserts, deletes: numbers of documents that differed, and of new tombstones.
        revision: the last revision given out, or 0.
        too_large: entities with a document larger than the feed allows, and its size in bytes.
        created, revived: of the upserts, those with a key that was never stored, or had a tombstone.
    """

    entities: int = 0
    documents: int = 0
    upserts: int = 0
    deletes: int = 0
    revision: int = 0
    too_large: tuple[tuple[Entity, int], ...] = ()
    created: int = 0
    revived: int = 0

    @property
    def unchanged(self) -> int:
        """Number of documents that did not differ from the stored ones."""
        return self.documents - self.upserts - len(self.too_large)

    def __add__(self, other: Recomputed) -> Recomputed:
        return Recomputed(
            self.entities + other.entities,
            self.documents + other.documents,
            self.upserts + other.upserts,
            self.deletes + other.deletes,
            max(self.revision, other.revision),
            (*self.too_large, *other.too_large),
            self.created + other.created,
            self.revived + other.revived,
        )


@dataclass(frozen=True)
class Recompute:
    """The statements that recompute entities of one feed.

    Attributes:
        history: whether the history of documents keeps what they change.
    """

    feed: FeedDefinition
    history: bool = False

    def __call__(
        self,
        connection: Session,
        entities: Sequence[Entity],
        *,
        captured_at: datetime,
        force: bool = False,
        all_fields: bool = False,
        remote: RemoteBatch | None = None,
        met: list[Entity] | None = None,
        by_index: bool = False,
    ) -> Recomputed:
        """Recompute entities inside the caller's transaction, which holds the feed's state row.

        Args:
            entities: entities without duplicates, a few thousand at most.
            captured_at: when the change was captured.
            force: whether to give every document a new revision, changed or not.
            all_fields: whether every field of a changed document counts as changed, without a comparison.
            remote: their documents, if another session computed them with this transaction's snapshot.
            met: collects other entities that had to be recomputed too, because they are stored with a key
                that the query returns for one of `entities`.
            by_index: whether the session's settings keep the planner from reading whole tables.

        Raises:
            FeedError: a key or entity is NULL, or a key is not unique.
        """
        known = list(entities)
        written = Recomputed()
        while True:
            parameters: Parameters = {
                **entity_arrays(self.feed, known),
                "captured_at": captured_at,
                "force": force,
                "all_fields": all_fields,
            }
            statements = self._statements
            if remote is not None:
                parameters |= remote.parameters()
                statements = self._statements_of_remote_batch
            try:
                query = statements[current_segment()] + (BY_INDEX if by_index else b"")
                with names_found_in(connection, self.feed.search_path):
                    done = connection.execute(query, parameters)
                row = done.fetchone()
            except (psycopg.errors.CardinalityViolation, psycopg.errors.NotNullViolation) as error:
                if not _is_of_key(error):
                    raise
                raise DuplicateKey(self, parameters) from error
            if row is None:  # a SELECT without FROM always returns a row
                raise FeedError("recomputing gave no result", where=f"feed {self.feed.name}")
            documents, upserts, deletes, created, revived, revision, conflicts, duplicated, large = row
            if duplicated:
                raise DuplicateKey(self, parameters)
            # Documents written before no longer differ, so the second count alone would miss them.
            written += Recomputed(0, 0, upserts, deletes, revision or 0, created=created, revived=revived)
            if not conflicts:
                too_large = tuple((tuple(entity), size) for *entity, size in large or ())
                return written + Recomputed(len(known), documents, too_large=too_large)
            known = list(dict.fromkeys([*known, *(tuple(entity) for entity in conflicts)]))
            if met is not None:
                met[:] = known[len(entities) :]
            remote = None

    def explain_duplicates(self, connection: Session, parameters: Parameters) -> str:
        """Return up to three keys of the batch that are NULL or occur twice, as JSON, for the message."""
        with connection.transaction():
            find_names(connection, self.feed.search_path)
            rows = connection.execute(self._duplicates, parameters).fetchall()
        return "; ".join(f"{key} ({count} rows)" for key, count in rows)

    def statements(self) -> tuple[bytes, bytes]:
        """Return the statement that recomputes entities, for each of the log's two segments."""
        return self._statements

    @cached_property
    def _statements(self) -> tuple[bytes, bytes]:
        # Cache it as bytes: composing some two hundred pieces takes as long as a small statement.
        return self._for_segments(hashed_documents(self.feed))

    @cached_property
    def _statements_of_remote_batch(self) -> tuple[bytes, bytes]:
        return self._for_segments(remote_batch(self.feed))

    def _for_segments(self, documents: sql.Composed) -> tuple[bytes, bytes]:
        first, second = self.feed.segments
        return self._statement(documents, first).as_bytes(), self._statement(documents, second).as_bytes()

    def _statement(self, documents: sql.Composed, log: str) -> sql.Composed:
        feed = self.feed
        return statement(
            "feed.recompute",
            hashed_documents=documents,
            revision=self._revision,
            feed=sql.Identifier(feed.table),
            log=sql.Identifier(log),
            same_key=same(feed, feed.key, "s", "d"),
            differs=differs(feed),
            columns=columns(feed.stored),
            differing_identity=columns(feed.stored, of="d"),
            keys=columns(feed.key),
            set_identity=_COMMA.join(
                sql.SQL("{} = EXCLUDED.{}").format(sql.Identifier(name), sql.Identifier(name))
                for name in feed.stored
            ),
            unscheduled=sql.SQL(", refresh_at = NULL" if feed.refreshes else ""),
            rescheduled=self._rescheduled(),
            next_revision=self._next_revision(),
            respelled_key=self._respelled_key(),
            respelled=self._respelled(),
            stored_keys=columns(feed.key, of="s"),
            affected_feed=affected(feed, "s"),
            differing_keys=columns(feed.key, of="d"),
            hashed_keys=columns(feed.key, of="d"),
            is_hashed=among(feed, feed.key, "s", other="d", rows=sql.SQL("hashed_documents AS d")),
            fields=text_array(feed.fields),
            entity_texts=texts(feed, feed.entity, of="d"),
            max_bytes=sql.Literal(feed.max_document_bytes),
            key_conflict=self._key_conflict(),
            returned=statement("document_history.returned") if self.history else sql.SQL(""),
            remembered=self._remembered(),
        )

    def _remembered(self) -> sql.Composable:
        if not self.history:
            return sql.SQL("")
        return statement(
            "document_history.changes",
            segment=statement("document_history.segment"),
            feed=sql.Literal(self.feed.name),
        )

    def _rescheduled(self) -> sql.Composable:
        if not self.feed.refreshes:
            return sql.SQL("")
        return statement(
            "feed.rescheduled",
            feed=sql.Identifier(self.feed.table),
            affected_feed=affected(self.feed, "s"),
            same_key=same(self.feed, self.feed.key, "s", "d"),
            differs=among(self.feed, self.feed.key, "d", other="w", rows=sql.SQL("differing AS w")),
        )

    @property
    def _revision(self) -> sql.Literal:
        return sql.Literal(f"{own_schema.name()}.{sql.Identifier(self.feed.revision).as_string()}")

    def _next_revision(self) -> sql.Composable:
        one = statement("feed.next_revision", revision=self._revision)
        if not self.feed.respells:
            return one
        return statement(
            "feed.next_revision_of_respelled",
            next_revision=one,
            written_otherwise=written_otherwise(self.feed),
        )

    def _respelled_key(self) -> sql.Composable:
        if not self.feed.respells:
            return sql.SQL("")
        return statement(
            "feed.respelled_key",
            written_otherwise=written_otherwise(self.feed),
            stored_keys=columns(self.feed.key, of="s"),
        )

    def _respelled(self) -> sql.Composable:
        if not self.feed.respells:
            return sql.SQL("")
        return statement("feed.respelled", name=sql.Literal(self.feed.name))

    def _key_conflict(self) -> sql.Composed:
        if set(self.feed.entity) <= set(self.feed.key):
            return statement("feed.no_key_conflict")
        return statement(
            "feed.key_conflict",
            entities=texts(self.feed, self.feed.entity, of="s"),
            same_entity=same(self.feed, self.feed.entity, "s", "d"),
            affected_feed=affected(self.feed, "s"),
        )

    @cached_property
    def _duplicates(self) -> sql.Composed:
        return statement(
            "feed.duplicates",
            keys=columns(self.feed.key, of="q"),
            query=self.feed.query(with_parameters=True),
            affected_query=affected(self.feed, "q"),
            groups=columns(self.feed.key, of="d"),
            any_null=sql.SQL(" OR ").join(
                sql.SQL("{} IS NOT DISTINCT FROM NULL").format(sql.Identifier("d", k)) for k in self.feed.key
            ),
        )


def text_array(names: Sequence[str]) -> sql.Composed:
    """Return the names as a literal of type text[]."""
    return sql.SQL("ARRAY[{}]::pg_catalog.text[]").format(_COMMA.join(map(sql.Literal, names)))


def _is_of_key(error: psycopg.Error) -> bool:
    """Whether our own statement raised the error for a key, and not the feed's query for a row.

    A subquery that returns two rows has the same SQLSTATE as ON CONFLICT with a repeated key, and a domain
    that is NOT NULL has the same as a column. Messages are translated, but the two fields used here are not.
    """
    if isinstance(error, psycopg.errors.CardinalityViolation):
        return error.diag.source_function == "ExecOnConflictUpdate"
    return error.diag.schema_name == own_schema.name()


class DuplicateKey(FeedError):
    """A key is NULL or not unique. The transaction is rolled back; the rows can be read after it."""

    def __init__(self, recompute: Recompute, parameters: Parameters) -> None:
        super().__init__(
            f"key ({', '.join(recompute.feed.key)}) is NULL or not unique",
            where=f"feed {recompute.feed.name}",
            hint="make the query yield each key once, or name more columns in `key`",
        )
        self.recompute = recompute
        self.parameters = parameters
