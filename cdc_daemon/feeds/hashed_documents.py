"""The reading half of a recomputation: the documents of some entities, with their hashes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property

from psycopg import sql

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.comparison import among, column, same
from cdc_daemon.feeds.definition import REFRESH_AT, FeedDefinition, columns
from cdc_daemon.feeds.text_form import array, array_parameter, as_text, from_text
from cdc_daemon.pg.arrays import ByteaArray, TextArray, array_cursor
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement

Entity = tuple[str, ...]
"""The values of the entity columns as texts, as PostgreSQL writes them."""

Parameters = dict[str, object]

_PADDED = re.compile(r"(?:character|bpchar)(?:\(\d+\))?")
_AND = sql.SQL(" AND ")
_COMMA = sql.SQL(", ")


@dataclass(frozen=True)
class RemoteBatch:
    """Documents that a helper session computed, as one array for each column.

    Attributes:
        columns: arrays of the columns that are stored beside the document, in their order.
        documents: array of documents; NULL if the document equals the stored one or is too large.
        sizes: array of the sizes of all documents, in bytes.
    """

    columns: tuple[TextArray | ByteaArray, ...]
    documents: TextArray | ByteaArray
    sizes: TextArray | ByteaArray
    hashes: TextArray | ByteaArray

    def parameters(self) -> Parameters:
        """Return the parameters of `remote_batch`."""
        arrays = {f"column_{n}": array for n, array in enumerate(self.columns, start=1)}
        return {**arrays, "documents": self.documents, "sizes": self.sizes, "hashes": self.hashes}


@dataclass(frozen=True)
class BatchPart:
    """A part of a batch whose documents a helper session computes, with a future for them."""

    entities: Sequence[Entity]
    made: Future[RemoteBatch] = field(default_factory=Future[RemoteBatch])

    def end(self, session: Future[None]) -> None:
        """Fail the part if the session has ended without computing it."""
        error = session.exception()
        if error is not None and not self.made.done():
            self.made.set_exception(error)


@dataclass(frozen=True)
class ComputeRemotely:
    """The statement by which a helper session computes documents for a feed's session."""

    feed: FeedDefinition

    def __call__(
        self, connection: Connection, parts: Sequence[BatchPart], *, snapshot: str, force: bool
    ) -> None:
        """Compute the documents of these entities, part by part.

        Args:
            connection: session in autocommit mode, isolation level REPEATABLE READ.
            snapshot: the snapshot that the feed's session exported in a transaction that holds the state row.
            force: whether to send every document, changed or not.
        """
        with connection.transaction():
            connection.execute(statement("session.take_snapshot", snapshot=sql.Literal(snapshot)))
            for part in parts:
                part.made.set_result(self.make(connection, part.entities, force=force))

    def make(self, connection: Connection, entities: Sequence[Entity], *, force: bool) -> RemoteBatch:
        """Return the documents of one part, in the transaction that imported the snapshot."""
        parameters = {**entity_arrays(self.feed, entities), "force": force}
        with names_found_in(connection, self.feed.search_path):
            made = array_cursor(connection).execute(self._statement, parameters)
        row = made.fetchone()
        if row is None:  # an aggregate without GROUP BY always returns a row
            raise FeedError("making documents gave no result", where=f"feed {self.feed.name}")
        *arrays, documents, sizes, hashes = row
        return RemoteBatch(tuple(arrays), documents, sizes, hashes)

    @cached_property
    def _statement(self) -> bytes:
        return statement(
            "feed.compute_remotely",
            hashed_documents=hashed_documents(self.feed),
            arrays=_COMMA.join(
                statement("feed.remote_array", text=_text(self.feed, sql.Identifier("d", name), name))
                for name in self.feed.stored
            ),
            differs=differs(self.feed),
            feed=sql.Identifier(self.feed.table),
            same_key=same(self.feed, self.feed.key, "s", "d"),
        ).as_bytes()


def entity_arrays(feed: FeedDefinition, entities: Sequence[Entity]) -> Parameters:
    """Return the parameters `entity_1 …` of `affected`."""
    return {
        f"entity_{n}": array(feed, name, [entity[n - 1] for entity in entities])
        for n, name in enumerate(feed.entity, start=1)
    }


