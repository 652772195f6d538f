"""The verification in the background: walks feeds and receivers all the time, at a budgeted rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import islice
from uuid import uuid4

import psycopg

from cdc_daemon.capture.source import Source
from cdc_daemon.errors import CdcError, DatabaseUnavailable
from cdc_daemon.feeds.verification import Difference, Selection
from cdc_daemon.log import get_logger
from cdc_daemon.pg.pool import Pool, Seat
from cdc_daemon.pg.session import first_line, is_loss
from cdc_daemon.pg.statements import statement
from cdc_daemon.redaction import hide
from cdc_daemon.sinks.read_back import PAGE, ReadBack
from cdc_daemon.sinks.sink import Sink
from cdc_daemon.workers.planning import FeedPlan
from cdc_daemon.workers.receiver_verification import Pace, ReceiverVerification
from cdc_daemon.workers.sync import PASSING, for_sync
from cdc_daemon.workers.verification import FeedVerification, Undecided

LISTED = 5_000
"""Number of entities that are listed at a time: each list costs one run of the query for its entities."""

CLAIM_SECONDS = 600.0
"""How long a feed or receiver is one daemon's, without a sign of life."""

REST_SECONDS = 600.0
"""Shortest time between two rounds over the same feed or receiver, also after one that failed."""

TELL_SECONDS = 5.0
"""Pause between two notes of how many records were read."""

IDLE_SECONDS = 15.0
PATIENCE_SECONDS = 5.0
"""As that of the command `verify`."""

SHOWN = 5
"""Number of keys that the log names."""

log = get_logger()


class _StoppedError(Exception):
    """The daemon stops, or another one has taken the round over."""


