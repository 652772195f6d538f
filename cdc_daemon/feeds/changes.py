"""Reads a feed's changes for a sink, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
from psycopg import sql

from cdc_daemon.feeds.comparison import after, equals, same
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.key_id import key_id
from cdc_daemon.feeds.text_form import parameter, texts
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

MOST_REMEMBERED = 1000
"""Number of sets of changed fields whose tuples are cached."""

_COMMA = sql.SQL(", ")


@dataclass(frozen=True, slots=True)
class Change:
    """A document that differs from what a sink has.

    Attributes:
        key: the key columns as a JSON object.
        changed: top-level fields that differ, in the document's order.
        document: JSON as stored, UTF-8; None for a tombstone, or if it is larger than the feed allows.
        size: size of the document in bytes.
    """

    revision: int
    key: bytes
    deleted: bool
    hash: str | None
    document: bytes | None
    captured_at: datetime
    changed: tuple[str, ...]
    size: int = 0

    @property
    def too_large(self) -> bool:
        """Whether the document is too large to leave the database."""
        return not self.deleted and self.document is None


@dataclass(frozen=True)
class Page:
    """Some changes in order, and the place of the next page.

    Attributes:
        revision: the log is read up to this revision.
        scan_key: text values of the last key of a scan of the stored feed; None at its end.
        rows: number of rows of the log or of the stored feed that the page covers.
        full: whether the page has reached its limit of rows or bytes, so that there may be more.
        cut: whether the page ended because of its limit of bytes.
    """

    changes: Sequence[Change]
    revision: int
    scan_key: list[str] | None
    rows: int
    full: bool
    cut: bool


@dataclass(frozen=True)
class Changes:
    """The statements that read the changes of one feed."""

    feed: FeedDefinition
    _named_before: dict[str, tuple[str, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def follow(
        self, connection: Session, *, revision: int, caught_up: int, limit: int, max_bytes: int
    ) -> Page:
        """Return the next page of the log after `revision`.

        Args:
            caught_up: revision at which the sink had everything. Fields changed since then count as changed.
            limit: largest number of log rows.
            max_bytes: largest size of the documents in bytes. A larger document comes alone.
        """
        rows = _read(
            connection,
            self._follow,
            {"revision": revision, "caught_up": caught_up, "limit": limit, "bytes": max_bytes},
        )
        changes = [self._change(row) for row in rows if row[1] is not None]
        cut = bool(rows) and len(rows) < rows[0][8]
        return Page(
            changes,
            rows[-1][0] if rows else revision,
            None,
            rows=len(rows),
            full=cut or len(rows) == limit,
            cut=cut,
        )

    def scan(
        self,
        connection: Session,
        *,
        revision: int,
        until: int,
        after: Sequence[str] | None,
        deletes: bool,
        limit: int,
        max_bytes: int,
    ) -> Page:
        """Return the next page of the stored feed in key order: rows with revisions above `revision`.

        Args:
            until: the greatest revision of the scan.
            deletes: whether to include deletes also if `revision` is 0, when all documents are new.
            limit, max_bytes: as in `follow`.
        """
        parameters: dict[str, object] = {
            "revision": revision,
            "until": until,
            "deletes": deletes,
            "limit": limit,
            "bytes": max_bytes,
        }
        if after is not None:
            parameters |= {f"after_{n}": value for n, value in enumerate(after, start=1)}
        rows = _read(connection, self._scan_on if after is not None else self._scan, parameters)
        changes = [self._change(row) for row in rows]
        cut = bool(rows) and len(rows) < rows[0][8]
        full = cut or len(rows) == limit
        last = orjson.loads(rows[-1][9]) if full else None
        return Page(changes, until, last, rows=len(rows), full=full, cut=cut)

    def due(self, connection: Session, sink: str, *, limit: int) -> tuple[list[Change], list[str]]:
        """Return a sink's failed items that are due.

        Returns:
            Their present documents, with every field counted as changed, and the keys (JSON objects) of those
            that are no longer stored. A document that has changed since is in neither: the log brings it.
        """
        rows = _read(connection, self._due, {"sink": sink, "name": self.feed.name, "limit": limit})
        present = [self._change(row) for row in rows if row[0] is not None]
        return present, [row[1].decode() for row in rows if row[0] is None]

    def refused_documents(
        self, connection: Session, where: Mapping[str, str]
    ) -> dict[str, tuple[int, bytes]]:
        """Return the stored documents of failed items.

        Args:
            where: values of key columns, to select items.

        Returns:
            For each key (JSON, as `cdc.failed_item` has it) the stored revision and document; `null` stands
            for a tombstone. A key that is no longer stored is not there.
        """
        query = statement(
            "feed.refused_documents",
            feed=sql.Identifier(self.feed.table),
            same_key=same(self.feed, self.feed.key, "s", "k"),
            key_object=self.key_object,
            former_key=self._key_object_of("k"),
        )
        values = {"name": self.feed.name, "names": list(where), "values": list(where.values())}
        rows = _read(connection, query.as_bytes(), values)
        return {key: (revision, document) for key, revision, document in rows}

    def replay_some(self, connection: Session, sink: str, where: Mapping[str, str]) -> int:
        """Schedule the redelivery of documents with these values in key columns.

        Returns:
            The number of documents.
        """
        matches = sql.SQL(" AND ").join(
            equals(self.feed, name, "s", f"value_{n}") for n, name in enumerate(where, start=1)
        )
        query = statement(
            "feed.replay_some",
            key_object=self.key_object,
            id=key_id(sql.SQL("k.key")),
            feed=sql.Identifier(self.feed.table),
            matches=matches,
        )
        values = {f"value_{n}": value for n, value in enumerate(where.values(), start=1)}
        return connection.execute(query, {"sink": sink, "name": self.feed.name, **values}).rowcount

    def revision_before(self, connection: Session, moment: datetime) -> int:
        """Return the last revision that was stored before a moment. Reads all rows of the feed."""
        row = connection.execute(
            statement("feed.revision_before", feed=sql.Identifier(self.feed.table)),
            {"name": self.feed.name, "since": moment},
        ).fetchone()
        return int(row[0]) if row else 0

    def _change(self, row: Sequence[Any]) -> Change:
        revision, key, deleted, digest, document, captured_at, changed, size = row[:8]
        fields = () if deleted else self.feed.fields if changed is None else self._named(changed)
        return Change(revision, key, deleted, digest, document, captured_at, fields, size)

    def _named(self, changed: str) -> tuple[str, ...]:
        """Return the document's fields in a JSON array of names.

        Most changes of a feed have the same fields.
        """
        fields = self._named_before.get(changed)
        if fields is None:
            if len(self._named_before) >= MOST_REMEMBERED:
                self._named_before.clear()
            named = set(orjson.loads(changed))
            # The log may name a field of an earlier definition of the feed.
            fields = tuple(field for field in self.feed.fields if field in named)
            self._named_before[changed] = fields
        return fields

    @property
    def key_object(self) -> sql.Composed:
        """Return the expression of the key (json) of the stored row `s`."""
        return self._key_object_of("s")

    def _key_object_of(self, row: str) -> sql.Composed:
        return sql.SQL("(SELECT pg_catalog.row_to_json(o.*) FROM (SELECT {}) AS o)").format(
            columns(self.feed.key, of=row)
        )

    @cached_property
    def _follow(self) -> bytes:
        feed = self.feed
        return statement(
            "feed.changes",
            log=sql.Identifier(feed.log),
            log_keys=columns(feed.key, of="l"),
            feed=sql.Identifier(feed.table),
            max_bytes=sql.Literal(feed.max_document_bytes),
            key_object=sql.SQL("CASE WHEN s.revision IS NOT NULL THEN {} END").format(self.key_object),
            same_key=same(feed, feed.key, "s", "p"),
        ).as_bytes()

    @cached_property
    def _due(self) -> bytes:
        feed = self.feed
        return statement(
            "feed.due_failed_items",
            key_object=sql.SQL("CASE WHEN s.revision IS NOT NULL THEN {} END").format(self.key_object),
            former_key=self._key_object_of("k"),
            feed=sql.Identifier(feed.table),
            max_bytes=sql.Literal(feed.max_document_bytes),
            same_key=same(feed, feed.key, "s", "k"),
        ).as_bytes()

    @cached_property
    def _scan(self) -> bytes:
        return self._scan_statement(sql.SQL(""))

    @cached_property
    def _scan_on(self) -> bytes:
        feed = self.feed
        values = {name: parameter(feed, name, f"after_{n}") for n, name in enumerate(feed.key, start=1)}
        return self._scan_statement(statement("feed.scan_after", after=after(feed, feed.key, "s", values)))

    def _scan_statement(self, after: sql.Composable) -> bytes:
        feed = self.feed
        return statement(
            "feed.scan",
            key_object=self.key_object,
            key_texts=texts(feed, feed.key, of="s"),
            feed=sql.Identifier(feed.table),
            stored_keys=columns(feed.key, of="s"),
            max_bytes=sql.Literal(feed.max_document_bytes),
            after=after,
        ).as_bytes()


def _read(connection: Session, query: bytes, parameters: Mapping[str, object]) -> list[tuple[Any, ...]]:
    """Return rows read in PostgreSQL's binary format, so that bytes are not converted to hex and back."""
    return connection.execute(query, parameters, binary=True).fetchall()