def affected(feed: FeedDefinition, alias: str) -> sql.Composed:
    """Return the predicate that selects the entities of `entity_arrays` from the rows `alias`."""
    arrays = [array_parameter(feed, name, f"entity_{n}") for n, name in enumerate(feed.entity, start=1)]
    each = [
        statement("feed.affected_one", column=column(feed, name, alias), equal=feed.equal(name), values=array)
        for name, array in zip(feed.entity, arrays, strict=True)
    ]
    if len(each) > 1:
        rows = statement("feed.wanted_entities", arrays=_COMMA.join(arrays), names=columns(feed.entity))
        each.append(among(feed, feed.entity, alias, other="w", rows=rows))
    return _AND.join(each)


def hashed_documents(
    feed: FeedDefinition, *, identity: sql.Composable | None = None, where: sql.Composable | None = None
) -> sql.Composed:
    """Return a SELECT of documents and hashes of the entities `%(entity_1)s …`.

    Args:
        identity: the columns beside them; None means the stored feed's columns.
        where: a condition on the query's rows `u` that selects them; None means these entities.
    """
    # If the hash covers the whole document, one hash is enough.
    if feed.hashed_fields == feed.fields:
        hash_ = statement("feed.hash", hashed=sql.Identifier("made", "document"))
    else:
        hashed = statement("feed.hash", hashed=feed.document(feed.hashed_fields))
        hash_ = statement("feed.hash_of_some", hash=hashed)
    return statement(
        "feed.hashed_documents",
        identity=identity or _identity(feed),
        document=feed.document(feed.fields),
        max_bytes=sql.Literal(feed.max_document_bytes),
        hash=hash_,
        query=feed.query(with_parameters=True),
        affected_query=where or affected(feed, "u"),
    )


def remote_batch(feed: FeedDefinition) -> sql.Composed:
    """Return a SELECT of the same columns from `RemoteBatch.parameters`."""
    return statement(
        "feed.remote_batch",
        typed=_COMMA.join(
            sql.SQL("{} AS {}").format(_value(feed, sql.Identifier("b", name), name), sql.Identifier(name))
            for name in feed.stored
        ),
        arrays=_COMMA.join(
            sql.SQL("{}::pg_catalog.text[]").format(sql.Placeholder(f"column_{n}"))
            for n in range(1, len(feed.stored) + 1)
        ),
        names=columns(feed.stored),
    )


def _text(feed: FeedDefinition, column: sql.Identifier, name: str) -> sql.Composed:
    """Return a column that is stored beside the document, as text."""
    if name not in feed.identity:
        return sql.SQL("{}::pg_catalog.text").format(column)
    if _PADDED.fullmatch(feed.types[name]):
        # `::text` takes the blanks off a char(n): read back, the key would look spelled otherwise.
        return statement("feed.as_text", value=column)
    return as_text(feed, name, column)


def _value(feed: FeedDefinition, column: sql.Identifier, name: str) -> sql.Composed:
    """Return such a column from its text."""
    if name in feed.identity:
        return from_text(feed, name, column)
    return sql.SQL("{}::pg_catalog.timestamptz").format(column)


def differs(feed: FeedDefinition) -> sql.Composed:
    """Return the predicate that the hashed row `d` differs from the stored row `s`.

    A document whose entity changed differs, even if its hashed fields are the same. So does one with an equal
    key that is spelled differently.
    """
    moved = sql.Composed(
        [
            sql.SQL("OR ({}) IS NOT TRUE").format(same(feed, (name,), "s", "d"))
            for name in feed.entity
            if name not in feed.key
        ]
    )
    if feed.respells:
        moved += sql.SQL(" OR {}").format(written_otherwise(feed))
    return statement("feed.differs", moved=moved, max_bytes=sql.Literal(feed.max_document_bytes))


def written_otherwise(feed: FeedDefinition) -> sql.Composed:
    """The predicate that says that the key of the hashed row `d` has other bytes than that of `s`."""
    return sql.SQL("ROW({})::pg_catalog.record OPERATOR(pg_catalog.*<>) ROW({})::pg_catalog.record").format(
        columns(feed.key, of="s"), columns(feed.key, of="d")
    )


def _identity(feed: FeedDefinition) -> sql.Composed:
    identity = columns(feed.identity, of="q")
    if not feed.refreshes:
        return identity
    return identity + sql.SQL(", ") + statement("feed.refresh_at", column=sql.Identifier("q", REFRESH_AT))
