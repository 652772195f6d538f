"""Lists of the documents of a feed, page by page: by last update, by key, or by what a sink has of them.

No page counts documents, and each reads by an index that exists. The stored feed has no index by revision,
because each update of a document would have to write it. So the order by last update is that of the feed's
log, which reaches back as far as the sinks need it and some minutes more. A small feed is sorted instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson
import psycopg
from psycopg import sql

from cdc_daemon.errors import FeedError, UnusableValue
from cdc_daemon.feeds.comparison import same
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.insight.documents.rows import DocumentRow, after_key, read_row, row
from cdc_daemon.insight.documents.sink_states import STATES, SinkPlace, places, with_states
from cdc_daemon.insight.trace.read import one_snapshot, short_waits
from cdc_daemon.insight.trace.subject import stored_definition
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings

Order = Literal["update", "key"]

MOST_SORTED = 20_000
"""A feed with no more documents and tombstones than this is sorted as a whole."""

MOST_READ = 1_000
"""How many lines one page reads at most until it is full. A filter may take few of them."""

STEP = 200


@dataclass(frozen=True)
class DocumentPage:
    """A page of a list.

    Attributes:
        order: `update` (the newest first), `key`, or `delivery` (in which a sink gets or refused them).
        next: where the next page begins, for `after`; None if this page is the last one.
        read: number of lines that were read for this page. Without a filter, lines of superseded revisions
            are the difference to `rows`.
        log_ends: whether the list ends because the log begins here. Older documents are listed by key.
    """

    rows: Sequence[DocumentRow]
    order: str
    next: str | None = None
    read: int = 0
    log_ends: bool = False


def list_documents(
    connection: Connection,
    settings: Settings,
    feed: str,
    *,
    order: Order = "update",
    sink: str | None = None,
    state: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> DocumentPage:
    """Return a page of the documents of a feed.

    Args:
        connection: session in autocommit mode, outside of a transaction.
        sink, state: only documents of which the sink has this (see `STATES`); give both or neither.
        after: `next` of the page before.
        limit: largest number of documents.

    Raises:
        InstallError: nothing is installed, or by an earlier version.
        FeedError: the feed is not installed.
        UnusableValue: `state` or `after` is none.
    """
    if state is not None and state not in STATES:
        raise UnusableValue(
            f"{state!r} is no state", where="documents", hint=f"use one of {', '.join(STATES)}"
        )
    if (sink is None) != (state is None):
        raise UnusableValue("a state and a sink are needed together", where="documents", hint="name both")
    with short_waits(connection), one_snapshot(connection):
        definition = require_stored(connection, settings, feed)
        sinks = places(connection, feed, settings.feeds[feed].sinks)
        lists = _Lists(connection, definition, sinks, limit)
        if sink is None or state is None:
            return lists.by_update(after) if order == "update" else lists.by_key(after)
        chosen = next((each for each in sinks if each.sink == sink), None)
        if chosen is None:
            raise UnusableValue(
                f"does not go to sink {sink}", where=f"feed {feed}", hint="name one of its sinks"
            )
        if state in {"refused", "parked"}:
            return lists.refused(sink, parked=state == "parked", after=after)

        def has_state(each: DocumentRow) -> bool:
            return each.sinks[sink] == state

        if state == "waiting" and not chosen.wanted and chosen.scan_until is None:
            return lists.in_log(chosen, has_state, after)
        if state == "waiting" or order == "key":
            return lists.by_key(after, has_state)
        return lists.by_update(after, has_state)


def require_stored(connection: Connection, settings: Settings, feed: str) -> FeedDefinition:
    """Return what the stored table tells of a feed's definition.

    Raises:
        FeedError: the feed is not installed.
    """
    found = stored_definition(connection, settings, feed)
    if found is None:
        raise FeedError("is not installed", where=f"feed {feed}", hint="run `cdc-daemon install`")
    return found


Wanted = Callable[[DocumentRow], bool]


def _every(_row: DocumentRow) -> bool:
    return True


@dataclass(frozen=True)
class _Lists:
    connection: Connection
    feed: FeedDefinition
    sinks: Sequence[SinkPlace]
    limit: int

    def by_key(self, after: str | None, wanted: Wanted = _every) -> DocumentPage:
        last = None if after is None else key_place(after)
        if last is not None and len(last) != len(self.feed.key):
            raise no_place(after)

        def read(place: Any, number: int) -> list[tuple[Any, DocumentRow | None]]:
            condition, parameters = after_key(self.feed, place)
            query = statement(
                "document_list.by_key",
                row=row(self.feed),
                feed=sql.Identifier(self.feed.table),
                after=condition,
                stored_keys=columns(self.feed.key, of="s"),
                limit=sql.Literal(number),
            )
            try:
                found = self.connection.execute(query, parameters).fetchall()
            except psycopg.DataError as error:  # a value is none of its column's type
                raise no_place(after) from error
            rows = map(read_row, found)
            return [(list(each.key_texts), each) for each in rows]

        return self._filled("key", "k", read, last, wanted)

    def by_update(self, after: str | None, wanted: Wanted = _every) -> DocumentPage:
        before = None if after is None else _revision(after)
        counted = self.connection.execute(
            statement("document_list.stored"), {"feed": self.feed.name}
        ).fetchone()
        if counted and counted[0] is not None and counted[0] <= MOST_SORTED:
            return self._filled("update", "r", self._sorted, before, wanted)
        return self._filled("update", "r", self._log("newest"), before, wanted, of_log=True)

    def in_log(self, sink: SinkPlace, wanted: Wanted, after: str | None) -> DocumentPage:
        """Return what a sink that follows the log will get."""
        place = sink.revision if after is None else max(sink.revision, _revision(after))
        return self._filled("delivery", "r", self._log("oldest"), place, wanted)

    def refused(self, sink: str, *, parked: bool, after: str | None) -> DocumentPage:
        def read(place: Any, number: int) -> list[tuple[Any, DocumentRow | None]]:
            query = statement(
                "document_list.refused",
                row=row(self.feed),
                feed=sql.Identifier(self.feed.table),
                same_key=same(self.feed, self.feed.key, "s", "k"),
                limit=sql.Literal(number),
            )
            values = {"sink": sink, "feed": self.feed.name, "parked": parked, "after": place or ""}
            return [(id_, read_row(found)) for id_, *found in self.connection.execute(query, values)]

        place = "" if after is None else _digest(after)
        return self._filled("delivery", "i", read, place, _every)

    def _sorted(self, before: Any, number: int) -> list[tuple[Any, DocumentRow | None]]:
        query = statement(
            "document_list.sorted",
            row=row(self.feed),
            feed=sql.Identifier(self.feed.table),
            limit=sql.Literal(number),
        )
        found = map(read_row, self.connection.execute(query, {"before": before}))
        return [(each.revision, each) for each in found]

    def _log(self, direction: str) -> Callable[[Any, int], list[tuple[Any, DocumentRow | None]]]:
        query_name, parameter = (
            ("document_list.newest", "before") if direction == "newest" else ("document_list.oldest", "after")
        )

        def read(place: Any, number: int) -> list[tuple[Any, DocumentRow | None]]:
            query = statement(
                query_name,
                row=row(self.feed),
                log=sql.Identifier(self.feed.log),
                log_keys=columns(self.feed.key, of="l"),
                feed=sql.Identifier(self.feed.table),
                same_key=same(self.feed, self.feed.key, "s", "p"),
                limit=sql.Literal(number),
            )
            return [
                (revision, None if found[2] is None else read_row(found))
                for revision, *found in self.connection.execute(query, {parameter: place})
            ]

        return read

    def _filled(
        self,
        order: str,
        kind: str,
        read: Callable[[Any, int], list[tuple[Any, DocumentRow | None]]],
        place: Any,
        wanted: Wanted,
        *,
        of_log: bool = False,
    ) -> DocumentPage:
        """Read on until the page is full, the list ends, or too many lines were read.

        Args:
            read: returns lines after a place, each with its own place; None: the line has no document.
        """
        rows: list[DocumentRow] = []
        lines = 0
        # One line more than the page needs tells whether there is a next page.
        step = self.limit + 1 if wanted is _every else STEP
        while True:
            found = read(place, step)
            documents = with_states(
                self.connection, self.feed, self.sinks, [each for _, each in found if each is not None]
            )
            told = {each.revision: each for each in documents}
            for at, each in found:
                if each is not None and wanted(told[each.revision]):
                    if len(rows) == self.limit:
                        return DocumentPage(rows, order, encoded(kind, place), lines)
                    rows.append(told[each.revision])
                lines += 1
                place = at
            if len(found) < step:
                return DocumentPage(rows, order, None, lines, log_ends=of_log)
            if lines >= MOST_READ:
                return DocumentPage(rows, order, encoded(kind, place), lines)


def encoded(kind: str, place: object) -> str:
    """Return a place of a list as the text that `after` takes.

    Args:
        kind: `k` (a key), `r` (a revision) or `i` (the digest of a key).
    """
    return f"{kind}{orjson.dumps(place).decode()}"


def key_place(text: str) -> list[str]:
    """Return the values of the key columns at which a page by key begins.

    Raises:
        UnusableValue: the text is no such place.
    """
    try:
        place = orjson.loads(text[1:]) if text.startswith("k") else None
    except orjson.JSONDecodeError:
        place = None
    values = cast("list[object]", place) if isinstance(place, list) else []
    texts = [each for each in values if isinstance(each, str)]
    if not texts or len(texts) != len(values):
        raise no_place(text)
    return texts


def _revision(text: str) -> int:
    if text.startswith("r") and text[1:].isascii() and text[1:].isdecimal() and int(text[1:]) < 2**63:
        return int(text[1:])
    raise no_place(text)


def _digest(text: str) -> str:
    digest = text[2:-1]
    if (
        text.startswith('i"')
        and text.endswith('"')
        and len(digest) == 64
        and not set(digest) - set("0123456789abcdef")
    ):
        return digest
    raise no_place(text)


def no_place(text: str | None) -> UnusableValue:
    """Return the error of an `after` that is no place in a list."""
    return UnusableValue(
        f"{text!r} is no place in this list", where="documents", hint="begin at its first page"
    )
