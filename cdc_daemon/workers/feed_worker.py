"""The worker of a feed: passes when there are changes, and chunks of the backlog in between."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal

import psycopg

from cdc_daemon.capture.source import Source
from cdc_daemon.capture.writers import Writers
from cdc_daemon.errors import CdcError, DatabaseUnavailable, DefinitionDiffers, FeedError, InstallError
from cdc_daemon.feeds import state
from cdc_daemon.feeds.recompute import DuplicateKey
from cdc_daemon.log import get_logger
from cdc_daemon.pg.ddl import TableBusy
from cdc_daemon.pg.pool import Pool, Seat
from cdc_daemon.pg.session import Connection, as_opened, first_line, is_loss
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.feed_log import FeedLog
from cdc_daemon.workers.helper_sessions import HelperSessions
from cdc_daemon.workers.other_configuration import OtherDefinition, is_followed
from cdc_daemon.workers.passes import Pass
from cdc_daemon.workers.planning import FeedPlan
from cdc_daemon.workers.samples import Samples
from cdc_daemon.workers.sync import PASSING, FeedSync, for_sync
from cdc_daemon.workers.wake_ups import WakeUps
from cdc_daemon.workers.witness import Witness

IDLE_SECONDS = 60.0
"""Seconds after which an idle feed makes a pass, which moves its cursor and checks its fingerprint."""

REPAIR_SECONDS = (1.0, 30.0)
"""First and longest pause between two tries of a stopped feed, in seconds."""

TAKING_SECONDS = 15.0
"""How long a daemon that installs another definition may take to begin; then others call the feed stopped."""

Step = Literal["worked", "idle", "busy", "again"]
"""The result of a step: it had work, it had none, another daemon works on the feed, or try again."""

log = get_logger()


class FeedWorker:
    """Keeps one feed in step until it is stopped.

    Args:
        name: name of the feed.
        pool: the pool from which it borrows a session for each step.
        plan_and_install: plans the feed anew and installs differing objects; called at the start and whenever
            the catalogue has changed.
        helpers: helper sessions for the backlog.
        witness: the witness of the feed's last revision.
        samples: sums up its passes.
        plan_captured: plans the feed anew without installing; returns None if a needed table is not captured.
        written: called with the feed when documents changed, to wake the sinks.
        forget: called with the feed when another definition of it is installed, so that nothing uses its
            objects any more.
        history: whether the history of documents keeps the passes.
    """

    def __init__(
        self,
        name: str,
        *,
        pool: Pool,
        wake_ups: WakeUps,
        plan_and_install: Callable[[Connection, str], tuple[FeedPlan, Sequence[Source]]],
        plan_captured: Callable[[Connection, str], tuple[FeedPlan, Sequence[Source]] | None],
        written: Callable[[str], None],
        forget: Callable[[str], None] = lambda _: None,
        batch_entities: int,
        max_pass_entities: int,
        helpers: HelperSessions | None = None,
        witness: Witness | None = None,
        history: bool = False,
        samples: Samples | None = None,
    ) -> None:
        self.name = f"feed {name}"
        self.feed = name
        self._pool = pool
        self._seat = Seat(pool, self.name, for_sync)
        self._wake_ups = wake_ups
        self._plan_and_install = plan_and_install
        self._plan_captured = plan_captured
        self._written = written
        self._forget = forget
        self._batch_entities = batch_entities
        self._max_pass_entities = max_pass_entities
        self._helpers = helpers
        self._history = history
        self._witness = witness or Witness(None)
        self._samples = samples or Samples()
        self._stopped = self._left = False
        # When another definition was first seen installed; before the first pass: long ago.
        self._differs_since = -math.inf
        self._must_resync = False
        # The plan of `catch_up`.
        self._present: FeedSync | None = None
        # While a new table can't be locked: the former plan, and the time of the next try.
        self._former: FeedSync | None = None
        self._plan_at, self._plan_pause = math.inf, REPAIR_SECONDS[0]
        self._log = FeedLog(name)

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Work until stopped.

        Raises:
            DatabaseUnavailable: the session is lost. The supervisor starts the worker again.
        """
        pause = REPAIR_SECONDS[0]
        sync: FeedSync | None = None
        while not stop.is_set():
            try:
                sync, done = self._try_step(sync, stop, heartbeat)
                heartbeat()  # a sign of life after a statement shows that the database answers
                if done in {"idle", "busy"}:
                    until_plan = max(0.0, self._plan_at - time.monotonic())
                    self._wake_ups.await_feed(self.feed, min(IDLE_SECONDS, until_plan))
                if done != "again":
                    pause = REPAIR_SECONDS[0]
            except (CdcError, psycopg.Error) as error:
                self._stop_or_leave(error, retry_seconds=pause)
                heartbeat()
                sync = None
                stop.wait(pause)
                pause = min(pause * 2, REPAIR_SECONDS[1])

    @property
    def has_stopped(self) -> bool:
        """Whether the feed stands still for a reason that it has logged."""
        return self._stopped

    def catch_up(self, stop: threading.Event) -> None:
        """Read all changes that were committed before this call, and empty the backlog.

        The next call goes on with the same plan, as `run` does.

        Raises:
            FeedError: the feed can't be brought up to date.
            DatabaseUnavailable: the session is lost.
        """
        while not stop.is_set():
            try:
                self._present, done = self._try_step(self._present, stop, _no_watchdog)
                if done == "idle" and self._is_drained():
                    return
                if done in {"idle", "busy"}:
                    stop.wait(0.05)  # another daemon works on the feed
            except (CdcError, psycopg.Error) as error:
                self._present = None
                reason = self._reason(error)
                self._stop_feed(reason, retry_seconds=None)
                raise FeedError(reason, where=f"feed {self.feed}") from error

    def _try_step(
        self, sync: FeedSync | None, stop: threading.Event, heartbeat: Callable[[], None]
    ) -> tuple[FeedSync | None, Step]:
        """Make one step, with a new plan if `sync` is None.

        Return "again" after an error that passes by itself.
        """
        try:
            if sync is None or time.monotonic() >= self._plan_at:
                sync = self._plan_or_go_on(sync)
            return sync, self._step(sync, stop, heartbeat)
        except PASSING as error:
            log.debug("pass_retried", feed=self.feed, reason=first_line(error))
            stop.wait(0.02)
            return sync, "again"
        except DefinitionDiffers as difference:
            log.warning("feed_changed", feed=self.feed, reason=difference.what)
            self._must_resync = True
            self._former = sync
            return None, "again"

    def _plan_or_go_on(self, present: FeedSync | None) -> FeedSync:
        """Return a new plan; the former one for a while, if a transaction holds a table that needs capture.

        A daemon that has just started has no former plan. It follows the tables that an earlier daemon
        captured.

        Raises:
            TableBusy: the feed has no former plan, and a needed table is not captured.
        """
        try:
            planned = self._plan()
        except TableBusy as busy:
            former = present or self._former or self._plan_as_captured()
            if former is None:
                raise
            former.tolerate()
            state.tell_uncaptured(self._seat, self.feed, str(busy))
            self._plan_at = time.monotonic() + self._plan_pause
            log.warning(
                "table_busy",
                feed=self.feed,
                reason=str(busy),
                hint=busy.hint,
                next_try_seconds=round(self._plan_pause, 1),
            )
            self._plan_pause = min(self._plan_pause * 2, REPAIR_SECONDS[1])
            return former
        self._former, self._plan_at, self._plan_pause = None, math.inf, REPAIR_SECONDS[0]
        state.tell_uncaptured(self._seat, self.feed, None)
        return planned

    def _plan(self) -> FeedSync:
        with self._pool.session(self.name, as_opened) as connection:
            plan, sources = self._plan_and_install(connection, self.feed)
            self._witness.arrive(connection)
        if self._must_resync:
            # Do this only when the feed is known to work: a feed that can't go on keeps its cursor.
            self._seat.execute(statement("feed_state.lose_cursor"), {"feed": self.feed})
            self._must_resync = False
        return self._sync_by(plan, sources)

    def _plan_as_captured(self) -> FeedSync | None:
        with self._pool.session(self.name, as_opened) as connection:
            found = self._plan_captured(connection, self.feed)
            self._witness.arrive(connection)
        return self._sync_by(*found) if found else None

    def _sync_by(self, plan: FeedPlan, sources: Sequence[Source]) -> FeedSync:
        return FeedSync(
            self._seat,
            plan,
            sources,
            batch_entities=self._batch_entities,
            max_pass_entities=self._max_pass_entities,
            helpers=self._helpers,
            witness=self._witness,
            history=self._history,
        )

    def _step(self, sync: FeedSync, stop: threading.Event, heartbeat: Callable[[], None]) -> Step:
        """Make one pass, and recompute one chunk of the backlog."""
        done = sync.run_pass()
        if done is None:
            return "worked" if self._begin(sync, stop, heartbeat) else "busy"
        if done.did_something:
            self._tell(done)
        chunk = sync.drain()
        # After the chunk: otherwise a feed that stops in its backlog would log a repair at every try.
        self._repaired()
        if chunk is not None:
            self._tell(chunk)
            self._finish_resyncs(sync)
            self._log.tell_progress(sync.backlog.unfinished_resyncs)
        # Entities that are due again and again wait for the watcher's next poll.
        return "worked" if chunk is not None or done.delta.entries or done.due.more else "idle"

    def _finish_resyncs(self, sync: FeedSync) -> None:
        for number, entities, reason, seconds in sync.backlog.finished_resyncs():
            self._log.tell_finished(number, entities, reason, seconds)
            self._written(self.feed)  # a full snapshot may have waited for the end of the backlog

    def _begin(self, sync: FeedSync, stop: threading.Event, heartbeat: Callable[[], None]) -> bool:
        def waiting(writers: Writers) -> None:
            log.info(
                "old_writers_awaited",
                feed=self.feed,
                pids=sorted(pid for _, pid in writers if pid is not None),
                prepared=sum(pid is None for _, pid in writers),
            )

        def pause(seconds: float) -> bool:
            heartbeat()  # a writer may stay open for hours
            return stop.wait(seconds)

        started = time.monotonic()
        count = sync.begin(pause=pause, waiting=waiting)
        self._log.tell_failed(sync.set_aside)
        if count is not None:
            seconds = round(time.monotonic() - started, 3)
            log.info("first_sync_started", feed=self.feed, entities=count, seconds=seconds)
        return count is not None

    def _tell(self, done: Pass) -> None:
        self._samples.add_pass(self.feed, done)
        self._log.tell_pass(done)
        if done.recomputed.upserts or done.recomputed.deletes:
            self._written(self.feed)

    def _duplicates(self, error: DuplicateKey) -> str:
        try:
            return error.recompute.explain_duplicates(self._seat, error.parameters)
        except psycopg.Error as fault:
            if self._seat.broken or is_loss(fault):
                raise
            return f"the rows can't be read: {first_line(fault)}"

    def _is_drained(self) -> bool:
        """Whether the backlog is empty and no daemon works on the feed now."""
        row = self._seat.execute(statement("feed_state.is_drained"), {"feed": self.feed}).fetchone()
        return bool(row and row[0])

    def _stop_or_leave(self, error: CdcError | psycopg.Error, *, retry_seconds: float) -> None:
        """Stop the feed; or leave it to another daemon, if only this one has another definition of it.

        If this daemon stopped the feed, `status` would call it stopped although the other daemon follows it.
        """
        reason = self._reason(error)
        if not isinstance(error, OtherDefinition):
            self._stop_feed(reason, retry_seconds=retry_seconds)
            return
        self._forget(self.feed)
        self._differs_since = min(self._differs_since, time.monotonic())
        if is_followed(self._seat, self.feed):
            if not self._left:
                log.warning("feed_left_to_others", feed=self.feed, reason=error.what, hint=error.hint)
            self._left = True
        elif time.monotonic() >= self._differs_since + TAKING_SECONDS:
            self._stop_feed(reason, retry_seconds=retry_seconds)

    def _stop_feed(self, reason: str, *, retry_seconds: float | None) -> None:
        if not self._stopped:
            log.error("feed_stopped", feed=self.feed, reason=reason)
        self._stopped = True
        with suppress(psycopg.errors.UndefinedTable):  # schema cdc no longer exists: the watcher reports it
            state.stop(self._seat, self.feed, reason, retry_seconds=retry_seconds)

    def _repaired(self) -> None:
        if self._stopped or self._left:
            log.info("feed_repaired", feed=self.feed)
        self._stopped = self._left = False
        self._differs_since = math.inf

    def _reason(self, error: CdcError | psycopg.Error) -> str:
        """Return the reason why the feed stops, in one line.

        Raises:
            DatabaseUnavailable: a session is lost: the worker's, or another one that it needed.
            CdcError: a feed does not stop for this error.
        """
        if self._seat.broken or is_loss(error):
            raise DatabaseUnavailable(first_line(error), where=self.name) from error
        if isinstance(error, DuplicateKey):
            rows = self._duplicates(error)
            return f"{error.message_for(self.feed)}: {rows}. Try: {error.hint}"
        if isinstance(error, FeedError | InstallError):
            told = error.message_for(self.feed) if isinstance(error, FeedError) else str(error)
            if isinstance(error, FeedError):
                told = "; ".join([told, *(what for _, what, _ in error.more)])
            return f"{told}. Try: {error.hint}" if error.hint else told
        if isinstance(error, CdcError):
            raise error
        return first_line(error)


def _no_watchdog() -> None:
    """Do nothing: the caller of `catch_up` watches it."""
