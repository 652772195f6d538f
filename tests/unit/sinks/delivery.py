"""What the worker does with a sink, in small: again after a failure, in halves after a refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from cdc_daemon.errors import RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Sink


class NeverTaken(AssertionError):
    """The sink did not take the records in any of the tries that it had."""


def deliver_all(
    sink: Sink,
    feed: str,
    records: Sequence[Record],
    *,
    tries: int = 50,
    failed: Callable[[], None] = lambda: None,
) -> list[bytes]:
    """Deliver every record; the keys that were refused for good.

    Args:
        tries: how often the sink may fail over all.
        failed: called after each failure.
    """
    refused: list[bytes] = []
    waiting = list(split(records, sink.batch_records, sink.batch_bytes))[::-1]
    while waiting:
        batch = waiting.pop()
        try:
            refused += [refusal.key for refusal in sink.deliver(feed, batch)]
        except SinkUnavailable as error:
            tries -= 1
            if tries < 0:
                raise NeverTaken from error
            threading.Event().wait(min(error.retry_after_seconds or 0.0, 1.0))  # a pause that was asked for
            failed()
            waiting.append(batch)
        except RecordsRefused:
            if len(batch) == 1:
                refused.append(batch[0].key)
            else:
                middle = len(batch) // 2
                waiting += [batch[middle:], batch[:middle]]
    return refused