class Verifier:
    """Verifies each feed, then each receiver, one after the other.

    Receivers that keep records, and not only the state of each document, have a verifier of their own: a
    round reads their whole history, and nothing else should wait for that.

    Args:
        feeds: feeds whose stored documents it verifies.
        planned: returns a feed's plan and captured sources; None until the feed is planned.
        deliveries: pairs of sink and feed, each with a function that opens the sink.
        documents_per_second: the budget; for logs, records per second.
        of_logs: whether it verifies the receivers that keep records; otherwise all others.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        feeds: Sequence[str],
        planned: Callable[[str], tuple[FeedPlan, Sequence[Source]] | None],
        deliveries: Sequence[tuple[str, str, Callable[[], Sink]]],
        documents_per_second: float,
        rest_seconds: float = REST_SECONDS,
        of_logs: bool = False,
    ) -> None:
        self.name = "verifier of logs" if of_logs else "verifier"
        self._of_logs = of_logs
        self._seat = Seat(pool, self.name, for_sync)
        self._feeds = feeds
        self._planned = planned
        self._deliveries = deliveries
        self._rate = documents_per_second
        self._rest_seconds = rest_seconds
        # A page of a receiver may take longer than that at a low rate.
        self._claim_seconds = max(CLAIM_SECONDS, 4 * PAGE / documents_per_second)
        self._daemon = uuid4().hex
        self._stop = threading.Event()
        self._heartbeat: Callable[[], None] = lambda: None
        self._pace = Pace(documents_per_second, self._wait)

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Verify until stopped.

        Raises:
            DatabaseUnavailable: the session is lost. The supervisor starts the worker again.
        """
        self._stop, self._heartbeat = stop, heartbeat
        try:
            while not stop.is_set():
                worked = [self._verify_feed(feed) for feed in self._feeds]
                worked += [self._verify_receiver(*each) for each in self._deliveries]
                if not any(worked):
                    self._wait(IDLE_SECONDS)
        except _StoppedError:
            self._seat.execute(statement("verification.release"), {"daemon": self._daemon})
        except psycopg.Error as error:
            if not is_loss(error):
                raise
            raise DatabaseUnavailable(first_line(error), where=self.name) from error

    def _verify_feed(self, feed: str) -> bool:
        """Finish the round over a feed's stored documents. Return False if there is nothing to do now."""
        found = self._planned(feed)
        if found is None:
            return False
        row = self._claim(feed, "")
        if row is None:
            return False
        try:
            self._walk(feed, found, row[0])
        except (CdcError, psycopg.Error) as error:
            self._fail(feed, "", error)
            return False
        self._finish(feed, "")
        return True

    def _walk(
        self, feed: str, found: tuple[FeedPlan, Sequence[Source]], position: Sequence[str] | None
    ) -> None:
        verification = FeedVerification(self._seat, *found)
        undecided = Undecided(verification)
        page_size = max(1, min(int(self._rate), 500))
        last = None if position is None else tuple(position)
        while True:
            entities = verification.statements.next_entities(self._seat, Selection(after=last, limit=LISTED))
            rest_of_list = iter(entities)
            while page := list(islice(rest_of_list, page_size)):
                verified = verification.verify(page)
                undecided.add(verified.waiting)
                undecided.add([each.entity for each in verified.changed_catalogue])
                last = page[-1]
                self._found(feed, "", last, verified.documents, len(undecided), verified.differences)
                self._pace(max(verified.documents, 1))
            if len(entities) < LISTED:
                break
        rest = list(undecided.decide(seconds=PATIENCE_SECONDS, page=page_size))
        self._found(feed, "", last, 0, len(undecided), rest)

    def _verify_receiver(self, sink: str, feed: str, open_sink: Callable[[], Sink]) -> bool:
        """Make a round over what a receiver holds. Return False if there is nothing to do now."""
        found = self._planned(feed)
        if found is None:
            return False
        with closing(open_sink()) as opened:
            if not isinstance(opened, ReadBack) or not opened.can_read_back or opened.is_log != self._of_logs:
                return False
            verification = ReceiverVerification(
                self._seat, found[0].definition, opened, self._pace, whole=not self._of_logs
            )
            if self._of_logs and not verification.delivered_up_to():
                return False  # during a full snapshot everything waits, so nothing could be compared
            if self._claim(feed, sink) is None:
                return False
            waiting, records, told_at = 0, 0, time.monotonic()
            try:
                for part in verification.run():
                    waiting += part.waiting
                    records += part.read
                    if part.read and time.monotonic() < told_at + TELL_SECONDS:
                        continue  # a long log has many pages, and each note of it is an UPDATE
                    self._found(feed, sink, None, part.documents, waiting, part.differences, records=records)
                    records, told_at = 0, time.monotonic()
            except (CdcError, psycopg.Error) as error:
                self._fail(feed, sink, error)
                return False
        self._finish(feed, sink)
        return True

    def _claim(self, feed: str, sink: str) -> tuple[Sequence[str] | None] | None:
        row = self._seat.execute(
            statement("verification.claim"),
            {
                "feed": feed,
                "sink": sink,
                "daemon": self._daemon,
                "seconds": self._claim_seconds,
                "rest_seconds": self._rest_seconds,
            },
        ).fetchone()
        self._heartbeat()
        return None if row is None else (row[0],)

    def _found(
        self,
        feed: str,
        sink: str,
        position: Sequence[str] | None,
        documents: int,
        waiting: int,
        differences: Iterable[Difference],
        *,
        records: int = 0,
    ) -> None:
        some = list(differences)
        row = self._seat.execute(
            statement("verification.go_on_from"),
            {
                "feed": feed,
                "sink": sink,
                "daemon": self._daemon,
                "position": None if position is None else list(position),
                "documents": documents,
                "records": records,
                "differences": len(some),
                "waiting": waiting,
                "seconds": self._claim_seconds,
            },
        ).fetchone()
        if row is None:
            raise _StoppedError
        if some:
            log.warning(
                "documents_differ",
                feed=feed,
                sink=sink or None,
                differences=len(some),
                kinds=sorted({each.kind for each in some}),
                keys=[each.key for each in some[:SHOWN]],
                hint=f"`cdc-daemon verify {feed}{f' --sink {sink}' if sink else ''} --repair` repairs them",
            )

    def _finish(self, feed: str, sink: str) -> None:
        row = self._seat.execute(
            statement("verification.finish_round"), {"feed": feed, "sink": sink, "daemon": self._daemon}
        ).fetchone()
        if row is not None:
            documents, differences, waiting, seconds = row
            log.info(
                "documents_verified",
                feed=feed,
                sink=sink or None,
                documents=documents,
                differences=differences,
                waiting=waiting,
                seconds=round(float(seconds), 1),
            )

    def _fail(self, feed: str, sink: str, error: CdcError | psycopg.Error) -> None:
        if isinstance(error, psycopg.Error) and is_loss(error):
            raise error
        reason = hide(str(error) if isinstance(error, CdcError) else first_line(error))
        # A slow pass or an ALTER TABLE holds a table. That is no fault, and the next turn comes soon.
        waits = isinstance(error, PASSING)
        self._seat.execute(
            statement("verification.fail_round"),
            {
                "feed": feed,
                "sink": sink,
                "daemon": self._daemon,
                "failure": None if waits else reason,
                "rest_seconds": min(IDLE_SECONDS, self._rest_seconds) if waits else self._rest_seconds,
            },
        )
        if waits:
            log.debug("verification_waits", feed=feed, sink=sink or None, reason=reason)
            return
        log.warning("verification_failed", feed=feed, sink=sink or None, reason=reason)

    def _wait(self, seconds: float) -> None:
        """Wait with signs of life.

        Raises:
            _StoppedError: the daemon stops.
        """
        until = time.monotonic() + seconds
        while not self._stop.wait(max(0.0, min(IDLE_SECONDS, until - time.monotonic()))):
            self._heartbeat()
            if time.monotonic() >= until:
                return
        raise _StoppedError
