"""Reads stored documents for a comparison with a receiver, and gives them new revisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from psycopg import sql

from cdc_daemon.feeds.comparison import after, same
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.recompute import text_array
from cdc_daemon.feeds.text_form import parameter, texts
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.segments import current_segment

_COMMA = sql.SQL(", ")


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored document or tombstone, without its text.

    Attributes:
        key: the key columns as a JSON object.
        hash: hex; None for a tombstone.
        digest: sha256 of the document on one line; None for a tombstone.
    """

    key: str
    revision: int
    deleted: bool
    hash: str | None
    digest: bytes | None


@dataclass(frozen=True)
class StoredDocuments:
    """The stored documents of one feed."""

    feed: FeedDefinition

    def pages(
        self, connection: Session, *, limit: int, since: datetime | None = None
    ) -> Iterator[Sequence[Stored]]:
        """Yield all stored documents and tombstones in key order, each page by a statement of its own.

        Args:
            since: only those that were stored or deleted since then.
        """
        last: Sequence[str] | None = None
        while True:
            parameters: dict[str, object] = {"since": since}
            if last is not None:
                parameters |= {f"after_{n}": value for n, value in enumerate(last, start=1)}
            query = self._page(after_key=last is not None, since=since is not None, limit=limit)
            rows = connection.execute(query, parameters).fetchall()
            if not rows:
                return
            yield [
                Stored(key, revision, deleted, hash_, digest)
                for key, revision, deleted, hash_, digest, _ in rows
            ]
            last = orjson.loads(rows[-1][5])

    def documents(self, connection: Session, keys: Sequence[str]) -> Mapping[str, tuple[int, bytes | None]]:
        """Return revision and document (None for a tombstone) of some keys, by these keys."""
        query = statement(
            "verification.documents",
            feed=sql.Identifier(self.feed.table),
            same_key=same(self.feed, self.feed.key, "s", "k"),
        )
        rows = connection.execute(query, {"keys": list(keys)}).fetchall()
        return {
            key: (revision, None if document is None else document.encode())
            for key, revision, _, document in rows
        }

    def renew(self, connection: Session, keys: Sequence[str]) -> tuple[int, int]:
        """Give documents new revisions, in a transaction that holds the feed's state row.

        Returns:
            The number of documents and tombstones, and the greatest revision.
        """
        feed = self.feed
        query = statement(
            "verification.renew",
            revision=sql.Literal(f"{own_schema.name()}.{sql.Identifier(feed.revision).as_string()}"),
            feed=sql.Identifier(feed.table),
            log=sql.Identifier(feed.segments[current_segment()]),
            same_key=same(feed, feed.key, "s", "k"),
            stored_keys=columns(feed.key, of="s"),
            keys=columns(feed.key),
            known_keys=columns(feed.key, of="k"),
            buried_keys=columns(feed.key, of="b"),
            identity=columns(feed.identity),
            identity_values=_COMMA.join(
                sql.Identifier("k", name)
                if name in feed.key
                else sql.SQL("COALESCE({}, (SELECT {} FROM cdc.{} AS o LIMIT 1))").format(
                    sql.Identifier("k", name), sql.Identifier("o", name), sql.Identifier(feed.table)
                )
                for name in feed.identity
            ),
            fields=text_array(feed.fields),
        )
        row = connection.execute(query, {"keys": list(keys)}).fetchone()
        count, revision = row or (0, 0)
        connection.execute(statement("verification.renewed"), {"feed": feed.name, "revision": revision or 0})
        return count, revision or 0

    def _page(self, *, after_key: bool, since: bool, limit: int) -> sql.Composed:
        feed = self.feed
        condition: sql.Composable = sql.SQL("")
        if after_key:
            values = {name: parameter(feed, name, f"after_{n}") for n, name in enumerate(feed.key, start=1)}
            condition += statement("feed.scan_after", after=after(feed, feed.key, "s", values))
        if since:
            condition += statement("verification.stored_after")
        return statement(
            "verification.stored",
            key=sql.SQL("(SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {}) AS k)::pg_catalog.text").format(
                columns(feed.key, of="s")
            ),
            key_texts=texts(feed, feed.key, of="s"),
            feed=sql.Identifier(feed.table),
            stored_keys=columns(feed.key, of="s"),
            after=condition,
            limit=sql.Literal(limit),
        )
