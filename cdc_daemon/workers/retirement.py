"""Makes sinks delete the documents of a feed before it is dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice

from psycopg import sql

from cdc_daemon.errors import CdcError, InstallError, RecordsRefused
from cdc_daemon.feeds import steps as feed_steps
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import Sink
from cdc_daemon.workers.lease import MARGIN_SECONDS
from cdc_daemon.workers.sink_cursor import LeaseLost, LeaseTaken, SinkCursor

_NAME = "retirement"
_TRY_SECONDS = 0.5


def retire(connection: Connection, settings: Settings, feed: str) -> Iterator[tuple[str, int | None]]:
    """Make every sink that got documents of a feed delete them.

    Yields:
        Each sink with the number of deletes that it took; None for a sink that is no longer configured, which
        keeps the documents.

    Raises:
        InstallError: a sink takes nothing now, or a daemon delivers to it.
    """
    installed = feed_steps.read_installed(connection).get(feed)
    if installed is None or not installed.key:
        return
    for (name,) in connection.execute(statement("retirement.sinks"), {"feed": feed}).fetchall():
        if name not in settings.sinks:
            yield name, None
            continue
        with closing(settings.sinks[name].open(name)) as sink:
            try:
                yield name, _delete_all(connection, sink, feed, installed.key)
            except LeaseLost:
                raise InstallError(
                    "a daemon has begun to deliver to it",
                    where=f"sink {name}, feed {feed}",
                    hint="nothing was dropped: stop that daemon first, or give --keep-delivered",
                ) from None
            except CdcError as error:
                raise InstallError(
                    f"could not be told that the feed is dropped: {error.what}",
                    where=f"sink {name}, feed {feed}",
                    hint="nothing was dropped: try again when the sink is up, or give --keep-delivered",
                ) from error


def _delete_all(connection: Connection, sink: Sink, feed: str, key: tuple[str, ...]) -> int:
    definition = FeedDefinition(feed, "", (), (), ())
    cursor = SinkCursor(connection, sink.name, feed, sink.timeout_seconds)
    _take_lease(cursor)
    number = cursor.begin_snapshot(definition.revision).snapshot_number
    query = statement(
        "retirement.keys",
        keys=columns(key, of="f"),
        feed=sql.Identifier(definition.table),
        sink=sql.Literal(sink.name),
        name=sql.Literal(feed),
    )
    now, told = datetime.now(UTC).isoformat().replace("+00:00", "Z"), 0
    # WITH HOLD, so that no transaction is open during a send.
    with connection.cursor(_NAME, withhold=True) as rows:
        keys = (str(row[0]).encode() for row in rows.execute(query))
        while some := list(dict.fromkeys(islice(keys, sink.batch_records))):
            cursor.renew()
            _send(sink, feed, [_delete(feed, each, number, now) for each in some])
            told += len(some)
    done = False
    while not done:
        cursor.renew()
        try:
            done = sink.end_snapshot(SnapshotEnd(feed, number, now))
        except RecordsRefused:
            done = True  # a receiver that does not understand the end has the deletes nevertheless
    cursor.release()
    return told


def _send(sink: Sink, feed: str, deletes: Sequence[Record]) -> None:
    refused = sink.deliver(feed, deletes)
    if refused:
        raise CdcError(f"refuses to delete {refused[0].key.decode()}: {refused[0].reason}")


def _delete(feed: str, key: bytes, number: int, now: str) -> Record:
    return Record(feed, key, "delete", number, None, (), now, None, snapshot=number, last_snapshot=number)


def _take_lease(cursor: SinkCursor) -> None:
    """Take the lease, waiting until that of another daemon runs out. A daemon that delivers renews its lease.

    Raises:
        CdcError: another daemon kept the lease.
    """
    deadline = time.monotonic() + 2 * MARGIN_SECONDS
    while True:
        try:
            cursor.lease()
        except LeaseTaken:
            if time.monotonic() > deadline:
                raise CdcError("a daemon is delivering to it: stop that daemon first") from None
            time.sleep(_TRY_SECONDS)  # no event tells when a lease of another process ends
        else:
            return
