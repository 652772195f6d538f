"""The supervisor: a thread for each worker, started again when it fails, stopped together.

The contract (after River's startstop): a worker is a loop around blocking work; `run` returns soon after
`stop` is set and never otherwise; whatever it raises is told here, once, by nobody else.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
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
"""A worker that ran this long without an error counts as repaired."""
MOST_QUICK_FAILURES = 5
"""Failures in a row, none of which passes by itself, after which the daemon ends."""
LONGEST_SILENCE_SECONDS = 900.0
"""Generous: one statement over a large feed takes minutes, and a watchdog that ends the daemon then would
end it again after every restart."""

# Told by other processes and machines, not by a fault of this one: tried again for ever.
_PASSING = (
    DatabaseUnavailable,
    SinkUnavailable,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    OSError,
)

GONE_HINT = "schema cdc was removed or changed meanwhile: run `cdc-daemon install`, then start the daemon"
log = get_logger()


class Worker(Protocol):
    """A loop in a thread of its own."""

    name: str

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Work until `stop` is set.

        Args:
            stop: every wait of the worker ends soon after it is set.
            heartbeat: to be called at every turn of the loop, once the worker has what it needs to work: the
                first call after a start says that a session of the database has answered a statement.
        """
        ...


class WorkerGivenUp(CdcError):
    """A worker failed again and again with an error that does not pass by itself."""


@dataclass
class _Post:
    """One worker and how it is doing.

    Attributes:
        beaten_at: its last sign of life; pauses between two tries count as one.
        attempts: failures in a row.
        trouble: what the last failure was, until the worker has beaten again.
        lost_database: that failure was the loss of the database, which is told once for all workers.
        told: some failure since it last was well was told as its own.
        alone: nothing else waits for it: when it hangs, the others are not restarted for it.
        silence_told: it was told that it hangs.
    """

    worker: Worker
    beaten_at: float
    attempts: int = 0
    trouble: str | None = None
    lost_database: bool = False
    told: bool = False
    alone: bool = False
    silence_told: bool = False
    thread: threading.Thread | None = field(default=None, repr=False)


class Supervisor:
    """All workers of one process.

    Args:
        clock: seconds that only grow.
        jitter: a number from 0 to 1, so that many daemons do not come back in step.
        longest_silence_seconds: a worker that has not beaten for this long hangs; the watchdog is not fed.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        longest_silence_seconds: float = LONGEST_SILENCE_SECONDS,
    ) -> None:
        self._longest_silence_seconds = longest_silence_seconds
        self._clock = clock
        self._jitter = jitter
        self._posts: list[_Post] = []
        self._stop = threading.Event()
        self._leave = threading.Event()
        self._lock = threading.Lock()
        self._lost_at: float | None = None
        self._back_at = float("-inf")
        self._given_up: WorkerGivenUp | None = None
        self._throttle = Throttle()
        self._status = ""

    def add(self, worker: Worker, *, alone: bool = False) -> None:
        """Take a worker; it starts with `run`.

        Args:
            alone: nothing else waits for it. A watchdog that ends the daemon because it hangs would start all
                others anew, and again after every restart.
        """
        self._posts.append(_Post(worker, self._clock(), alone=alone))

    def lose_database(self, reason: str) -> None:
        """Hear, before or while the workers run, that the database can't be reached."""
        with self._lock:
            if self._lost_at is None:
                self._lost_at = self._clock()
        # Every worker notices; one line is enough.
        self._throttle.log(log.warning, "database_lost", about="", reason=reason)

    def run(
        self, leave: threading.Event, *, drain_seconds: float, wake: Callable[[], None] = lambda: None
    ) -> list[str]:
        """Run every worker until `leave` is set, then stop them all.

        Args:
            leave: set by a signal, or here when a worker has given up.
            drain_seconds: how long to wait for work at hand.
            wake: ends waits of the workers that `stop` alone does not end.

        Returns:
            The workers that did not stop in time; their threads end with the process.

        Raises:
            WorkerGivenUp: a worker failed for a reason that does not pass by itself; all others are stopped.
        """
        self._leave = leave
        for post in self._posts:
            post.thread = threading.Thread(
                target=self._keep_running, args=(post,), name=post.worker.name, daemon=True
            )
            post.thread.start()
        service_notify.notify(READY=1)
        patience = service_notify.watchdog_seconds()
        # Half of what systemd grants: one that is sent late is still in time.
        while not leave.wait(1.0 if patience is None else min(1.0, patience / 2)):
            self._look_after()
        unstopped = self._stop_all(drain_seconds, wake)
        if self._given_up:
            raise self._given_up
        return unstopped

    def silent(self) -> list[str]:
        """The workers that give no sign of life: none, while all is well."""
        return [post.worker.name for post in self._silent()]

    @property
    def has_lost_database(self) -> bool:
        """Whether the database can't be reached, as far as the workers know."""
        return self._lost_at is not None

    def _silent(self) -> list[_Post]:
        oldest = self._clock() - self._longest_silence_seconds
        return [post for post in self._posts if post.beaten_at < oldest]

    def _look_after(self) -> None:
        troubles = [f"{post.worker.name}: {post.trouble}" for post in self._posts if post.trouble]
        silent = self._silent()
        for post in silent:
            if not post.silence_told:
                post.silence_told = True
                seconds = round(self._clock() - post.beaten_at)
                log.error("worker_hangs", worker=post.worker.name, seconds=seconds)
        status = (
            "; ".join([*troubles, *(f"{post.worker.name} hangs" for post in silent)])
            or f"{len(self._posts)} workers run"
        )
        if status != self._status:
            self._status = status
            service_notify.notify(STATUS=status)
        if all(post.alone for post in silent):
            service_notify.notify(WATCHDOG=1)

    def _stop_all(self, drain_seconds: float, wake: Callable[[], None]) -> list[str]:
        started = self._clock()
        log.info("daemon_stopping", drain_seconds=drain_seconds)
        # drain_seconds may have been set to more than the unit's TimeoutStopSec.
        service_notify.notify(STOPPING=1, EXTEND_TIMEOUT_USEC=int((drain_seconds + 5) * 1_000_000))
        self._stop.set()
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
        while not self._stop.is_set():
            started = self._clock()
            error = self._run_once(post, started)
            if error is None or (self._stop.is_set() and isinstance(error, _PASSING)):
                return  # stopped; perhaps with its connection closed under it
            if self._clock() - started >= SETTLED_SECONDS:
                post.attempts = 0
            post.attempts += 1
            if post.attempts >= MOST_QUICK_FAILURES and not isinstance(error, _PASSING):
                self._give_up(post, error)
                return
            pause = self._pause(post.attempts)
            self._tell(post, error, pause, started)
            self._stop.wait(pause)
            post.beaten_at = self._clock()

    def _run_once(self, post: _Post, started: float) -> Exception | None:
        try:
            post.worker.run(self._stop, partial(self._heartbeat, post, started))
        except Exception as error:  # whatever it is: this is the one place where a worker's errors end
            return error
        return None if self._stop.is_set() else RuntimeError("the loop ended without being asked to")

    def _heartbeat(self, post: _Post, started: float) -> None:
        post.beaten_at = self._clock()
        post.silence_told = False
        if self._lost_at is None and post.trouble is None and not post.attempts:
            return
        post.trouble = None
        post.lost_database = False
        # One line for the daemon: while one worker still lacks its session, the database is not back.
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
            # A worker that slept through an outage finds its session gone when the others are back already.
            # Where the database is away once more, its next try says so.
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
            fields["exc_info"] = error  # a fault of ours: whoever repairs it needs the place
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
