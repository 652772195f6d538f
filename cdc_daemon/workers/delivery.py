"""Delivers one feed to one sink: sends changed documents, and then moves the cursor."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, nullcontext, suppress

import psycopg

from cdc_daemon.errors import CdcError, DatabaseUnavailable, NotAuthorized, SinkUnavailable, TargetFault
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.log import Throttle, get_logger
from cdc_daemon.pg.pool import Pool, Seat
from cdc_daemon.pg.session import as_opened, first_line, is_loss
from cdc_daemon.sinks.sink import Sink
from cdc_daemon.workers.batch_sender import BatchSender, SinkFault
from cdc_daemon.workers.delivered_documents import DeliveredDocuments
from cdc_daemon.workers.delivery_pass import DeliveryPass
from cdc_daemon.workers.failed_items import FailedItems
from cdc_daemon.workers.other_configuration import delivers_elsewhere
from cdc_daemon.workers.payload_log import PayloadLog
from cdc_daemon.workers.samples import Samples
from cdc_daemon.workers.sink_cursor import SinkCursor
from cdc_daemon.workers.wake_ups import WakeUps

IDLE_SECONDS = 5.0
"""Seconds after which a delivery checks without a wake-up, for a lease that ran out, for example."""

OPEN_SECONDS = 60.0
"""Seconds without work after which a delivery closes its sink, until a wake-up or as long again."""

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0

LOOK_SECONDS = 300.0
"""Seconds between checks of the target while a delivery is idle."""

BEAT_SECONDS = 30.0

log = get_logger()


class DeliveryWorker:
    """Delivers one feed to one sink until it is stopped.

    Each pair of sink and feed has its own thread and its own sink instance, so one that hangs delays no
    other.

    Args:
        sink, feed: names.
        pool: the pool from which it borrows a session for each statement. It holds none while the sink works.
        open_sink: opens the sink; called again after the session was lost.
        definition: returns the feed's definition; None until the feed is planned.
        max_attempts: number of attempts after which a failed item is parked.
        cleaned: cuts and cleans a target's message for people and logs.
        mask: names of fields that a log of documents hides.
        target: a digest of the settings that name the target; empty if the kind has none.
        history: whether the history of documents keeps the deliveries.
        samples: sums up what it delivers.
    """

    def __init__(
        self,
        sink: str,
        feed: str,
        *,
        pool: Pool,
        wake_ups: WakeUps,
        open_sink: Callable[[], Sink],
        definition: Callable[[], FeedDefinition | None],
        max_attempts: int,
        cleaned: Callable[[str], str],
        target: str = "",
        mask: Collection[str] = (),
        history: bool = False,
        samples: Samples | None = None,
    ) -> None:
        self.name = f"sink {sink}, feed {feed}"
        self._sink_name = sink
        self.feed = feed
        self._seat = Seat(pool, self.name, as_opened)
        self._wake_ups = wake_ups
        self._open_sink = open_sink
        self._definition = definition
        self._max_attempts = max_attempts
        self._cleaned = cleaned
        self._target = target
        self._mask = frozenset(mask)
        self._history = history
        self._samples = samples or Samples()
        self._failing = self._left = False
        self._failures = 0
        self._throttle = Throttle()
        self._look_at = time.monotonic() + BEAT_SECONDS * random.random()  # noqa: S311 # no secret

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Deliver until stopped.

        Raises:
            DatabaseUnavailable: the session is lost. The supervisor starts the worker again.
        """
        while not stop.is_set():
            try:
                with self._opened() as sink:
                    self._work(sink, stop, heartbeat)
            except psycopg.Error as error:
                if not is_loss(error):
                    # If another daemon replaced the feed's tables, the feed's worker finds that out.
                    self._wake_ups.wake_feed(self.feed)
                    raise
                raise DatabaseUnavailable(first_line(error), where=self.name) from error
            if not stop.is_set():
                self._wake_ups.await_delivery(self._sink_name, self.feed, OPEN_SECONDS)

    @property
    def is_failing(self) -> bool:
        """Whether the sink took nothing at the last try."""
        return self._failing

    def catch_up(self, stop: threading.Event, *, patience_seconds: float) -> None:
        """Deliver all changes until now; nothing while the delivery is paused.

        Args:
            stop: set it to give up.
            patience_seconds: how long to try a sink that takes nothing.

        Raises:
            SinkUnavailable: the sink took nothing for that long.
        """
        deadline = time.monotonic() + patience_seconds
        with self._opened() as sink:
            cursor = self._cursor(sink)
            work: DeliveryPass | None = None
            while not stop.is_set():
                work = work or self._pass(sink, cursor, _no_watchdog)
                if work is None:
                    return  # the feed has reported why it can't be planned
                try:
                    if work.run() == "worked":
                        self._note_taken(work)
                    elif not cursor.is_behind():
                        if not self._lost_at_rest(work):
                            return
                    else:
                        stop.wait(0.05)  # another daemon delivers
                except SinkUnavailable as error:
                    pause = self._failed(cursor, error)
                    work.failures = self._failures
                    if time.monotonic() + pause > deadline:
                        raise
                    stop.wait(pause)

    @contextmanager
    def _opened(self) -> Generator[Sink]:
        sink = self._open()
        try:
            yield sink
        finally:
            sink.close()
            with suppress(
                psycopg.OperationalError, DatabaseUnavailable
            ):  # otherwise the lease runs out by itself
                self._cursor(sink).release()

    def _open(self) -> Sink:
        try:
            return self._open_sink()
        except CdcError:
            raise
        except Exception as error:  # a bug of a foreign sink must not end the daemon
            raise SinkFault(
                f"can't be opened: {type(error).__name__}: {error}",
                where=self.name,
                hint="correct its settings; if they are right, please report it",
            ) from error

    def _work(self, sink: Sink, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Deliver until stopped, or until there was no work for a while."""
        cursor = self._cursor(sink)
        work: DeliveryPass | None = None
        last_work = -math.inf
        while not stop.is_set():
            cursor.look()  # a sign of life after a statement shows that the database answers
            heartbeat()
            if work is None or work.changes.feed is not self._definition():
                work = self._pass(sink, cursor, heartbeat)
            try:
                step = work.run() if work is not None else "busy"
            except SinkUnavailable as error:
                _wait(stop, self._failed(cursor, error), heartbeat)
                last_work = time.monotonic()
                if work is not None:
                    work.failures = self._failures
                continue
            if step != "idle":
                last_work = time.monotonic()
            elif time.monotonic() > self._look_at and work is not None and self._lost_at_rest(work):
                continue
            elif time.monotonic() - last_work > OPEN_SECONDS:
                return
            if step == "worked":
                if work is not None:
                    self._note_taken(work)
                continue
            self._wake_ups.await_delivery(self._sink_name, self.feed, IDLE_SECONDS)

    def _pass(self, sink: Sink, cursor: SinkCursor, heartbeat: Callable[[], None]) -> DeliveryPass | None:
        """Return the pass for this sink.

        Returns:
            None until the feed is planned, and while another daemon delivers to the former target: after a
            change of the configuration, each of the two would else send the whole feed to its own target.
        """
        definition = self._definition()
        if definition is None or not cursor.register():
            return None
        other = delivers_elsewhere(self._seat, self._sink_name, self.feed, self._target)
        if other is not None:
            if not self._left:
                log.warning(
                    "sink_left_to_others",
                    sink=self._sink_name,
                    feed=self.feed,
                    host=other.host,
                    pid=other.pid,
                )
            self._left = True
            return None
        self._left = False
        if cursor.aim(self._target):
            log.warning("sink_moved", sink=self._sink_name, feed=self.feed)
        if not sink.wants_previous:
            # No daemon records delivered documents from now on, so this needs no lease.
            DeliveredDocuments(self._seat, self._sink_name, self.feed, nullcontext).forget()
        delivered = DeliveredDocuments(self._seat, self._sink_name, self.feed, cursor.held)
        failed_items = FailedItems(
            self._seat,
            self._sink_name,
            self.feed,
            self._max_attempts,
            self._cleaned,
            self._throttle,
            cursor.held,
            self._history,
        )

        def before_send() -> None:
            heartbeat()  # halving a batch repeatedly, with a wait for each half, takes long
            cursor.renew()

        sender = BatchSender(
            sink,
            self.feed,
            before_send,
            failed_items,
            delivered if sink.wants_previous else None,
            lambda: PayloadLog(cursor.payload_keys, self._mask),
        )
        return DeliveryPass(
            self._seat, sink, Changes(definition), cursor, failed_items, sender, self._failures, self._samples
        )

    def _lost_at_rest(self, work: DeliveryPass) -> bool:
        """Check whether the target is lost, while there is nothing to send.

        Each worker checks at its own times, so that a hundred feeds of one sink do not all ask at once.
        """
        self._look_at = time.monotonic() + LOOK_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 # no secret
        try:
            return work.target.lost_at_rest()
        except SinkUnavailable as error:
            # There is nothing to deliver, so this is no failure. The next page will show a lasting one.
            log.debug(
                "target_not_seen", sink=self._sink_name, feed=self.feed, reason=self._cleaned(str(error))
            )
            return False

    def _cursor(self, sink: Sink) -> SinkCursor:
        return SinkCursor(self._seat, self._sink_name, self.feed, sink.timeout_seconds, history=self._history)

    def _failed(self, cursor: SinkCursor, error: SinkUnavailable) -> float:
        """Record that the sink takes nothing. Return the pause until the next try, in seconds."""
        longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 20), LONGEST_PAUSE_SECONDS)
        pause = longest * random.uniform(0.5, 1.0)  # noqa: S311 # jitter, not a secret
        if error.retry_after_seconds is not None:
            pause = error.retry_after_seconds
        self._failures += 1
        self._failing = True
        reason = self._cleaned(str(error))
        cursor.fail(reason, pause)
        self._samples.add_failure(self._sink_name, self.feed, kind_of(error))
        self._throttle.log(
            log.warning,
            "sink_failed",
            about=error.what,
            sink=self._sink_name,
            feed=self.feed,
            batch=error.batch,
            reason=reason,
            hint=error.hint,
            next_try_seconds=round(pause, 2),
            **({"exc_info": error.__cause__} if isinstance(error, SinkFault) else {}),
        )
        return pause

    def _note_taken(self, work: DeliveryPass) -> None:
        """Record the end of a step. The sink has recovered only if it has taken a record in it.

        A page whose entries were all superseded, or refused before, moves the cursor and sends nothing.
        """
        if not work.has_delivered:
            return
        self._failures = 0
        if self._failing:
            log.info("sink_recovered", sink=self._sink_name, feed=self.feed)
        self._failing = False


def kind_of(error: SinkUnavailable) -> str:
    """Return the kind of a failure: who is asked for a remedy.

    Returns:
        `authorization` (the sink does not let the daemon in, or lacks a right), `target` (the target blames
        itself), `pushback` (it asks for a pause), `program` (a bug of the sink), or `unreachable`.
    """
    if isinstance(error, NotAuthorized):
        return "authorization"
    if isinstance(error, TargetFault):
        return "target"
    if isinstance(error, SinkFault):
        return "program"
    return "unreachable" if error.retry_after_seconds is None else "pushback"


def _wait(stop: threading.Event, seconds: float, heartbeat: Callable[[], None]) -> None:
    """Wait with signs of life: a target may ask for a pause of an hour."""
    deadline = time.monotonic() + seconds
    while not stop.wait(max(0.0, min(BEAT_SECONDS, deadline - time.monotonic()))):
        heartbeat()
        if time.monotonic() >= deadline:
            return


def _no_watchdog() -> None:
    """Do nothing: the caller of `catch_up` watches it."""
