"""What the worker of a feed logs about its passes, its failed entities and its resyncs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from cdc_daemon.feeds.failed_entities import SetAside
from cdc_daemon.log import Throttle, get_logger
from cdc_daemon.workers.passes import Pass, ResyncUnderWay

PROGRESS_SECONDS = 30.0
"""Pause between two lines about the progress of a resync, in seconds."""

MOST_NAMED = 20
"""Largest number of failed or recovered entities of a pass that the log names."""

log = get_logger()


class FeedLog:
    """Writes the lines of one feed. Every line of a pass has the number of the pass.

    Args:
        feed: name of the feed.
    """

    def __init__(self, feed: str) -> None:
        self._feed = feed
        self._throttle = Throttle()
        # When the next line about resyncs is due; entities done and the time of the last line, by resync.
        self._progress_at = time.monotonic() + PROGRESS_SECONDS
        self._progress: dict[int, tuple[int, float]] = {}

    def tell_pass(self, done: Pass) -> None:
        """Log a pass, what it put into the backlog, and which of its entities failed or recovered."""
        log.info("pass_finished", feed=self._feed, **done.fields())
        number = {"pass": done.number}
        if done.deferred:
            log.info("backlog_added", feed=self._feed, **number, entities=done.deferred, reason=done.reason)
        self.tell_failed(done.set_aside, number)
        if done.recovered:
            log.info(
                "entities_recovered",
                feed=self._feed,
                **number,
                count=len(done.recovered),
                entities=list(done.recovered[:MOST_NAMED]),
            )

    def tell_failed(self, set_aside: Sequence[SetAside], number: dict[str, int] | None = None) -> None:
        """Log the entities that failed, the first `MOST_NAMED` by name.

        Args:
            set_aside: the entities that failed.
            number: the number of the pass as a field of the line; None in the first sync.
        """
        unnamed = max(len(set_aside) - MOST_NAMED, 0)
        for each in set_aside[:MOST_NAMED]:
            self._throttle.log(
                log.warning,
                "entity_failed",
                about=repr(each.entity),  # an entity that fails at every change is logged now and then
                feed=self._feed,
                **(number or {}),
                entity=each.entity,
                status=each.status,
                reason=each.reason,
                attempts=each.attempts,
                unnamed=unnamed,
            )

    def tell_finished(self, resync: int, entities: int, reason: str, seconds: float) -> None:
        """Log the end of a resync."""
        log.info(
            "resync_finished",
            feed=self._feed,
            resync=resync,
            entities=entities,
            reason=reason,
            seconds=round(seconds, 3),
        )
        self._progress.pop(resync, None)

    def tell_progress(self, unfinished: Callable[[], Iterable[ResyncUnderWay]]) -> None:
        """Log the progress of resyncs, at most once in `PROGRESS_SECONDS`.

        Args:
            unfinished: reads the resyncs that are not finished. It is called only when a line is due.
        """
        now = time.monotonic()
        if now < self._progress_at:
            return
        self._progress_at = now + PROGRESS_SECONDS
        for resync in unfinished():
            before, at = self._progress.get(resync.number, (0, now - resync.seconds))
            self._progress[resync.number] = (resync.done, now)
            rate = (resync.done - before) / max(now - at, 0.001)
            log.info(
                "resync_progressed",
                feed=self._feed,
                resync=resync.number,
                reason=resync.reason,
                done=resync.done,
                entities=resync.entities,
                entities_per_second=round(rate, 1),
                remaining_seconds=round((resync.entities - resync.done) / rate, 1) if rate else None,
            )
