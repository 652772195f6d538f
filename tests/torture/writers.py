"""Writers whose transactions overlap, fail, are taken back, and outlive every outage of the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.support.grammar.changes import execute
from tests.support.grammar.schemas import SEARCH_PATH
from tests.torture.schemas import Case, Seeded

_PAUSE_SECONDS = 0.02
"""Between transactions: the daemon is to pass many times."""
_LOST_SECONDS = 0.1
_SETTINGS = f"SET search_path = {SEARCH_PATH}; SET lock_timeout = '50ms'; SET client_min_messages = error"


class Writer(threading.Thread):
    """Writes until it is told to stop.

    Attributes:
        commits: how many transactions were committed, as far as the server told.
        failure: what ended it, if it was not `stop`.
    """

    def __init__(self, dsn: str, case: Case, seed: int) -> None:
        super().__init__(daemon=True)
        self._dsn = dsn
        self._case = case
        self._chance = Seeded(seed)
        self._ended = threading.Event()
        self.commits = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._ended.is_set():
                try:
                    self._write()
                except psycopg.OperationalError:  # the server is down, or ended the session
                    self._ended.wait(_LOST_SECONDS)
        except BaseException as error:
            self.failure = error

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def _write(self) -> None:
        connection = psycopg.connect(self._dsn, connect_timeout=5)
        try:
            connection.execute(_SETTINGS.encode())
            connection.commit()
            while not self._ended.wait(_PAUSE_SECONDS):
                self._transaction(connection)
        finally:
            connection.close()

    def _transaction(self, connection: psycopg.Connection) -> None:
        try:
            for _ in range(self._chance.number(1, 4)):
                self._statement(connection)
            if self._chance.percent(15):
                connection.rollback()
            else:
                connection.commit()
                self.commits += 1
        except psycopg.Error:
            if connection.closed:
                raise
            connection.rollback()  # a constraint, a lock, a column that has another name just now

    def _statement(self, connection: psycopg.Connection) -> None:
        statement = self._case.statement(self._chance)
        if not self._chance.percent(20):
            execute(connection, statement)
            return
        connection.execute("SAVEPOINT s")
        try:
            execute(connection, statement)
        except psycopg.Error:
            if connection.closed:
                raise
            connection.execute("ROLLBACK TO s")


@contextmanager
def writing(dsn: str, case: Case, seeds: list[int]) -> Iterator[list[Writer]]:
    """Writers at work; they have stopped at the end.

    Raises:
        BaseException: what ended one of them.
    """
    writers = [Writer(dsn, case, seed) for seed in seeds]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stop()
    for writer in writers:
        if writer.failure is not None:
            raise writer.failure
