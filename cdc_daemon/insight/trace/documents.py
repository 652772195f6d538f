"""Reads the document of one key: as the query yields it now, and as it is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import orjson
import psycopg
from psycopg import sql

from cdc_daemon.errors import CdcError
from cdc_daemon.feeds.comparison import equals, same
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.hashed_documents import affected, entity_arrays, hashed_documents
from cdc_daemon.feeds.text_form import parameter, texts
from cdc_daemon.insight.trace.facts import Difference, Stored, Yielded
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.pg.statements import statement

_AND = sql.SQL(" AND ")
_COMMA = sql.SQL(", ")
_DECODER = json.JSONDecoder()


def numbered(prefix: str, values: Sequence[str]) -> dict[str, object]:
    """Return values as the parameters `<prefix>_1 …`."""
    return {f"{prefix}_{n}": value for n, value in enumerate(values, start=1)}


def typed(feed: FeedDefinition, names: tuple[str, ...], prefix: str) -> sql.Composed:
    """Return columns made of such parameters, in the types of these output columns."""
    return _COMMA.join(
        sql.SQL("{} AS {}").format(parameter(feed, name, f"{prefix}_{n}"), sql.Identifier(name))
        for n, name in enumerate(names, start=1)
    )


def matching(feed: FeedDefinition, names: tuple[str, ...], alias: str, prefix: str) -> sql.Composed:
    """Return the condition that columns of the rows `alias` equal such parameters."""
    return _AND.join(equals(feed, name, alias, f"{prefix}_{n}") for n, name in enumerate(names, start=1))


def read_stored(
    connection: Connection, feed: FeedDefinition, key: Sequence[str]
) -> tuple[str, Stored | None]:
    """Return the key as a JSON object, spelled as it is stored if it is, and the stored row.

    Raises:
        CdcError: a value is none of its column's type.
    """
    query = statement(
        "trace.stored",
        keys=_COMMA.join(
            sql.SQL("CASE WHEN s.revision IS NULL THEN {} ELSE {} END AS {}").format(
                sql.Identifier("a", name), sql.Identifier("s", name), sql.Identifier(name)
            )
            for name in feed.key
        ),
        refresh_at=sql.Identifier("s", "refresh_at") if feed.refreshes else sql.NULL,
        entities=texts(feed, feed.entity, of="s"),
        asked=typed(feed, feed.key, "key"),
        feed=sql.Identifier(feed.table),
        same_key=same(feed, feed.key, "s", "a"),
    )
    try:
        row = connection.execute(query, numbered("key", key)).fetchone()
    except psycopg.DataError as error:
        raise CdcError(
            first_line(error),
            where=f"feed {feed.name}, key ({', '.join(feed.key)})",
            hint="spell the value as in the document; separate the values of several key columns by spaces",
        ) from error
    if row is None:  # a SELECT FROM a sub-select without FROM always returns a row
        raise CdcError("the key gave no row", where=f"feed {feed.name}")
    shown, document, digest, revision, deleted, captured_at, modified_at, refresh_at, entity = row
    if revision is None:
        return shown, None
    return shown, Stored(
        document, digest, revision, deleted, captured_at, modified_at, refresh_at, tuple(entity)
    )


def read_yielded(
    connection: Connection, feed: FeedDefinition, key: Sequence[str], stored: Stored | None
) -> tuple[str | None, Yielded]:
    """Return the key as the query spells it, and its document.

    The query is asked for the document's entity, as a recomputation asks it. If the entity is not known, or
    does not have the document, the query is asked for the key: the planner may find no index for that.
    """
    entity = stored.entity if stored else _entity_of_key(feed, key)
    parameters = numbered("key", key)
    if entity is not None:
        spelled, found = _run(
            connection, _query(feed, None), feed, {**parameters, **entity_arrays(feed, [tuple(entity)])}
        )
        if found.document is not None or found.failed or set(feed.entity) <= set(feed.key):
            return spelled, found
    return _run(connection, _query(feed, matching(feed, feed.key, "u", "key")), feed, parameters)


def _entity_of_key(feed: FeedDefinition, key: Sequence[str]) -> tuple[str, ...] | None:
    """Return the entity's values if they are part of the key."""
    known = dict(zip(feed.key, key, strict=True))
    return tuple(known[name] for name in feed.entity) if set(feed.entity) <= set(feed.key) else None


