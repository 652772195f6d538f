"""The supervisor runs each worker in a thread, restarts failed workers, and stops one or all of them.

The contract (after River's startstop): a worker is a loop around blocking work. `run` returns soon after
`stop` is set, and never otherwise. Only the supervisor reports an error that it raises, once.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import psycopg

from cdc_daemon import service_notify
from cdc_daemon.errors import CdcError, DatabaseUnavailable, SinkUnavailable
from cdc_daemon.log import Throttle, get_logger
from cdc_daemon.pg.session import is_loss

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 15.0
SETTLED_SECONDS = 10.0
"""Seconds without an error after which a worker counts as repaired."""
MOST_QUICK_FAILURES = 5
"""Number of lasting failures in a row after which the daemon ends."""
LONGEST_SILENCE_SECONDS = 900.0
"""Seconds without a heartbeat after which a worker hangs.

It is long because a statement over a large feed takes minutes. Otherwise the watchdog would end the daemon
again after every restart.
"""

# Errors of other processes and machines, not of this one. The worker is restarted for ever.
_PASSING = (
    DatabaseUnavailable,
    SinkUnavailable,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    OSError,
)

FORMER_SECONDS = 0.2
"""Pause between two looks at a worker that has to end before its successor begins."""

GONE_HINT = "schema cdc was removed or changed meanwhile: run `cdc-daemon install`, then start the daemon"
log = get_logger()


class Worker(Protocol):
    """A loop that the supervisor runs in a thread."""

    name: str

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Work until `stop` is set.

        Args:
            stop: event at which every wait of the worker must end soon.
            heartbeat: function that the worker must call in every turn of the loop. The first call after a
                start means that a database session has answered a statement.
        """
        ...


class WorkerGivenUp(CdcError):
    """A worker failed repeatedly with a lasting error."""


@dataclass
class _Post:
    """The state of one worker.

    Attributes:
        beaten_at: time of the last heartbeat. A pause before a restart counts as one.
        attempts: failures in a row.
        trouble: reason of the last failure, until the next heartbeat.
        lost_database: whether this failure was the loss of the database, which is logged once for all
            workers.
        told: whether a failure was logged for this worker since it last worked.
        alone: whether nothing else waits for it. If it hangs, the watchdog does not end the daemon.
        silence_told: whether the log has an event that it hangs.
        stop: event at which this worker ends.
        former: thread of the worker in whose place it came. It may still finish its work.
    """

    worker: Worker
    beaten_at: float
    attempts: int = 0
    trouble: str | None = None
    lost_database: bool = False
    told: bool = False
    alone: bool = False
    silence_told: bool = False
    stop: threading.Event = field(default_factory=threading.Event, repr=False)
    former: threading.Thread | None = field(default=None, repr=False)
    thread: threading.Thread | None = field(default=None, repr=False)


