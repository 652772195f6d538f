"""Reads how far each sink of a feed has one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from psycopg import sql

from cdc_daemon.feeds.comparison import after
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.key_id import key_id
from cdc_daemon.feeds.text_form import parameter
from cdc_daemon.insight.trace.documents import numbered, typed
from cdc_daemon.insight.trace.facts import Sink, Stored
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.chosen_items import FailedItem
from cdc_daemon.workers.control import EVERY, Pause

MOST_AHEAD = 10_000
"""How many changes before a document are counted."""


def read_sinks(
    connection: Connection,
    feed: FeedDefinition,
    sinks: Sequence[str],
    key: Sequence[str],
    shown: str,
    stored: Stored | None,
) -> list[Sink]:
    """Return how far each of these sinks has the stored document of a key.

    Args:
        key: values of the key columns, as text.
        shown: the key as a JSON object, spelled as it is stored.
    """
    query = statement("trace.sinks", id=key_id(sql.SQL("%(key)s::pg_catalog.jsonb")))
    rows = connection.execute(query, {"feed": feed.name, "sinks": list(sinks), "key": shown}).fetchall()
    known = {row[0]: row for row in rows}
    return [
        _sink(connection, feed, key, shown, stored, known[name])
        if name in known
        else Sink(name, None if stored is None else False, snapshot="wanted")
        for name in sinks
    ]


def _sink(
    connection: Connection,
    feed: FeedDefinition,
    key: Sequence[str],
    shown: str,
    stored: Stored | None,
    row: Sequence[Any],
) -> Sink:
    name, revision, scan_until, scan_key, snapshot, wanted, tell_deletes = row[:7]
    failure, failed_at, attempts, retry_at, delivered_at = row[7:12]
    *item, refused = row[12:19]
    refusal = FailedItem(name, feed.name, shown, *item) if refused else None
    has: bool | None = None
    ahead: int | None = None
    if stored is not None:
        passed = scan_key is not None and not _comes_after(connection, feed, key, orjson.loads(scan_key))
        has = not wanted and has_revision(
            stored.revision,
            revision,
            scan_until,
            deleted=stored.deleted,
            passed=passed,
            tell_deletes=tell_deletes,
        )
        # An item of an earlier revision is superseded: the later one is delivered in the usual order.
        refusal = refusal if refusal and refusal.revision == stored.revision else None
        if refusal:
            has = False
        elif not has and scan_until is None and not wanted:
            ahead = _ahead(connection, feed, revision, stored.revision)
    return Sink(
        name,
        has,
        revision,
        ahead,
        failure,
        failed_at,
        attempts,
        retry_at if failure else None,
        refusal,
        _pause(*row[19:25]),
        "wanted" if wanted else "under way" if snapshot else None,
        delivered_at,
    )


def _pause(
    sink: str, feed: str, reason: str | None, paused_at: datetime | None, *author: str | None
) -> Pause | None:
    if paused_at is None:
        return None
    every = (None if sink == EVERY else sink, None if feed == EVERY else feed)
    return Pause(*every, reason, paused_at, *author)


def has_revision(
    stored: int, revision: int, scan_until: int | None, *, deleted: bool, passed: bool, tell_deletes: bool
) -> bool:
    """Whether a sink took a stored revision: from the log up to its cursor, or by a scan in key order.

    Args:
        stored, deleted: the document's revision, and whether it is a tombstone.
        revision, scan_until, tell_deletes: of the sink (see `cdc.sink_state`).
        passed: whether the scan has passed the document's key.
    """
    if stored <= revision:
        return True
    if scan_until is None or stored > scan_until:
        return False
    return passed or (deleted and revision == 0 and not tell_deletes)


def _comes_after(
    connection: Connection, feed: FeedDefinition, key: Sequence[str], last: Sequence[str]
) -> bool:
    values = {name: parameter(feed, name, f"after_{n}") for n, name in enumerate(feed.key, start=1)}
    query = statement(
        "trace.comes_after",
        after=after(feed, feed.key, "s", values),
        asked=typed(feed, feed.key, "key"),
    )
    parameters: Mapping[str, object] = {**numbered("key", key), **numbered("after", last)}
    return bool(connection.execute(query, parameters).fetchall()[0][0])


def _ahead(connection: Connection, feed: FeedDefinition, revision: int, until: int) -> int:
    query = statement("trace.ahead", log=sql.Identifier(feed.log), limit=sql.Literal(MOST_AHEAD))
    return int(connection.execute(query, {"after": revision, "before": until}).fetchall()[0][0])
