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
class _WorkerState:
    """The state of one worker.

    Attributes:
        heartbeat_at: time of the last heartbeat. A pause before a restart counts as one.
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
    heartbeat_at: float
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
        self._summary = summary or (lambda: f"{len(self._states)} workers run")
        self.longest_silence_seconds = longest_silence_seconds
        self._clock = clock
        self._jitter = jitter
        # Replaced, never changed: a reload adds and removes workers while other threads look at the list.
        self._states: tuple[_WorkerState, ...] = ()
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
            state = _WorkerState(worker, self._clock(), alone=alone, former=former)
            self._states = (*self._states, state)
            if self._runs and not self._stops:
                self._start(state)

    def remove(self, names: Collection[str], *, seconds: float, wake: Callable[[], None]) -> list[str]:
        """Stop workers while the others run on.

        Args:
            seconds: longest wait for their work in progress.
            wake: ends waits of these workers that don't end by `stop`.

        Returns:
            Names of those that did not stop in time. They end when their work is done.
        """
        with self._lock:
            removed = [state for state in self._states if state.worker.name in names]
            self._states = tuple(state for state in self._states if state not in removed)
        for state in removed:
            state.stop.set()
        wake()
        until = self._clock() + seconds
        left: dict[str, threading.Thread] = {}
        for state in removed:
            if state.thread is not None:
                state.thread.join(max(0.0, until - self._clock()))
                if state.thread.is_alive():
                    left[state.worker.name] = state.thread
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
            for state in self._states:
                self._start(state)
        service_notify.notify(READY=1)
        patience = service_notify.watchdog_seconds()
        # Half of systemd's interval, so that a late sign of life is still in time.
        while not leave.wait(1.0 if patience is None else min(1.0, patience / 2)):
            self._look_after()
        unstopped = self._stop_all(drain_seconds(), wake)
        if self._given_up:
            raise self._given_up
        return unstopped

    def _start(self, state: _WorkerState) -> None:
        state.thread = threading.Thread(
            target=self._keep_running, args=(state,), name=state.worker.name, daemon=True
        )
        state.thread.start()

    @property
    def workers(self) -> list[Worker]:
        """The workers that it runs now."""
        return [state.worker for state in self._states]

    def silent(self) -> list[str]:
        """Return names of the workers without a heartbeat: none, if all is well."""
        return [state.worker.name for state in self._silent()]

    @property
    def has_lost_database(self) -> bool:
        """Whether the database is lost, as far as the workers know."""
        return self._lost_at is not None

    def _silent(self) -> list[_WorkerState]:
        oldest = self._clock() - self.longest_silence_seconds
        return [state for state in self._states if state.heartbeat_at < oldest]

    def _look_after(self) -> None:
        # Every worker loses the database. Once is enough.
        lost = ["the database can't be reached"] if self._lost_at is not None else []
        troubles = [
            f"{state.worker.name}: {state.trouble}"
            for state in self._states
            if state.trouble and not state.lost_database
        ]
        silent = self._silent()
        for state in silent:
            if not state.silence_told:
                state.silence_told = True
                seconds = round(self._clock() - state.heartbeat_at)
                log.error("worker_hangs", worker=state.worker.name, seconds=seconds)
        hanging = [f"{state.worker.name} hangs" for state in silent]
        notes = [self.note] if self.note else []
        status = "; ".join([*notes, *lost, *troubles, *hanging, self._summary()])
        if status != self._status:
            self._status = status
            service_notify.notify(STATUS=status)
        if all(state.alone for state in silent):
            service_notify.notify(WATCHDOG=1)

    def _stop_all(self, drain_seconds: float, wake: Callable[[], None]) -> list[str]:
        started = self._clock()
        log.info("daemon_stopping", drain_seconds=drain_seconds)
        # drain_seconds may be longer than the unit's TimeoutStopSec.
        service_notify.notify(STOPPING=1, EXTEND_TIMEOUT_USEC=int((drain_seconds + 5) * 1_000_000))
        with self._lock:
            self._stops = True
        for state in self._states:
            state.stop.set()
        wake()
        for state in self._states:
            if state.thread is not None:
                state.thread.join(max(0.0, started + drain_seconds - self._clock()))
        unstopped = [
            state.worker.name
            for state in self._states
            if state.thread is not None and state.thread.is_alive()
        ]
        log.info("daemon_stopped", seconds=round(self._clock() - started, 3), unstopped=unstopped)
        return unstopped

    def _keep_running(self, state: _WorkerState) -> None:
        while state.former is not None and state.former.is_alive() and not state.stop.is_set():
            # Two deliveries of one feed to one sink at a time would mix their records.
            state.former.join(FORMER_SECONDS)
            state.heartbeat_at = self._clock()
        while not state.stop.is_set():
            started = self._clock()
            error = self._run_once(state, started)
            if error is None or (state.stop.is_set() and isinstance(error, _PASSING)):
                return  # stopped, perhaps because its connection was closed
            if self._clock() - started >= SETTLED_SECONDS:
                state.attempts = 0
            state.attempts += 1
            if state.attempts >= MOST_QUICK_FAILURES and not isinstance(error, _PASSING):
                self._give_up(state, error)
                return
            pause = self._pause(state.attempts)
            self._tell(state, error, pause, started)
            state.stop.wait(pause)
            state.heartbeat_at = self._clock()

    def _run_once(self, state: _WorkerState, started: float) -> Exception | None:
        try:
            state.worker.run(state.stop, partial(self._heartbeat, state, started))
        except Exception as error:  # any error: only the supervisor handles errors of a worker
            return error
        return None if state.stop.is_set() else RuntimeError("the loop ended without being asked to")

    def _heartbeat(self, state: _WorkerState, started: float) -> None:
        state.heartbeat_at = self._clock()
        state.silence_told = False
        if self._lost_at is None and state.trouble is None and not state.attempts:
            return
        state.trouble = None
        state.lost_database = False
        # One event for the daemon: while a worker lacks its session, the database is not back.
        if self._lost_at is not None and not any(one.lost_database for one in self._states):
            self._database_is_back()
        if state.attempts and state.heartbeat_at - started >= SETTLED_SECONDS:
            if state.told:
                log.info("worker_restarted", worker=state.worker.name, attempts=state.attempts)
            state.attempts, state.told = 0, False

    def _pause(self, attempts: int) -> float:
        longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE_SECONDS)
        return longest * (0.5 + self._jitter() / 2)

    def _tell(self, state: _WorkerState, error: Exception, pause: float, started: float) -> None:
        reason = _reason(error)
        state.trouble = reason
        state.lost_database = is_loss(error)
        if state.lost_database:
            # A worker that was idle during an outage notices it after the others have reconnected. If the
            # database is lost again, the worker's next try reports it.
            if started > self._back_at:
                self.lose_database(reason)
            return
        state.told = True
        fields: dict[str, object] = {
            "worker": state.worker.name,
            "error": type(error).__name__,
            "reason": reason,
            "hint": getattr(error, "hint", None),
            "attempt": state.attempts,
            "next_try_seconds": round(pause, 3),
        }
        if not isinstance(error, CdcError | psycopg.OperationalError | OSError):
            fields["exc_info"] = error  # a bug: its traceback is needed
        self._throttle.log(
            log.error, "worker_failed", about=f"{state.worker.name} {type(error).__name__}", **fields
        )

    def _database_is_back(self) -> None:
        with self._lock:
            lost_at, self._lost_at = self._lost_at, None
            if lost_at is not None:
                self._back_at = self._clock()
        if lost_at is not None:
            log.info("database_reconnected", seconds=round(self._clock() - lost_at, 3))
            self._throttle.reset("database_lost", about="")

    def _give_up(self, state: _WorkerState, error: Exception) -> None:
        log.error(
            "worker_given_up",
            worker=state.worker.name,
            error=type(error).__name__,
            reason=_reason(error),
            hint=getattr(error, "hint", None),
            attempts=state.attempts,
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
            f"failed {state.attempts} times in a row: {_reason(error)}", where=state.worker.name, hint=hint
        )
        given_up.__cause__ = error
        with self._lock:
            self._given_up = self._given_up or given_up
        self._leave.set()


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
