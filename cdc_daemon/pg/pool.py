"""A pool of sessions that all workers of a process share. A worker has a session only while it works.

Waiting workers get a session in the order in which they came. A worker gets the session that it had last, if
that is free, because PostgreSQL keeps the plans of its statements there.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.abc import Params, QueryNoTemplate

from cdc_daemon.log import Throttle, get_logger
from cdc_daemon.pg.session import Connection, SessionRefused, is_loss, purpose_of
from cdc_daemon.pg.statements import statement

SetUp = Callable[[Connection], object]
"""Prepares a session for a kind of work, whatever its use before."""

REFUSED_SECONDS = 60.0
"""Seconds after a refusal during which the pool opens no further session."""

log = get_logger()


@dataclass
class _Turn:
    """A worker that waits for a session.

    Attributes:
        session: the session that it gets, or None if it may open one.
    """

    worker: str
    session: Connection | None = None
    has_come: threading.Event = field(default_factory=threading.Event)


class Pool:
    """The sessions, and the queue of workers that wait for one.

    Args:
        connect: opens a session.
        most: largest number of sessions. The pool has fewer while the server refuses more.
    """

    def __init__(self, connect: Callable[[], Connection], most: int) -> None:
        self._connect = connect
        self._most = most
        # After a refusal, the limit is the present number of sessions for a while.
        self._most_now, self._refused_until = most, 0.0
        self._lock = threading.Lock()
        # In order, the session that has been idle for longest first.
        self._idle: dict[Connection, None] = {}
        self._open = 0
        self._queue: deque[_Turn] = deque()
        self._last: dict[str, Connection] = {}
        self._set_up: dict[Connection, tuple[SetUp, str]] = {}
        self._throttle = Throttle()

    @contextmanager
    def session(self, worker: str, set_up: SetUp) -> Generator[Connection]:
        """Borrow a session for this worker during the block. Waits for one if necessary.

        Args:
            worker: name of the worker, which pg_stat_activity shows.
            set_up: prepares the session for the work.

        Raises:
            DatabaseUnavailable: the pool can't open a session.
        """
        session = self._take(worker)
        try:
            self._prepare(session, worker, set_up)
            yield session
        finally:
            self._give_back(session)

    @property
    def waiting(self) -> int:
        """Number of workers that wait for a session."""
        return len(self._queue)

    def close(self) -> None:
        """Close the idle sessions."""
        with self._lock:
            idle = self._forget_idle()
        for session in idle:
            session.close()

    def _take(self, worker: str) -> Connection:
        turn = _Turn(worker)
        with self._lock:
            self._queue.append(turn)
            self._serve()
        while True:
            turn.has_come.wait()
            if turn.session is not None:
                return turn.session
            try:
                return self._connect()
            except SessionRefused as refusal:
                self._do_with_fewer(turn, refusal)
            except BaseException:
                with self._lock:
                    self._open -= 1
                    self._serve()
                raise

    def _serve(self) -> None:
        """Give free sessions to the workers that wait longest. The caller holds the lock."""
        most = self._most if time.monotonic() > self._refused_until else self._most_now
        while self._queue and (self._idle or self._open < most):
            turn = self._queue.popleft()
            own = self._last.get(turn.worker)
            if own is not None and own in self._idle:
                turn.session = own
            elif self._open < most:
                self._open += 1
            else:
                turn.session = next(iter(self._idle))
            if turn.session is not None:
                del self._idle[turn.session]
            turn.has_come.set()

    def _do_with_fewer(self, turn: _Turn, refusal: SessionRefused) -> None:
        """Handle a refusal of the server: make the worker wait for one of the open sessions.

        Raises:
            SessionRefused: no session is open.
        """
        with self._lock:
            self._open -= 1
            if not self._open:
                self._serve()
                raise refusal
            self._most_now, self._refused_until = self._open, time.monotonic() + REFUSED_SECONDS
            turn.has_come.clear()
            self._queue.appendleft(turn)
            self._serve()
        self._throttle.log(
            log.warning,
            "session_refused",
            about="",
            reason=refusal.what,
            sessions=self._most_now,
            hint=refusal.hint,
        )

    def _prepare(self, session: Connection, worker: str, set_up: SetUp) -> None:
        wanted = (set_up, worker)
        before = self._set_up.get(session)
        if before == wanted:
            return
        if before is None or before[0] != set_up:
            set_up(session)
        if before is None or before[1] != worker:
            session.execute(
                statement("session.pin"), {"name": "application_name", "value": purpose_of(worker)}
            )
        with self._lock:
            self._set_up[session] = wanted
            self._last[worker] = session

    def _give_back(self, session: Connection) -> None:
        is_lost = session.closed or session.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
        with self._lock:
            closing: list[Connection] = []
            if is_lost:
                # If one session is lost, usually all are. Without this, each worker that gets one of them
                # would have to fail first.
                closing = [*self._forget_idle(), session]
                self._open -= 1
                self._set_up.pop(session, None)
            else:
                self._idle[session] = None
            self._serve()
        for each in closing:
            each.close()

    def _forget_idle(self) -> list[Connection]:
        idle = list(self._idle)
        self._idle.clear()
        self._open -= len(idle)
        for session in idle:
            self._set_up.pop(session, None)
        self._last = {worker: session for worker, session in self._last.items() if session not in idle}
        return idle


class Seat:
    """A worker's access to the pool. Each statement or transaction borrows a session.

    Args:
        worker: name of the worker.
        set_up: prepares a session for its work.
    """

    def __init__(self, pool: Pool, worker: str, set_up: SetUp) -> None:
        self._pool = pool
        self._worker = worker
        self._set_up = set_up
        self._held: Connection | None = None
        self.broken = False

    @contextmanager
    def session(self) -> Generator[Connection]:
        """Borrow one session for all statements of the block."""
        if self._held is not None:
            yield self._held
            return
        try:
            with self._pool.session(self._worker, self._set_up) as self._held:
                self.broken = False
                yield self._held
        except BaseException as error:
            self.broken = is_loss(error)
            raise
        finally:
            self._held = None

    def execute(
        self, query: QueryNoTemplate, params: Params | None = None, *, binary: bool = False
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """See psycopg."""
        with self.session() as session:
            return session.execute(query, params, binary=binary)

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Run the block's statements in one transaction of one session."""
        with self.session() as session, session.transaction():
            yield

    @contextmanager
    def pipeline(self) -> Generator[None]:
        """See psycopg."""
        with self.session() as session, session.pipeline():
            yield
