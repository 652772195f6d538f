"""Sends a batch to a sink so that a bad record does not block the others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from cdc_daemon.errors import CdcError, RecordsRefused, SinkUnavailable, TargetFault
from cdc_daemon.log import get_logger
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import Refusal, Sink
from cdc_daemon.workers.delivered_documents import DeliveredDocuments
from cdc_daemon.workers.failed_items import FailedItems, Refused
from cdc_daemon.workers.payload_log import PayloadLog

SUSPICIOUS_FAILURES = 3
"""Number of failures at one page after which a document may be the cause, and not the sink."""

MOST_VAIN_SENDS = 16
"""Largest number of failed sends in a search for a bad document before the sink takes a record.

A sink that takes nothing costs a time limit for each send.
"""


log = get_logger()

Answer = TypeVar("Answer")


class SinkFault(SinkUnavailable):
    """A sink raised an exception outside of its contract: a bug in the sink."""


@dataclass
class BatchSender:
    """Sends to one sink, in batches of one feed.

    It blames a document only by comparison: the sink refuses it, or fails at it, and takes another one in the
    same step. If the sink takes none, an empty batch shows whether the target works.

    Attributes:
        before_send: keeps the lease.
        delivered: the delivered documents, for a sink that wants previous versions; otherwise None.
        payloads: tells which documents are to be logged.
        taken: number of records that the sink has taken.
        answered: number of records that it has taken or refused by an answer of its own.
    """

    sink: Sink
    feed: str
    before_send: Callable[[], None]
    failed_items: FailedItems
    delivered: DeliveredDocuments | None
    payloads: Callable[[], PayloadLog] = PayloadLog
    taken: int = field(default=0, init=False)
    answered: int = field(default=0, init=False)
    # The sink has taken a record since the last time that an item was blamed or the sink failed.
    _is_up: bool = field(default=False, init=False)
    # Refusals of the current step. They are recorded at its end, when it is known whether the sink took a
    # record.
    _refused: list[Refused] = field(default_factory=list[Refused], init=False)
    _vain: int = field(default=0, init=False)

    def deliver(self, batches: Iterable[Sequence[Record]], *, failures: int = 0) -> None:
        """Send the batches of a page. Refused records become failed items.

        Args:
            batches: the batches of the page.
            failures: number of failures in a row before.

        Raises:
            SinkUnavailable: the sink takes nothing.
        """
        with self._step():
            if failures < SUSPICIOUS_FAILURES:
                for batch in batches:
                    self._bisect(batch)
            else:
                self._isolate(batches)

    def attempt(self, records: Sequence[Record]) -> None:
        """Send failed items again, each alone.

        Raises:
            SinkUnavailable: the sink takes nothing, as far as is known, so the attempts do not count.
        """
        with self._step():
            for record in records:
                try:
                    self._bisect([record])
                except SinkUnavailable as error:
                    if not self._is_up or not _may_be_a_records(error):
                        raise
                    self._is_up = False
                    self._refused.append(Refused(record, error.what, "unavailable", error.batch))

    @contextmanager
    def _step(self) -> Generator[None]:
        """Record the refusals of the block, if the records and not the target are the cause."""
        before = self.taken
        self._refused, self._vain = [], 0
        try:
            yield
            if self._refused and self.taken == before:
                self._ping()
            self._note_refused()
        except SinkUnavailable:
            self._is_up = False
            if self.taken > before:
                self._note_refused()
            raise

    def _note_refused(self) -> None:
        self.failed_items.refuse(self._refused)
        self.answered += sum(one.status != "unavailable" for one in self._refused)

    def sign(self) -> str:
        """Return the mark of the sink's target (see `Sink.sign`)."""
        try:
            return self._guarded(lambda: self.sink.sign(self.feed))
        except RecordsRefused:  # this is no refusal of a record: the target does not understand the request
            return ""

    def recognized(self, mark: str) -> str:
        """Compare the sink's target with its mark (see `Sink.recognized`)."""
        try:
            return self._guarded(lambda: self.sink.recognized(self.feed, mark))
        except RecordsRefused:
            return mark

    def end_snapshot(self, end: SnapshotEnd) -> None:
        """Send the end of a full snapshot.

        A receiver that does not understand the end gets it only once. Its surplus documents stay.

        Raises:
            SinkUnavailable: the sink takes nothing.
        """
        done = False
        while not done:
            self.before_send()
            try:
                done = self._guarded(lambda: self.sink.end_snapshot(end))
            except RecordsRefused as refusal:
                log.warning(
                    "snapshot_end_refused",
                    sink=self.sink.name,
                    feed=self.feed,
                    snapshot=end.snapshot,
                    reason=self.failed_items.cleaned(refusal.what),
                    hint=refusal.hint,
                )
                done = True

    def _bisect(self, batch: Sequence[Record]) -> None:
        """Deliver a batch. If it is refused as a whole, halve it until the bad records stand alone."""
        try:
            self._send(batch)
        except RecordsRefused as refusal:
            if len(batch) == 1:
                self._refused.append(Refused(batch[0], refusal.what, refusal.status, refusal.batch))
            else:
                for half in _halves(batch):
                    self._bisect(half)

    def _isolate(self, batches: Iterable[Sequence[Record]]) -> None:
        """Deliver batches at which the sink failed repeatedly: one document may be the cause.

        A receiver that answers 500, or not at all, to that document would block the whole feed. First send an
        empty batch, which a sink that is down does not take either. Then halve each batch where the sink
        fails. Send a record that fails alone once more after the sink has taken others.
        """
        self._ping()
        before = self.taken
        suspects: list[Record] = []
        failure: SinkUnavailable | None = None
        for batch in batches:
            failure = self._narrow(batch, before, suspects) or failure
        if failure is not None and self.taken == before:
            raise failure
        for record in suspects:
            try:
                self._bisect([record])
            except SinkUnavailable as error:
                if not _may_be_a_records(error):
                    raise
                self._refused.append(Refused(record, error.what, "unavailable", error.batch))

    def _narrow(self, batch: Sequence[Record], before: int, suspects: list[Record]) -> SinkUnavailable | None:
        """Deliver a batch, halving it where the sink fails. Return the last failure.

        Args:
            before: number of records taken before the step.
            suspects: collects the records at which the sink fails when they are alone.
        """
        try:
            self._bisect(batch)
        except SinkUnavailable as error:
            self._vain += 1
            if not _may_be_a_records(error) or (self.taken == before and self._vain >= MOST_VAIN_SENDS):
                raise
            if len(batch) == 1:
                suspects.append(batch[0])
            else:
                # In random order: if bad documents are neighbours, the next try may begin with good ones.
                for half in sorted(_halves(batch), key=lambda _: random.random()):  # noqa: S311 # no secret
                    self._narrow(half, before, suspects)
            return error
        return None

    def _ping(self) -> None:
        """Send an empty batch.

        Raises:
            SinkUnavailable: the target does not work.
        """
        self.before_send()
        with suppress(RecordsRefused):  # the target answered
            self._deliver(())

    def _send(self, batch: Sequence[Record]) -> None:
        self.before_send()
        records = self.delivered.sending(batch) if self.delivered else batch
        started, ignored = time.monotonic(), self.sink.ignored
        refused = {refusal.key: refusal for refusal in self._deliver(records)}
        taken = [record for record in batch if record.key not in refused]
        if taken:
            self._tell(taken, time.monotonic() - started, self.sink.ignored - ignored)
        self.payloads().write(self.sink.name, self._batch_of(batch), batch, refused.keys())
        self._is_up = self._is_up or bool(taken)
        self.taken += len(taken)
        self.answered += len(taken)
        if self.delivered:
            self.delivered.taken(taken)
        self._refused += [
            Refused(
                record,
                refused[record.key].reason,
                refused[record.key].status,
                refused[record.key].batch or _batch_id(batch),
            )
            for record in batch
            if record.key in refused
        ]
        self.failed_items.accept(taken)

    def _tell(self, taken: Sequence[Record], seconds: float, ignored: int) -> None:
        log.info(
            "batch_delivered",
            sink=self.sink.name,
            feed=self.feed,
            batch=self._batch_of(taken),
            records=len(taken),
            bytes=sum(len(record.data or b"") for record in taken),
            seconds=round(seconds, 4),
            **({"ignored": ignored} if ignored else {}),
        )

    def _batch_of(self, records: Sequence[Record]) -> str | list[str]:
        """Return the ID of the batch that was sent; several if the sink made several requests of it."""
        batches = [*self.sink.batches] or [_batch_id(records)]
        return batches[0] if len(batches) == 1 else batches

    def _deliver(self, records: Sequence[Record]) -> Sequence[Refusal]:
        try:
            return self._guarded(lambda: self.sink.deliver(self.feed, records))
        except (SinkUnavailable, RecordsRefused) as error:
            error.batch = error.batch or (_batch_id(records) if records else None)
            raise

    def _guarded(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except (SinkUnavailable, RecordsRefused):
            raise
        except CdcError as error:
            raise SinkUnavailable(error.what, where=error.where, hint=error.hint) from error
        except Exception as error:  # a bug of a foreign sink must not end the daemon
            raise SinkFault(
                f"a fault in its program: {type(error).__name__}: {error}",
                where=f"sink {self.sink.name}, feed {self.feed}",
                hint="the log has the place of the fault; please report it",
            ) from error


def _batch_id(batch: Sequence[Record]) -> str:
    """Return an ID for a batch of a sink whose requests have none: its first and last revision."""
    revisions = [record.revision for record in batch]
    first, last = min(revisions), max(revisions)
    return str(first) if first == last else f"{first}-{last}"


def _halves(batch: Sequence[Record]) -> tuple[Sequence[Record], Sequence[Record]]:
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]


def _may_be_a_records(error: SinkUnavailable) -> bool:
    """Whether a document may be the cause: not if the target blames itself or asks for a pause."""
    return not isinstance(error, TargetFault) and error.retry_after_seconds is None