class Supervisor:
    """Runs all workers of one process.

    Args:
        clock: monotonic clock, in seconds.
        jitter: returns a number from 0 to 1, so that many daemons do not restart at the same time.
        longest_silence_seconds: time without a heartbeat after which a worker hangs, and the watchdog gets no
            sign of life.
        summary: what the workers do, in a few words, for the status that systemd shows. Without it: how many
            workers run.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        longest_silence_seconds: float = LONGEST_SILENCE_SECONDS,
        summary: Callable[[], str] | None = None,
    ) -> None:
        self._summary = summary or (lambda: f"{len(self._posts)} workers run")
        self.longest_silence_seconds = longest_silence_seconds
        self._clock = clock
        self._jitter = jitter
        # Replaced, never changed: a reload adds and removes workers while other threads look at the list.
        self._posts: tuple[_Post, ...] = ()
        self._leaving: dict[str, threading.Thread] = {}
        self._runs = False
        self._stops = False
        self._leave = threading.Event()
        self._lock = threading.Lock()
        self._lost_at: float | None = None
        self._back_at = float("-inf")
        self._given_up: WorkerGivenUp | None = None
        self._throttle = Throttle()
        self._status = ""
        self.note = ""

    def add(self, worker: Worker, *, alone: bool = False) -> None:
        """Add a worker. It starts at once, or when `run` is called.

        If a worker of this name was removed and has not ended yet, the new one waits for its end.

        Args:
            alone: whether nothing else waits for it. Then the watchdog does not end the daemon if it hangs;
                otherwise all other workers would restart, again and again.
        """
        with self._lock:
            former = self._leaving.pop(worker.name, None)
            post = _Post(worker, self._clock(), alone=alone, former=former)
            self._posts = (*self._posts, post)
            if self._runs and not self._stops:
                self._start(post)

    def remove(self, names: Collection[str], *, seconds: float, wake: Callable[[], None]) -> list[str]:
        """Stop workers while the others run on.

        Args:
            seconds: longest wait for their work in progress.
            wake: ends waits of these workers that don't end by `stop`.

        Returns:
            Names of those that did not stop in time. They end when their work is done.
        """
        with self._lock:
            removed = [post for post in self._posts if post.worker.name in names]
            self._posts = tuple(post for post in self._posts if post not in removed)
        for post in removed:
            post.stop.set()
        wake()
        until = self._clock() + seconds
        left: dict[str, threading.Thread] = {}
        for post in removed:
            if post.thread is not None:
                post.thread.join(max(0.0, until - self._clock()))
                if post.thread.is_alive():
                    left[post.worker.name] = post.thread
        with self._lock:
            self._leaving |= left
        return list(left)

    def lose_database(self, reason: str) -> None:
        """Note that the database can't be reached, before or while the workers run."""
        with self._lock:
            if self._lost_at is None:
                self._lost_at = self._clock()
        # Every worker notices the loss. One event is enough.
        self._throttle.log(log.warning, "database_lost", about="", reason=reason)

    def run(
        self,
        leave: threading.Event,
        *,
        drain_seconds: Callable[[], float],
        wake: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Run every worker until `leave` is set, then stop all of them.

        Args:
            leave: event that a signal sets, or the supervisor when a worker has given up.
            drain_seconds: returns the longest wait for work in progress, in seconds.
            wake: ends waits of workers that don't end by `stop`.

        Returns:
            Names of the workers that did not stop in time. Their threads end with the process.

        Raises:
            WorkerGivenUp: a worker failed with a lasting error. All others are stopped.
        """
        self._leave = leave
        with self._lock:
            self._runs = True
            for post in self._posts:
                self._start(post)
        service_notify.notify(READY=1)
        patience = service_notify.watchdog_seconds()
        # Half of systemd's interval, so that a late sign of life is still in time.
        while not leave.wait(1.0 if patience is None else min(1.0, patience / 2)):
            self._look_after()
        unstopped = self._stop_all(drain_seconds(), wake)
        if self._given_up:
            raise self._given_up
        return unstopped

    def _start(self, post: _Post) -> None:
        post.thread = threading.Thread(
            target=self._keep_running, args=(post,), name=post.worker.name, daemon=True
        )
        post.thread.start()

    @property
    def workers(self) -> list[Worker]:
        """The workers that it runs now."""
        return [post.worker for post in self._posts]

    def silent(self) -> list[str]:
        """Return names of the workers without a heartbeat: none, if all is well."""
        return [post.worker.name for post in self._silent()]

    @property
    def has_lost_database(self) -> bool:
        """Whether the database is lost, as far as the workers know."""
        return self._lost_at is not None

    def _silent(self) -> list[_Post]:
        oldest = self._clock() - self.longest_silence_seconds
        return [post for post in self._posts if post.beaten_at < oldest]

    def _look_after(self) -> None:
        # Every worker loses the database. Once is enough.
        lost = ["the database can't be reached"] if self._lost_at is not None else []
        troubles = [
            f"{post.worker.name}: {post.trouble}"
            for post in self._posts
            if post.trouble and not post.lost_database
        ]
        silent = self._silent()
        for post in silent:
            if not post.silence_told:
                post.silence_told = True
                seconds = round(self._clock() - post.beaten_at)
                log.error("worker_hangs", worker=post.worker.name, seconds=seconds)
        hanging = [f"{post.worker.name} hangs" for post in silent]
        notes = [self.note] if self.note else []
        status = "; ".join([*notes, *lost, *troubles, *hanging, self._summary()])
        if status != self._status:
            self._status = status
            service_notify.notify(STATUS=status)
        if all(post.alone for post in silent):
            service_notify.notify(WATCHDOG=1)

    def _stop_all(self, drain_seconds: float, wake: Callable[[], None]) -> list[str]:
        started = self._clock()
        log.info("daemon_stopping", drain_seconds=drain_seconds)
        # drain_seconds may be longer than the unit's TimeoutStopSec.
        service_notify.notify(STOPPING=1, EXTEND_TIMEOUT_USEC=int((drain_seconds + 5) * 1_000_000))
        with self._lock:
            self._stops = True
        for post in self._posts:
            post.stop.set()
        wake()
        for post in self._posts:
            if post.thread is not None:
                post.thread.join(max(0.0, started + drain_seconds - self._clock()))
        unstopped = [
            post.worker.name for post in self._posts if post.thread is not None and post.thread.is_alive()
        ]
        log.info("daemon_stopped", seconds=round(self._clock() - started, 3), unstopped=unstopped)
        return unstopped

    def _keep_running(self, post: _Post) -> None:
        while post.former is not None and post.former.is_alive() and not post.stop.is_set():
            # Two deliveries of one feed to one sink at a time would mix their records.
            post.former.join(FORMER_SECONDS)
            post.beaten_at = self._clock()
        while not post.stop.is_set():
            started = self._clock()
            error = self._run_once(post, started)
            if error is None or (post.stop.is_set() and isinstance(error, _PASSING)):
                return  # stopped, perhaps because its connection was closed
            if self._clock() - started >= SETTLED_SECONDS:
                post.attempts = 0
            post.attempts += 1
            if post.attempts >= MOST_QUICK_FAILURES and not isinstance(error, _PASSING):
                self._give_up(post, error)
                return
            pause = self._pause(post.attempts)
            self._tell(post, error, pause, started)
            post.stop.wait(pause)
            post.beaten_at = self._clock()

    def _run_once(self, post: _Post, started: float) -> Exception | None:
        try:
            post.worker.run(post.stop, partial(self._heartbeat, post, started))
        except Exception as error:  # any error: only the supervisor handles errors of a worker
            return error
        return None if post.stop.is_set() else RuntimeError("the loop ended without being asked to")

    def _heartbeat(self, post: _Post, started: float) -> None:
        post.beaten_at = self._clock()
        post.silence_told = False
        if self._lost_at is None and post.trouble is None and not post.attempts:
            return
        post.trouble = None
        post.lost_database = False
        # One event for the daemon: while a worker lacks its session, the database is not back.
        if self._lost_at is not None and not any(one.lost_database for one in self._posts):
            self._database_is_back()
        if post.attempts and post.beaten_at - started >= SETTLED_SECONDS:
            if post.told:
                log.info("worker_restarted", worker=post.worker.name, attempts=post.attempts)
            post.attempts, post.told = 0, False

    def _pause(self, attempts: int) -> float:
        longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE_SECONDS)
        return longest * (0.5 + self._jitter() / 2)

    def _tell(self, post: _Post, error: Exception, pause: float, started: float) -> None:
        reason = _reason(error)
        post.trouble = reason
        post.lost_database = is_loss(error)
        if post.lost_database:
            # A worker that was idle during an outage notices it after the others have reconnected. If the
            # database is lost again, the worker's next try reports it.
            if started > self._back_at:
                self.lose_database(reason)
            return
        post.told = True
        fields: dict[str, object] = {
            "worker": post.worker.name,
            "error": type(error).__name__,
            "reason": reason,
            "hint": getattr(error, "hint", None),
            "attempt": post.attempts,
            "next_try_seconds": round(pause, 3),
        }
        if not isinstance(error, CdcError | psycopg.OperationalError | OSError):
            fields["exc_info"] = error  # a bug: its traceback is needed
        self._throttle.log(
            log.error, "worker_failed", about=f"{post.worker.name} {type(error).__name__}", **fields
        )

    def _database_is_back(self) -> None:
        with self._lock:
            lost_at, self._lost_at = self._lost_at, None
            if lost_at is not None:
                self._back_at = self._clock()
        if lost_at is not None:
            log.info("database_reconnected", seconds=round(self._clock() - lost_at, 3))
            self._throttle.reset("database_lost", about="")

    def _give_up(self, post: _Post, error: Exception) -> None:
        log.error(
            "worker_given_up",
            worker=post.worker.name,
            error=type(error).__name__,
            reason=_reason(error),
            hint=getattr(error, "hint", None),
            attempts=post.attempts,
            exc_info=None if isinstance(error, CdcError) else error,
        )
        hint = (
            error.hint
            if isinstance(error, CdcError)
            else GONE_HINT
            if isinstance(error, psycopg.errors.UndefinedTable)
            else "the log has the place of the fault; please report it"
        )
        given_up = WorkerGivenUp(
            f"failed {post.attempts} times in a row: {_reason(error)}", where=post.worker.name, hint=hint
        )
        given_up.__cause__ = error
        with self._lock:
            self._given_up = self._given_up or given_up
        self._leave.set()


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
