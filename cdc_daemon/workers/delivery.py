"""One sink's worker: takes what changed in its feeds, hands it over, and only then moves its cursor."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC

import orjson
import psycopg

from cdc_daemon.errors import DatabaseUnavailable, RecordsRefused, SinkUnavailable
from cdc_daemon.feeds.changes import Change, Changes, Page
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.log import Throttle, get_logger
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.pg.statements import statement
from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Sink
from cdc_daemon.workers import lease
from cdc_daemon.workers.bells import Bells

IDLE_SECONDS = 5.0
"""How often a sink looks for itself: for failed items that are due, and leases that ran out."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0

RETRIED_AT_ONCE = 20
"""Failed items tried again between two pages: a thousand of them must not delay what is new."""

log = get_logger()


class _LeaseLost(Exception):
    """Another daemon delivers this feed to this sink."""


@dataclass(frozen=True)
class Position:
    """How far a sink has a feed; see cdc.sink_state."""

    revision: int
    caught_up: int
    scan_key: list[str] | None
    scan_until: int | None


class SinkWorker:
    """Delivers to one sink until it is stopped. No transaction is open during a send.

    Args:
        open_sink: makes the sink; called again after it failed.
        feeds: definitions of the feeds that it takes, by name, as far as they are known by now.
    """

    def __init__(
        self,
        name: str,
        *,
        connect: Callable[[], Connection],
        bells: Bells,
        open_sink: Callable[[], Sink],
        feeds: Callable[[], dict[str, FeedDefinition]],
    ) -> None:
        self.name = f"sink {name}"
        self._sink_name = name
        self._connect = connect
        self._bells = bells
        self._open_sink = open_sink
        self._feeds = feeds
        self._changes: dict[str, Changes] = {}
        self._renew_at = 0.0
        self._failing = False
        self._throttle = Throttle()

    def run(self, stop: threading.Event, beat: Callable[[], None]) -> None:
        """Deliver until stopped.

        Raises:
            DatabaseUnavailable: the session is lost; the supervisor starts the worker again.
        """
        pause = FIRST_PAUSE_SECONDS
        with self._connect() as connection:
            sink = self._open_sink()
            try:
                while not stop.is_set():
                    beat()
                    try:
                        if not self._round(connection, sink):
                            self._bells.await_sink(self._sink_name, IDLE_SECONDS)
                        pause = FIRST_PAUSE_SECONDS
                    except SinkUnavailable as error:
                        seconds = pause * random.uniform(0.5, 1.0)  # noqa: S311 # jitter
                        if error.retry_after_seconds is not None:
                            seconds = error.retry_after_seconds
                        self._failed(error, seconds)
                        stop.wait(seconds)
                        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            except psycopg.OperationalError as error:
                raise DatabaseUnavailable(first_line(error), where=self.name) from error
            finally:
                sink.close()
                self._release(connection)

    def catch_up(self, stop: threading.Event, *, patience_seconds: float) -> None:
        """Deliver everything that its feeds hold now.

        Args:
            patience_seconds: how long a sink that takes nothing is tried again.

        Raises:
            SinkUnavailable: it took nothing for that long.
        """
        deadline = time.monotonic() + patience_seconds
        pause = FIRST_PAUSE_SECONDS
        with self._connect() as connection:
            sink = self._open_sink()
            try:
                while not stop.is_set():
                    try:
                        worked = self._round(connection, sink)
                        if not worked and not self._behind(connection):
                            return
                        if not worked:
                            stop.wait(0.05)  # another daemon delivers
                    except SinkUnavailable as error:
                        if time.monotonic() + pause > deadline:
                            raise
                        self._failed(error, pause)
                        stop.wait(pause)
                        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            finally:
                sink.close()
                self._release(connection)

    def _round(self, connection: Connection, sink: Sink) -> bool:
        """One page of every feed; false if none had anything.

        Raises:
            SinkUnavailable: the sink takes nothing of some feed now; the others had their turn.
        """
        worked, failure = False, None
        for feed, definition in self._feeds().items():
            changes = self._changes.get(feed)
            if changes is None or changes.feed is not definition:
                changes = self._changes[feed] = Changes(definition)
                connection.execute(statement("sink_state.register"), {"sink": self._sink_name, "feed": feed})
            try:
                worked = self._deliver_page(connection, sink, changes) or worked
                self._retry_failed_items(connection, sink, changes)
            except SinkUnavailable as error:
                connection.execute(
                    statement("sink_state.fail"),
                    {"sink": self._sink_name, "feed": feed, "failure": str(error)},
                )
                failure = failure or error
            except _LeaseLost:
                continue  # whoever has it delivers the same from the same place
        if failure is not None:
            raise failure
        return worked

    def _deliver_page(self, connection: Connection, sink: Sink, changes: Changes) -> bool:
        feed = changes.feed.name
        if not self._look(connection, "sink_state.look", feed):
            return False  # an idle sink writes nothing
        position = self._lease(connection, sink, feed)
        page = self._read(connection, changes, position, sink.batch_records)
        after = _after(position, page)
        if after == position:
            return False
        records = [_record(feed, change) for change in page.changes]
        started = time.monotonic()
        for batch in split(records, sink.batch_records, sink.batch_bytes):
            self._hand_over(connection, sink, feed, batch)
        self._advance(connection, sink, feed, position, after, len(records))
        if records:
            log.info(
                "batch_delivered",
                sink=self._sink_name,
                feed=feed,
                records=len(records),
                bytes=sum(len(record.data or b"") for record in records),
                seconds=round(time.monotonic() - started, 4),
            )
            self._recovered()
        return True

    def _look(self, connection: Connection, query: str, feed: str) -> bool:
        row = connection.execute(statement(query), {"sink": self._sink_name, "feed": feed}).fetchone()
        return bool(row and row[0])

    def _lease(self, connection: Connection, sink: Sink, feed: str) -> Position:
        """Take or keep the lease for longer than one `deliver` can last.

        Raises:
            _LeaseLost: somebody else has it.
        """
        keys = {"sink": self._sink_name, "feed": feed}
        holder = connection.execute(statement("sink_state.leased_by"), keys).fetchone()
        dead = holder[0] if holder and holder[0] and lease.is_dead(holder[0]) else None
        seconds = sink.timeout_seconds + lease.MARGIN_SECONDS
        row = connection.execute(
            statement("sink_state.lease"),
            {**keys, "owner": lease.this_process(), "dead": dead, "seconds": seconds},
        ).fetchone()
        if row is None:
            raise _LeaseLost
        self._renew_at = time.monotonic() + lease.MARGIN_SECONDS / 2
        return Position(*row)

    def _retry_failed_items(self, connection: Connection, sink: Sink, changes: Changes) -> None:
        """Hand over, each alone, the refused documents whose next attempt has come, as they are now."""
        feed = changes.feed.name
        if not self._look(connection, "sink_state.is_due", feed):
            return
        self._lease(connection, sink, feed)
        keys = {"sink": self._sink_name, "feed": feed, "limit": RETRIED_AT_ONCE}
        due = [key for (key,) in connection.execute(statement("sink_state.due_items"), keys)]
        for change in changes.by_key(connection, due):
            self._hand_over(connection, sink, feed, [_record(feed, change)])

    def _read(self, connection: Connection, changes: Changes, position: Position, limit: int) -> Page:
        if position.scan_until is None:
            return changes.follow(
                connection, revision=position.revision, caught_up=position.caught_up, limit=limit
            )
        return changes.scan(
            connection,
            revision=position.revision,
            until=position.scan_until,
            after=position.scan_key,
            limit=limit,
        )

    def _hand_over(self, connection: Connection, sink: Sink, feed: str, batch: Sequence[Record]) -> None:
        """Deliver a batch; one that is refused as a whole is halved until the bad records stand alone."""
        if time.monotonic() > self._renew_at:
            self._lease(connection, sink, feed)
        try:
            refused = {refusal.key: refusal for refusal in sink.deliver(feed, batch)}
        except RecordsRefused as refusal:
            if len(batch) > 1:
                middle = len(batch) // 2
                self._hand_over(connection, sink, feed, batch[:middle])
                self._hand_over(connection, sink, feed, batch[middle:])
                return
            self._refused(connection, feed, batch[0], refusal.what)
        else:
            for record in batch:
                if record.key in refused:
                    self._refused(connection, feed, record, refused[record.key].reason)
            if self._has_failed_items(connection, feed):
                keys = [record.key.decode() for record in batch if record.key not in refused]
                connection.execute(
                    statement("sink_state.accepted"), {"sink": self._sink_name, "feed": feed, "keys": keys}
                )

    def _refused(self, connection: Connection, feed: str, record: Record, reason: str) -> None:
        self._throttle.log(
            log.warning,
            "record_refused",
            key=feed,
            sink=self._sink_name,
            feed=feed,
            revision=record.revision,
            reason=reason,
        )
        connection.execute(
            statement("sink_state.refuse"),
            {
                "sink": self._sink_name,
                "feed": feed,
                "key": record.key.decode(),
                "revision": record.revision,
                "reason": reason,
                "pause": 30.0,
            },
        )

    def _has_failed_items(self, connection: Connection, feed: str) -> bool:
        row = connection.execute(
            statement("sink_state.failed_items"), {"sink": self._sink_name, "feed": feed}
        ).fetchone()
        return bool(row and row[0])

    def _advance(
        self,
        connection: Connection,
        sink: Sink,
        feed: str,
        position: Position,
        after: Position,
        records: int,
    ) -> None:
        scan_key = orjson.dumps(after.scan_key).decode() if after.scan_key is not None else None
        connection.execute(
            statement("sink_state.advance"),
            {
                "sink": self._sink_name,
                "feed": feed,
                "owner": lease.this_process(),
                "from": position.revision,
                "scanned_until": position.scan_until,
                "revision": after.revision,
                "caught_up": after.caught_up,
                "scan_key": scan_key,
                "scan_until": after.scan_until,
                "records": records,
                "seconds": sink.timeout_seconds + lease.MARGIN_SECONDS,
            },
        )

    def _behind(self, connection: Connection) -> bool:
        row = connection.execute(
            statement("sink_state.is_behind"), {"sink": self._sink_name, "feeds": list(self._feeds())}
        ).fetchone()
        return bool(row and row[0])

    def _release(self, connection: Connection) -> None:
        if not connection.closed and not connection.broken:
            connection.execute(
                statement("sink_state.release"), {"sink": self._sink_name, "owner": lease.this_process()}
            )

    def _failed(self, error: SinkUnavailable, seconds: float) -> None:
        self._throttle.log(
            log.warning,
            "sink_failed",
            key=error.what,
            sink=self._sink_name,
            reason=str(error),
            hint=error.hint,
            next_try_seconds=round(seconds, 2),
        )
        self._failing = True

    def _recovered(self) -> None:
        if self._failing:
            log.info("sink_recovered", sink=self._sink_name)
        self._failing = False


def _after(position: Position, page: Page) -> Position:
    """Where the sink stands once it has the page."""
    if position.scan_until is not None:
        if page.full:
            return Position(position.revision, position.caught_up, page.scan_key, position.scan_until)
        return Position(position.scan_until, position.scan_until, None, None)
    caught_up = position.caught_up if page.full else page.revision
    return Position(page.revision, caught_up, None, None)


def _record(feed: str, change: Change) -> Record:
    return Record(
        feed=feed,
        key=change.key.encode(),
        op="delete" if change.deleted else "upsert",
        revision=change.revision,
        hash=change.hash,
        changed=change.changed,
        captured_at=change.captured_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        data=change.document.encode() if change.document is not None else None,
    )
