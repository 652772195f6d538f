"""Sessions beside the feeds' own, for work that one session alone would do on one processor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import psycopg
from psycopg import IsolationLevel

from cdc_daemon.errors import CdcError, DatabaseUnavailable
from cdc_daemon.log import Throttle, get_logger
from cdc_daemon.pg.session import Connection, first_line, plan_once

log = get_logger()

Result = TypeVar("Result")


class SideSessionLost(CdcError):
    """A side session ended under its work; whoever gave it the work does it alone."""


class SideSessions:
    """As many sessions as the daemon may have beside those of its workers; the feeds share them.

    Each is opened when it is first needed, and again after it was lost.

    Args:
        connect: opens one.
        count: how many there may be; none of them makes `start` find none free.
    """

    def __init__(self, connect: Callable[[], Connection], count: int) -> None:
        self._connect = connect
        self._free: list[Connection | None] = [None] * count
        self._lock = threading.Lock()
        self._closed = False
        self._throttle = Throttle()

    def start(self, work: Callable[[Connection], Result]) -> Future[Result] | None:
        """Have a free session do the work; None if none is free.

        Args:
            work: what to do with a session in autocommit, isolation level REPEATABLE READ.

        Returns:
            What the work returns or raises; SideSessionLost if the session could not be had or was lost.
        """
        with self._lock:
            if not self._free:
                return None
            session = self._free.pop()
        future: Future[Result] = Future()
        # A daemon thread: a process that leaves does not wait for it, as it does for those of a pool.
        threading.Thread(
            target=self._do, args=(session, work, future), name="side session", daemon=True
        ).start()
        return future

    def close(self) -> None:
        """Close the sessions, one that is at work when it is through; none is free after that."""
        with self._lock:
            self._closed = True
            sessions, self._free = self._free, []
        for session in sessions:
            if session is not None:
                session.close()

    def _do(
        self, session: Connection | None, work: Callable[[Connection], Result], future: Future[Result]
    ) -> None:
        try:
            if session is None or session.closed:
                session = self._connect()
                session.isolation_level = IsolationLevel.REPEATABLE_READ
                plan_once(session)
            result = work(session)
        except BaseException as error:  # whatever it is, it is told to who waits for the result
            lost = session is None or session.closed
            outcome = self._lost(error) if lost else error
            self._return(None if lost else session)
            future.set_exception(outcome)
        else:
            self._return(session)
            future.set_result(result)

    def _return(self, session: Connection | None) -> None:
        with self._lock:
            if not self._closed:
                self._free.append(session)
                return
        if session is not None:
            session.close()

    def _lost(self, error: BaseException) -> BaseException:
        if not isinstance(error, psycopg.Error | DatabaseUnavailable):
            return error
        reason = first_line(error)
        self._throttle.log(log.warning, "side_session_lost", about="", reason=reason)
        lost = SideSessionLost(reason)
        lost.__cause__ = error
        return lost
