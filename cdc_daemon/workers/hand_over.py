"""Handing a batch to a sink so that one bad record keeps no other one back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from cdc_daemon.errors import CdcError, RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Refusal, Sink
from cdc_daemon.workers.delivered_documents import DeliveredDocuments
from cdc_daemon.workers.failed_items import FailedItems, Refused

SUSPICIOUS_FAILURES = 3
"""After so many failures at one place it may be a document that makes the sink fail, and not the sink."""


class SinkFault(SinkUnavailable):
    """A sink raised what the contract does not know: a fault in its program."""


@dataclass
class HandOver:
    """Sends to one sink, in batches of one feed.

    Attributes:
        before_send: keeps the lease.
        delivered: for a sink that wants to know what the target has.
        taken: records that the sink has taken so far.
    """

    sink: Sink
    feed: str
    before_send: Callable[[], None]
    failed_items: FailedItems
    delivered: DeliveredDocuments | None
    taken: int = field(default=0, init=False)
    # Something was taken since a record was last blamed for a failure, or since the sink last failed.
    _is_up: bool = field(default=False, init=False)

    def deliver(self, batch: Sequence[Record], *, failures: int = 0) -> None:
        """Hand over a batch; what the sink refuses becomes failed items.

        Args:
            failures: how often in a row the sink took nothing.

        Raises:
            SinkUnavailable: the sink takes nothing.
        """
        try:
            if failures < SUSPICIOUS_FAILURES:
                self._bisect(batch)
            else:
                self._isolate(batch)
        except SinkUnavailable:
            self._is_up = False
            raise

    def attempt(self, record: Record) -> None:
        """Hand over a failed item once more.

        Raises:
            SinkUnavailable: the sink takes nothing, as far as is known, so the attempt does not count.
        """
        try:
            self._bisect([record])
        except SinkUnavailable as error:
            self._blame(record, error)

    def _bisect(self, batch: Sequence[Record]) -> None:
        """Deliver; a batch that is refused as a whole is halved until the bad records stand alone."""
        try:
            self._send(batch)
        except RecordsRefused as refusal:
            self._is_up = True
            if len(batch) == 1:
                self.failed_items.refuse([Refused(batch[0], refusal.what, refusal.status)])
            else:
                for half in _halves(batch):
                    self._bisect(half)

    def _isolate(self, batch: Sequence[Record]) -> None:
        """Deliver what a sink failed at again and again, for one document may be what makes it fail.

        A receiver that answers 500, or not at all, whenever it meets that document would hold up the whole
        feed. An empty batch, which a sink that is down does not take either, is tried first. Then the batch
        is halved where the sink fails.
        """
        self.before_send()
        with suppress(RecordsRefused):  # it was understood: the sink is up
            self._deliver(())
        self._is_up = True
        self._narrow(batch)

    def _narrow(self, batch: Sequence[Record]) -> None:
        try:
            self._bisect(batch)
        except SinkUnavailable as error:
            if len(batch) == 1:
                self._blame(batch[0], error)
            elif error.retry_after_seconds is not None:
                raise
            else:
                for half in _halves(batch):
                    self._narrow(half)

    def _blame(self, record: Record, error: SinkUnavailable) -> None:
        """Take the record for the cause of the failure.

        Raises:
            SinkUnavailable: nothing was taken since another one was blamed: it is the sink, after all.
        """
        if not self._is_up or error.retry_after_seconds is not None:
            raise error
        self._is_up = False
        self.failed_items.refuse([Refused(record, error.what, "unavailable")])

    def _send(self, batch: Sequence[Record]) -> None:
        self.before_send()
        records = self.delivered.sending(batch) if self.delivered else batch
        refused = {refusal.key: refusal for refusal in self._deliver(records)}
        self._is_up = True
        taken = [record for record in batch if record.key not in refused]
        self.taken += len(taken)
        if self.delivered:
            self.delivered.taken(taken)
        self.failed_items.refuse(
            [
                Refused(record, refused[record.key].reason, refused[record.key].status)
                for record in batch
                if record.key in refused
            ]
        )
        self.failed_items.accept(taken)

    def _deliver(self, records: Sequence[Record]) -> Sequence[Refusal]:
        try:
            return self.sink.deliver(self.feed, records)
        except (SinkUnavailable, RecordsRefused):
            raise
        except CdcError as error:
            raise SinkUnavailable(error.what, where=error.where, hint=error.hint) from error
        except Exception as error:  # of a sink that somebody else wrote: it must not end the daemon
            raise SinkFault(
                f"a fault in its program: {type(error).__name__}: {error}",
                where=f"sink {self.sink.name}, feed {self.feed}",
                hint="the log has the place of the fault; please report it",
            ) from error


def _halves(batch: Sequence[Record]) -> tuple[Sequence[Record], Sequence[Record]]:
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]
