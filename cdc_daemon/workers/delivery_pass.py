"""Delivers a page of a feed's changes to a sink, and the failed items that are due."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Literal

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.feeds.changes import Change, Changes, Page
from cdc_daemon.log import get_logger
from cdc_daemon.pg.session import Session
from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import Sink
from cdc_daemon.workers.batch_sender import SUSPICIOUS_FAILURES, BatchSender
from cdc_daemon.workers.failed_items import FailedItems, Refused
from cdc_daemon.workers.obsolete_keys import ObsoleteKeys
from cdc_daemon.workers.samples import Delivered, Samples
from cdc_daemon.workers.sink_cursor import LeaseLost, LeaseTaken, Position, SinkCursor
from cdc_daemon.workers.target_watch import TargetWatch

RETRIED_AT_ONCE = 20
"""Number of failed items to try between two pages, so that a thousand of them don't delay new changes."""

POSTPONED_SECONDS = 30.0
"""Pause of due failed items while the sink takes nothing, in seconds."""

COMPARED_WITH = 50
"""Number of log rows to read after a page at which the sink fails: bad documents may be neighbours."""

Step = Literal["worked", "idle", "busy"]
"""The result of a step: it had work, it had none, or another daemon delivers."""

log = get_logger()


@dataclass
class DeliveryPass:
    """Delivers pages and failed items. No transaction is open during a send.

    Attributes:
        failures: number of failures in a row.
        samples: sums up what it delivers.
        has_delivered: whether the sink took a record in the last `run`.
    """

    connection: Session
    sink: Sink
    changes: Changes
    cursor: SinkCursor
    failed_items: FailedItems
    sender: BatchSender
    failures: int = 0
    samples: Samples = field(default_factory=Samples)
    has_delivered: bool = field(default=False, init=False)
    target: TargetWatch = field(init=False)
    # Number of rows to read: fewer than the sink takes, while bytes are what limits a page.
    _rows: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.target = TargetWatch(self.cursor, self.sender)

    def run(self) -> Step:
        """Deliver the next page and the due failed items.

        Raises:
            SinkUnavailable: the sink takes nothing. The cursor stays.
        """
        behind, due = self.cursor.look()
        before = self.sender.taken
        try:
            worked = behind and self._deliver_page()
            if due:
                worked = self._retry() or worked
        except LeaseLost:
            log.warning("lease_lost", sink=self.sink.name, feed=self.changes.feed.name)
            return "busy"
        except LeaseTaken:
            return "busy"  # the holder of the lease delivers the same page
        finally:
            self.has_delivered = self.sender.taken > before
            if self.has_delivered:
                self.failures = 0
        return "worked" if worked else "idle"

    def _deliver_page(self) -> bool:
        position = self.cursor.lease()
        if position.snapshot_wanted:
            position = self.cursor.begin_snapshot(self.changes.feed.revision)
            if self.sender.delivered:
                self.sender.delivered.forget()
        elif self.target.lost_before(position):
            return True  # a full snapshot may have to wait until every document is computed
        page = self._read(position)
        after = position.after(page)
        if after == position:
            return False
        changes = page.changes
        if self.failures >= SUSPICIOUS_FAILURES and after.goes_on_from(position):
            # One document may be the cause, and may be a page of its own. Compare it with the next ones.
            beyond = self._read(after, fewest=COMPARED_WITH)
            changes, after = [*changes, *beyond.changes], after.after(beyond)
        records = self._deliverable(changes, position)
        last, deletes = self._respelled(position, page)
        records = [*deletes, *records]
        started, before, answered = time.monotonic(), self.sender.taken, self.sender.answered
        ignored = self.sink.ignored
        batches = split(records, self.sink.batch_records, self.sink.batch_bytes)
        self.sender.deliver(batches, failures=self.failures)
        if deletes:
            self._obsolete_keys.delivered(last)
        ends = position.snapshot and not after.snapshot
        if ends:
            self._delete_obsolete_keys(position)
            self._end_snapshot(position)
        taken, ignored = self.sender.taken - before, self.sink.ignored - ignored
        self.cursor.advance(
            position, after, taken, ignored=ignored, answered=ends or self.sender.answered > answered
        )
        if taken:
            revisions = [record.revision for record in records]
            self.samples.add_page(
                Delivered(
                    self.sink.name,
                    self.changes.feed.name,
                    records=taken,
                    size=sum(len(record.data or b"") for record in records),
                    seconds=time.monotonic() - started,
                    first_revision=min(revisions),
                    last_revision=max(revisions),
                    captured=() if position.snapshot else [change.captured_at for change in changes],
                )
            )
            self.target.sign(position)
        if taken and ignored >= taken:
            # Usually an unnoticed change of incarnation, or two daemons with different databases.
            log.warning("records_ignored", sink=self.sink.name, feed=self.changes.feed.name, records=ignored)
        return True

    @cached_property
    def _obsolete_keys(self) -> ObsoleteKeys:
        return ObsoleteKeys(self.connection, self.sink.name, self.changes, self.cursor.held)

    def _respelled(self, position: Position, page: Page) -> tuple[int, list[Record]]:
        """Return deletes of keys whose spelling changed, to be delivered before the page.

        A target for which both keys are equal then keeps the new document. A full snapshot has its own
        deletes.
        """
        if not self.changes.feed.respells or position.snapshot or not self._obsolete_keys.discard_stored():
            return 0, []
        last, keys = self._obsolete_keys.next(self.sink.batch_records)
        # A key that an earlier version remembered has no revision: that of the page is above all that the
        # sink got.
        return last, [
            self._delete(key, page.revision if revision is None else revision, position)
            for key, revision in keys.items()
        ]

    def _delete_obsolete_keys(self, position: Position) -> None:
        """Deliver deletes of documents that the sink got under an earlier key of the feed."""
        obsolete_keys = self._obsolete_keys
        more = obsolete_keys.discard_stored()
        while more:
            last, keys = obsolete_keys.next(self.sink.batch_records)
            deletes = [self._delete(key, revision, position) for key, revision in keys.items()]
            self.sender.deliver([deletes], failures=self.failures)
            obsolete_keys.delivered(last)
            more = bool(obsolete_keys.next(1)[1])

    def _end_snapshot(self, position: Position) -> None:
        removed = self.sink.removed
        end = SnapshotEnd(self.changes.feed.name, position.snapshot_number, _written(datetime.now(UTC)))
        self.sender.end_snapshot(end)
        log.info(
            "snapshot_ended",
            sink=self.sink.name,
            feed=self.changes.feed.name,
            snapshot=end.snapshot,
            removed=self.sink.removed - removed,
        )

    def _read(self, position: Position, *, fewest: int = 1) -> Page:
        limit = max(fewest, min(self._rows or self.sink.batch_records, self.sink.batch_records))
        if position.scan_until is None:
            page = self.changes.follow(
                self.connection,
                revision=position.revision,
                caught_up=position.caught_up,
                limit=limit,
                max_bytes=self.sink.batch_bytes,
            )
        else:
            page = self.changes.scan(
                self.connection,
                revision=position.revision,
                until=position.scan_until,
                after=position.scan_key,
                deletes=position.tell_deletes if position.snapshot else False,
                limit=limit,
                max_bytes=self.sink.batch_bytes,
            )
        # PostgreSQL measures every row, for which it reads the document. So read few rows in vain.
        self._rows = page.rows + 1 if page.cut else 2 * limit
        return page

    def _retry(self) -> bool:
        """Send the due failed items, each alone, with their present documents.

        Returns:
            Whether there may be more.
        """
        position = self.cursor.lease()
        present, gone = self.changes.due(self.connection, self.sink.name, limit=RETRIED_AT_ONCE)
        self.failed_items.forget(gone)
        before = self.sender.taken
        try:
            self.sender.attempt(self._deliverable(present, position, again=True))
        except SinkUnavailable as error:
            # The next page will show a lasting failure. A failed item must not delay new changes.
            self.failed_items.postpone(error.retry_after_seconds or POSTPONED_SECONDS)
            return False
        finally:
            self.cursor.count(self.sender.taken - before)
        return len(present) + len(gone) == RETRIED_AT_ONCE

    def _deliverable(
        self, changes: Sequence[Change], position: Position, *, again: bool = False
    ) -> list[Record]:
        """Return the records of these changes that the sink may get now.

        Stored documents that are too large now become failed items, and no sink gets them.

        Args:
            again: whether to include records that were refused before, because they are due.
        """
        records = [self._record(change, position) for change in changes]
        if not again:
            records = self.failed_items.without_refused(records)
        sizes = {change.revision: change.size for change in changes if change.too_large}
        most = self.changes.feed.max_document_bytes
        self.failed_items.refuse(
            [
                Refused(
                    record,
                    f"its {sizes[record.revision]:,} bytes are more than max_document_bytes = {most:,}",
                    "too large",
                )
                for record in records
                if record.revision in sizes
            ]
        )
        return [record for record in records if record.revision not in sizes]

    def _record(self, change: Change, position: Position) -> Record:
        return Record(
            feed=self.changes.feed.name,
            key=change.key,
            op="delete" if change.deleted else "upsert",
            revision=change.revision,
            hash=change.hash,
            changed=change.changed,
            captured_at=_written(change.captured_at),
            data=change.document,
            snapshot=position.snapshot_number if position.snapshot else None,
            last_snapshot=position.snapshot_number,
        )

    def _delete(self, key: bytes, revision: int | None, position: Position) -> Record:
        """The delete of an obsolete key; without a revision it is part of the full snapshot."""
        return Record(
            feed=self.changes.feed.name,
            key=key,
            op="delete",
            revision=position.snapshot_number if revision is None else revision,
            hash=None,
            changed=(),
            captured_at=_written(datetime.now(UTC)),
            data=None,
            snapshot=position.snapshot_number if revision is None else None,
            last_snapshot=position.snapshot_number,
        )


@lru_cache(maxsize=1000)  # documents that were recomputed together have the same time
def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
