"""Counts the documents that a sink lacks, up to a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from cdc_daemon.feeds.comparison import after
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.text_form import parameter
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class ReadPosition:
    """Where a sink reads on (see `cdc.sink_state`).

    Attributes:
        deletes: whether a scan also tells of documents that were gone before the sink had anything.
    """

    revision: int
    scan_key: Sequence[str] | None
    scan_until: int | None
    deletes: bool


def undelivered(
    connection: Session, feed: FeedDefinition, position: ReadPosition, *, most: int
) -> tuple[int, bool]:
    """Return the number of documents and deletes that a sink lacks, and whether it may lack more.

    Args:
        most: number of rows to read; the cost does not grow with the feed.
    """
    start = position.revision if position.scan_until is None else position.scan_until
    lines, more = _count(
        connection,
        statement("status.undelivered_log", log=sql.Identifier(feed.log)),
        {"revision": start, "most": most},
    )
    if position.scan_until is None:
        return lines, more
    values = {name: parameter(feed, name, f"after_{n}") for n, name in enumerate(feed.key, start=1)}
    rest = statement("feed.scan_after", after=after(feed, feed.key, "s", values))
    rows, more_rows = _count(
        connection,
        statement(
            "status.undelivered_scan",
            feed=sql.Identifier(feed.table),
            stored_keys=columns(feed.key, of="s"),
            after=rest if position.scan_key else sql.SQL(""),
        ),
        {
            "revision": position.revision,
            "until": position.scan_until,
            "deletes": position.deletes,
            "most": most,
            **{f"after_{n}": value for n, value in enumerate(position.scan_key or (), start=1)},
        },
    )
    return lines + rows, more or more_rows


def _count(connection: Session, query: sql.Composed, parameters: dict[str, Any]) -> tuple[int, bool]:
    row = connection.execute(query, parameters).fetchone()
    found, read = row or (0, 0)
    most: int = parameters["most"]
    return (found, False) if read <= most else (min(found, most), True)
