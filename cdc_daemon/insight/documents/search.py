"""Finds documents of a feed: by their key, or by a value of any field.

A key is looked up by an index. For a value nothing is indexed: the search reads documents in key order, for a
second at most, and tells how far it came.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson
import psycopg
from psycopg import sql

from cdc_daemon.errors import UnusableValue
from cdc_daemon.feeds.comparison import equals
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.text_form import texts
from cdc_daemon.insight.documents.lists import encoded, key_place, no_place, require_stored
from cdc_daemon.insight.documents.rows import COLUMNS, DocumentRow, after_key, read_row, row
from cdc_daemon.insight.documents.sink_states import places, with_states
from cdc_daemon.insight.json_values import found_in, parse
from cdc_daemon.insight.trace.read import one_snapshot, short_waits
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings

SEARCH_SECONDS = 1.0
"""Longest time of a search by value, and that of the part that is under way."""

PART = 2_000
"""How many documents a search by value reads at once."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        read: number of documents that were read, without those of the last part of a feed.
        next: where to go on, for `after`; None if every document was read.
    """

    rows: Sequence[DocumentRow]
    read: int = 0
    next: str | None = None


def documents_by_key(
    connection: Connection, settings: Settings, feed: str, text: str, *, limit: int = 50
) -> list[DocumentRow]:
    """Return the documents whose key a text names.

    The text is the key as a JSON object, or the values of the first key columns in their order, separated by
    spaces, or one value of the first key column that may have spaces.

    Args:
        connection: session in autocommit mode, outside of a transaction.

    Raises:
        InstallError: nothing is installed, or by an earlier version.
        FeedError: the feed is not installed.
    """
    with short_waits(connection):
        definition = require_stored(connection, settings, feed)
        rows: dict[int, DocumentRow] = {}
        for where in _meanings(definition, text):
            rows |= {each.revision: each for each in _having(connection, definition, where, limit)}
        sinks = places(connection, feed, settings.feeds[feed].sinks)
        return with_states(connection, definition, sinks, list(rows.values())[:limit])


def documents_by_value(
    connection: Connection,
    settings: Settings,
    feed: str,
    text: str,
    *,
    of: str | None = None,
    mask: Collection[str] = (),
    after: str | None = None,
    limit: int = 50,
    seconds: float = SEARCH_SECONDS,
) -> Found:
    """Return documents in which a value contains a text: a string in its middle too, a number as spelled.

    Upper and lower case differ. Tombstones have no values.

    Args:
        connection, after: as in `list_documents`.
        of: only values of fields of this name, at any depth.
        mask: names of fields whose values are not looked at.
        seconds: how long to read, as long as the page is not full.

    Raises:
        InstallError: nothing is installed, or by an earlier version.
        FeedError: the feed is not installed.
        UnusableValue: the text is empty, the field is masked, or `after` is no place.
    """
    if not text:
        raise UnusableValue(
            "there is nothing to search for", where="documents", hint="give a part of a value"
        )
    if of is not None and of in mask:
        raise UnusableValue(
            f"the values of {of!r} are hidden", where="[log] mask", hint="search in another field"
        )
    # In the document a string has JSON's escapes.
    needle = json.dumps(text, ensure_ascii=False)[1:-1]
    with short_waits(connection), one_snapshot(connection):
        definition = require_stored(connection, settings, feed)
        last: Sequence[str] | None = None if after is None else key_place(after)
        rows: list[DocumentRow] = []
        read = 0
        deadline = time.monotonic() + seconds
        ended = False
        while not ended and len(rows) < limit and (read == 0 or time.monotonic() < deadline):
            ended = True
            for each, document in _containing(connection, definition, needle, last):
                last = each.key_texts
                if document is None:
                    ended = False
                    read += PART
                elif found_in(parse(document), text, of=of, mask=mask):
                    rows.append(each)
                    if len(rows) == limit:
                        ended = False
                        break
        sinks = places(connection, feed, settings.feeds[feed].sinks)
        shown = with_states(connection, definition, sinks, rows)
    return Found(shown, read, None if ended or last is None else encoded("k", list(last)))


def key_texts(connection: Connection, feed: FeedDefinition, key: str) -> tuple[str, ...]:
    """Return the values of a key as PostgreSQL writes them.

    Args:
        key: a JSON object with a value for each key column.

    Raises:
        UnusableValue: it is no such object, or a value is none of its column's type.
    """
    where = f"feed {feed.name}, key {key}"
    hint = f"name each of {', '.join(feed.key)}, as in the document"
    try:
        named = orjson.loads(key)
    except orjson.JSONDecodeError:
        raise UnusableValue("is no JSON", where=where, hint=hint) from None
    if not isinstance(named, dict) or set(named) != set(feed.key):  # pyright: ignore[reportUnknownArgumentType]
        raise UnusableValue("has other columns than the feed's key", where=where, hint=hint)
    query = statement(
        "document_list.key_texts", key_texts=texts(feed, feed.key, of="k"), feed=sql.Identifier(feed.table)
    )
    try:
        found = connection.execute(query, {"key": key}).fetchone()
    except psycopg.DataError as error:
        raise UnusableValue(first_line(error), where=where, hint=hint) from error
    values: list[str | None] = orjson.loads(found[0]) if found else []
    if None in values:
        raise UnusableValue("a value of the key is null", where=where, hint=hint)
    return tuple(each for each in values if each is not None)


def _meanings(feed: FeedDefinition, text: str) -> Iterator[Mapping[str, str]]:
    """Yield what a text may mean: values by key column."""
    text = text.strip()
    if text.startswith("{"):
        try:
            named = orjson.loads(text)
        except orjson.JSONDecodeError:
            named = None
        if isinstance(named, dict) and named and set(named) <= set(feed.key):  # pyright: ignore[reportUnknownArgumentType]
            yield {
                name: value if isinstance(value, str) else orjson.dumps(value).decode()
                for name, value in named.items()  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            }
    if not text:
        return
    yield {feed.key[0]: text}
    words = text.split()
    if 1 < len(words) <= len(feed.key):
        yield dict(zip(feed.key, words, strict=False))


def _having(
    connection: Connection, feed: FeedDefinition, where: Mapping[str, str], limit: int
) -> list[DocumentRow]:
    matches = sql.SQL(" AND ").join(
        equals(feed, name, "s", f"value_{n}") for n, name in enumerate(where, start=1)
    )
    query = statement(
        "document_list.having",
        row=row(feed),
        feed=sql.Identifier(feed.table),
        matches=matches,
        stored_keys=columns(feed.key, of="s"),
        limit=sql.Literal(limit),
    )
    values = {f"value_{n}": value for n, value in enumerate(where.values(), start=1)}
    try:
        return list(map(read_row, connection.execute(query, values)))
    except psycopg.DataError:
        return []  # the text is no value of this type, so no document has it


def _containing(
    connection: Connection, feed: FeedDefinition, needle: str, last: Sequence[str] | None
) -> Iterator[tuple[DocumentRow, str | None]]:
    """Yield the next documents that may have the value, and the last one that was read, without its text."""
    condition, parameters = after_key(feed, last)
    query = statement(
        "document_list.containing",
        row=row(feed),
        feed=sql.Identifier(feed.table),
        after=condition,
        stored_keys=columns(feed.key, of="s"),
        numbered_keys=columns(feed.key, of="n"),
        limit=sql.Literal(PART),
    )
    try:
        rows = connection.execute(query, {"text": needle, **parameters}).fetchall()
    except psycopg.DataError as error:  # a value of the last key is none of its column's type
        raise no_place(encoded("k", list(last or ()))) from error
    for found in rows:
        document, read_to_here = found[COLUMNS:]
        each = read_row(found[:COLUMNS])
        if document is not None:
            yield each, document
        if read_to_here:
            yield each, None
