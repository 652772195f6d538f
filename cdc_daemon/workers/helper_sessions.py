"""Helper sessions, which compute documents on further processors of the database server."""

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


class HelperSessionLost(CdcError):
    """A helper session was lost during its work. The feed does the work alone."""


class HelperSessions:
    """The helper sessions, which all feeds share.

    Each is opened when it is first needed, and again after it was lost.

    Args:
        connect: opens a session.
        count: number of helper sessions; 0 for none.
    """

    def __init__(self, connect: Callable[[], Connection], count: int) -> None:
        self._connect = connect
        self._free: list[Connection | None] = [None] * count
        self._lock = threading.Lock()
        self._closed = False
        self._throttle = Throttle()

    def start(self, work: Callable[[Connection], Result]) -> Future[Result] | None:
        """Run `work` in a free session. Return None if none is free.

        Args:
            work: called with a session in autocommit mode, isolation level REPEATABLE READ.

        Returns:
            A future with the result or exception of `work`, or HelperSessionLost if the session was refused
            or lost.
        """
        with self._lock:
            if not self._free:
                return None
            session = self._free.pop()
        future: Future[Result] = Future()
        # A daemon thread, so that a process need not wait for it at its end, unlike for threads of a pool.
        threading.Thread(
            target=self._do, args=(session, work, future), name="helper session", daemon=True
        ).start()
        return future

    def close(self) -> None:
        """Close the sessions, a busy one after its work. After that none is free."""
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
        except BaseException as error:  # pass any exception to the caller that waits for the result
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
        self._throttle.log(log.warning, "helper_session_lost", about="", reason=reason)
        lost = HelperSessionLost(reason)
        lost.__cause__ = error
        return lost