def _query(feed: FeedDefinition, where: sql.Composed | None) -> sql.Composed:
    return statement(
        "trace.yielded",
        entities=texts(feed, feed.entity, of="d"),
        key_object=sql.SQL("(SELECT pg_catalog.row_to_json(k.*) FROM (SELECT {}) AS k)").format(
            columns(feed.key, of="d")
        ),
        refresh_at=sql.Identifier("d", "refresh_at") if feed.refreshes else sql.NULL,
        hashed_documents=hashed_documents(feed, where=where),
        same_key=matching(feed, feed.key, "d", "key"),
    )


def _run(
    connection: Connection, query: sql.Composed, feed: FeedDefinition, parameters: Mapping[str, object]
) -> tuple[str | None, Yielded]:
    try:
        with connection.transaction():
            with names_found_in(connection, feed.search_path):
                done = connection.execute(query, parameters)
            row = done.fetchone()
    except psycopg.Error as error:
        if connection.closed:
            raise
        return None, Yielded(failed=failure(error), blocked=error.sqlstate == _LOCKED)
    if row is None:
        return None, Yielded()
    entity, key, document, digest, refresh_at = row
    return key, Yielded(document, digest, tuple(orjson.loads(entity)), refresh_at)


_LOCKED = "55P03"


def failure(error: psycopg.Error) -> str:
    """Return PostgreSQL's words for an error, after its SQLSTATE."""
    return f"{error.sqlstate}: {first_line(error)}" if error.sqlstate else first_line(error)


def keys_of_entity(
    connection: Connection, feed: FeedDefinition, entity: Sequence[str], *, limit: int
) -> list[tuple[str, ...]]:
    """Return at most `limit` keys of an entity's documents, stored ones and those that the query yields now.

    If the query fails, only the stored ones.
    """
    query = statement(
        "trace.keys_of_entity",
        keys=texts(feed, feed.key, of="k"),
        stored_keys=columns(feed.key, of="s"),
        feed=sql.Identifier(feed.table),
        affected_stored=affected(feed, "s"),
        query_keys=columns(feed.key, of="q"),
        query=feed.query(with_parameters=True),
        affected_query=affected(feed, "q"),
        order=_COMMA.join(sql.Literal(n) for n, _ in enumerate(feed.key, start=1)),
        limit=sql.Literal(limit),
    )
    parameters = entity_arrays(feed, [tuple(entity)])
    try:
        with connection.transaction():
            with names_found_in(connection, feed.search_path):
                done = connection.execute(query, parameters)
            return done.fetchall()
    except psycopg.Error:
        if connection.closed:
            raise
    stored = statement(
        "trace.stored_keys_of_entity",
        keys=texts(feed, feed.key, of="s"),
        feed=sql.Identifier(feed.table),
        affected=affected(feed, "s"),
        order=columns(feed.key, of="s"),
        limit=sql.Literal(limit),
    )
    return connection.execute(stored, parameters).fetchall()


def differences(feed: FeedDefinition, stored: str | None, now: str | None) -> Iterator[Difference]:
    """Yield the fields in which two documents differ, byte for byte, in the order of the newer one."""
    before, after = _fields(stored), _fields(now)
    for name in dict.fromkeys((*after, *before)):
        if before.get(name) != after.get(name):
            yield Difference(name, before.get(name), after.get(name), name not in feed.hash_exclude)


def _fields(document: str | None) -> dict[str, str]:
    """Return the text of each field of a JSON object: parsed, 1.0 and 1.00 would be equal."""
    found: dict[str, str] = {}
    if document is None:
        return found
    at = _skip(document, 1)
    while document[at] != "}":
        name, at = _DECODER.raw_decode(document, at)
        start = _skip(document, _skip(document, at) + 1)
        _, end = _DECODER.raw_decode(document, start)
        found[name] = document[start:end]
        at = _skip(document, end)
        if document[at] == ",":
            at = _skip(document, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
