"""Compares what a receiver holds with what is stored.

A receiver is rightly behind: records wait, are in flight, or were refused. So the delivery's cursor is read
first, then the receiver, then the stored documents. What the cursor had passed was delivered before the
receiver was read. A stored document with a later revision waits, whatever the receiver has. One with an
earlier revision must be there in just this revision. Failed items and obsolete keys, before and after, are
left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cdc_daemon.errors import CannotReadBack
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.stored import Stored, StoredDocuments
from cdc_daemon.feeds.verification import Difference, Kind
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.sinks.decode import key_in
from cdc_daemon.sinks.read_back import HeldEnd, ReadBack, fields_that_differ
from cdc_daemon.sinks.sink import Sink
from cdc_daemon.workers.held_documents import HeldDocuments, Kept

PAGE = 500


@dataclass(frozen=True)
class Compared:
    """A part of the comparison.

    Attributes:
        read: number of records that were read from the receiver in this part.
        documents: number of stored documents that were compared in this part.
        waiting: number of documents among them that the sink has not yet got.
    """

    read: int = 0
    documents: int = 0
    waiting: int = 0
    differences: tuple[Difference, ...] = ()


@dataclass
class ReceiverVerification:
    """Verifies what the receiver of one sink holds of one feed. It changes nothing.

    Args:
        pause: called after each page with its number of documents, to keep a pace.
        whole: whether to keep the receiver's documents while they are compared (see `HeldDocuments`).

    Attributes:
        tells_missing: whether a document that the receiver does not hold is a difference. A log with limits
            forgets some rightly.
    """

    connection: Session
    feed: FeedDefinition
    sink: Sink
    pause: Callable[[int], object] = lambda _: None
    whole: bool = True
    tells_missing: bool = field(default=True, init=False)
    _snapshot: int = field(default=0, init=False)
    _ended: int = field(default=0, init=False)

    def run(self, since: datetime | None = None) -> Iterator[Compared]:
        """Read the receiver, then compare.

        Args:
            since: compare only documents that were stored since then. What only the receiver has is not told.

        Raises:
            CannotReadBack: the receiver can't be read, or its records don't tell enough.
            SinkUnavailable: it can't be read now.
        """
        sink = self.sink
        if not isinstance(sink, ReadBack):
            raise CannotReadBack(
                "its receiver can't be read back",
                where=f"sink {sink.name}",
                hint="docs/sinks.md says which kinds can be verified",
            )
        held = HeldDocuments(whole=self.whole)
        try:
            cursor = self.delivered_up_to()
            held.except_names(self._undelivered(sink))
            self.tells_missing = sink.keeps_all(self.feed.name)
            for page in sink.read_back(self.feed.name, self.feed.key):
                held.add(page)
                ends = [each.snapshot for each in page if isinstance(each, HeldEnd)]
                self._ended = max([self._ended, *ends])
                yield Compared(read=len(page))
                self.pause(len(page))
            held.except_names(self._undelivered(sink))
            self.tells_missing = self.tells_missing and self._has_beginning(sink)
            for rows in StoredDocuments(self.feed).pages(self.connection, limit=PAGE, since=since):
                yield self._compare(rows, held, sink, cursor)
                self.pause(len(rows))
            if since is None and cursor:
                yield from self._left_over(held, sink)
        finally:
            held.close()

    def _has_beginning(self, sink: ReadBack) -> bool:
        """Whether a log still has its beginning, now that it is read. It may forget some meanwhile.

        Every delivery begins with a full snapshot. A log without the end of the last one has lost what was
        before it: logrotate has moved the file to another folder, for example.
        """
        return sink.keeps_all(self.feed.name) and not (sink.is_log and self._ended < self._snapshot)

    def delivered_up_to(self) -> int:
        """Return the revision up to which the sink has everything; 0 during a full snapshot."""
        row = self.connection.execute(
            statement("verification.delivery"), {"sink": self.sink.name, "feed": self.feed.name}
        ).fetchone()
        if row is None or row[1] or row[2]:
            return 0
        self._snapshot = int(row[3] or 0)
        return int(row[0])

    def _undelivered(self, sink: ReadBack) -> list[str]:
        rows = self.connection.execute(
            statement("verification.undelivered_keys"), {"sink": self.sink.name, "feed": self.feed.name}
        ).fetchall()
        return [sink.name_of(self.feed.name, key.encode()) for (key,) in rows]

    def _compare(self, rows: Sequence[Stored], held: HeldDocuments, sink: ReadBack, cursor: int) -> Compared:
        differences: list[Difference] = []
        suspects: list[tuple[Stored, Kept]] = []
        waiting = 0
        for stored in rows:
            name = sink.name_of(self.feed.name, stored.key.encode())
            kept = held.take(name)
            if stored.revision > cursor:
                waiting += 1
            elif not held.is_excepted(name):
                kind = self._judge(stored, kept)
                if kind == "different" and kept is not None:
                    suspects.append((stored, kept))
                elif kind is not None:
                    differences.append(Difference(stored.key, kind, (), revision=stored.revision))
        differences += self._different(suspects)
        compared = sum(not stored.deleted for stored in rows)
        return Compared(documents=compared, waiting=waiting, differences=tuple(differences))

    def _judge(self, stored: Stored, kept: Kept | None) -> Kind | None:
        there = kept is not None and not kept.deleted
        if stored.deleted:
            return "left over" if there else None
        if kept is None or not there:
            return "missing" if self.tells_missing or kept is not None else None
        if kept.revision is not None and kept.revision < stored.revision:
            return "stale"
        if kept.digest is None:
            return None if kept.hash == stored.hash else "different"
        return None if kept.digest == stored.digest else "different"

    def _different(self, suspects: Sequence[tuple[Stored, Kept]]) -> Iterator[Difference]:
        """Yield those that differ in more than the spelling of JSON. What changed meanwhile waits."""
        if not suspects:
            return
        found = StoredDocuments(self.feed).documents(self.connection, [stored.key for stored, _ in suspects])
        for stored, kept in suspects:
            revision, document = found.get(stored.key, (0, None))
            if revision != stored.revision or document is None:
                continue
            fields: tuple[str, ...] | None = ()
            if kept.document is not None:
                fields = fields_that_differ(document, kept.document)
            if fields is not None:
                yield Difference(stored.key, "different", (), fields, stored.revision)

    def _left_over(self, held: HeldDocuments, sink: ReadBack) -> Iterator[Compared]:
        for kept in held.rest():
            key = kept.key or (key_in(kept.document, self.feed.key) if kept.document is not None else None)
            if key is None or sink.name_of(self.feed.name, key.encode()) != kept.name:
                key = kept.name
            yield Compared(differences=(Difference(key, "left over", ()),))


class Pace:
    """Keeps to a number of documents a second.

    Args:
        wait: waits for so many seconds, or less if the caller is to stop.
    """

    def __init__(self, documents_per_second: float, wait: Callable[[float], object]) -> None:
        self._seconds = 1.0 / documents_per_second
        self._wait = wait
        self._free_at = time.monotonic()

    def __call__(self, documents: int) -> None:
        """Wait until so many documents more are within the rate."""
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + documents * self._seconds
        self._wait(self._free_at - now)
