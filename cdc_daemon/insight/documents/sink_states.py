"""How far each sink has the documents of a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson
from psycopg import sql

from cdc_daemon.feeds.comparison import after
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.key_id import key_id
from cdc_daemon.feeds.text_form import parameter
from cdc_daemon.insight.documents.rows import DocumentRow
from cdc_daemon.insight.trace.deliveries import has_revision
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement

STATES = ("delivered", "waiting", "refused", "parked")
"""What a sink has of a document's present revision: it took it, will get it, refused it and will be tried
again, or refused it and is not tried again."""


@dataclass(frozen=True)
class SinkPlace:
    """Where a sink reads on (see `cdc.sink_state`).

    Attributes:
        scan_key: values of the key columns of the last document of the scan under way.
        wanted: a full snapshot is asked for, so that every document waits.
    """

    sink: str
    revision: int = 0
    scan_until: int | None = None
    scan_key: Sequence[str] | None = None
    wanted: bool = True
    tell_deletes: bool = False


def places(connection: Connection, feed: str, sinks: Sequence[str]) -> list[SinkPlace]:
    """Return where each of these sinks reads on, in this order."""
    found = {
        sink: SinkPlace(sink, revision, until, None if key is None else orjson.loads(key), wanted, deletes)
        for sink, revision, until, key, wanted, deletes in connection.execute(
            statement("document_list.sinks"), {"feed": feed, "sinks": list(sinks)}
        )
    }
    return [found.get(sink, SinkPlace(sink)) for sink in sinks]


def with_states(
    connection: Connection, feed: FeedDefinition, sinks: Sequence[SinkPlace], rows: Sequence[DocumentRow]
) -> list[DocumentRow]:
    """Return the same lines with the state of each sink."""
    if not rows or not sinks:
        return list(rows)
    keys = [row.key for row in rows]
    items = _items(connection, feed, [each.sink for each in sinks], keys)
    passed = {each.sink: _passed(connection, feed, each, keys) for each in sinks}
    return [
        replace(row, sinks=dict(_states(row, place, sinks, items, passed)))
        for place, row in enumerate(rows, start=1)
    ]


def _states(
    row: DocumentRow,
    place: int,
    sinks: Sequence[SinkPlace],
    items: Mapping[tuple[str, int], tuple[int, int, bool]],
    passed: Mapping[str, frozenset[int]],
) -> Iterator[tuple[str, str]]:
    for each in sinks:
        revision, attempts, parked = items.get((each.sink, place), (0, 0, False))
        # An item of an earlier revision is superseded: the later one is delivered in the usual order.
        if revision == row.revision:
            yield each.sink, "parked" if parked else "refused" if attempts else "waiting"
            continue
        has = not each.wanted and has_revision(
            row.revision,
            each.revision,
            each.scan_until,
            deleted=row.deleted,
            passed=place in passed[each.sink],
            tell_deletes=each.tell_deletes,
        )
        yield each.sink, "delivered" if has else "waiting"


def _items(
    connection: Connection, feed: FeedDefinition, sinks: Sequence[str], keys: Sequence[str]
) -> dict[tuple[str, int], tuple[int, int, bool]]:
    query = statement("document_list.items", id=key_id(sql.SQL("w.key::pg_catalog.jsonb")))
    rows = connection.execute(query, {"feed": feed.name, "sinks": list(sinks), "keys": list(keys)})
    return {(sink, place): (revision, attempts, parked) for sink, place, revision, attempts, parked in rows}


def _passed(
    connection: Connection, feed: FeedDefinition, sink: SinkPlace, keys: Sequence[str]
) -> frozenset[int]:
    """Return the places of the keys that the sink's scan has passed."""
    if sink.scan_key is None:
        return frozenset()
    values = {name: parameter(feed, name, f"after_{n}") for n, name in enumerate(feed.key, start=1)}
    query = statement(
        "document_list.passed", feed=sql.Identifier(feed.table), after=after(feed, feed.key, "s", values)
    )
    parameters = {f"after_{n}": value for n, value in enumerate(sink.scan_key, start=1)}
    rows = connection.execute(query, {"keys": list(keys), **parameters})
    return frozenset(place for (place,) in rows)
