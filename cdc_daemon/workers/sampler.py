"""The sampler: stores the sums of this daemon's work, and its heartbeat."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import orjson

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.samples import Samples
from cdc_daemon.workers.witness import Witness

STORE_SECONDS = 10.0
"""Seconds between two looks for something to store. Nothing is written while nothing happens."""

HEARTBEAT_SECONDS = 60.0

TIDY_SECONDS = 600.0
"""Seconds between deletions of samples that are too old."""


class Sampler:
    """Stores sums every few seconds, and tells other daemons every minute that this one runs.

    Args:
        session: opens a session for one round.
    """

    name = "sampler"

    def __init__(
        self, session: Callable[[], AbstractContextManager[Connection]], samples: Samples, witness: Witness
    ) -> None:
        self._session = session
        self._samples = samples
        self._witness = witness
        self._heartbeat_at = self._tidy_at = 0.0

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        """Store until stopped; then store the rest."""
        while True:
            if self._round():
                heartbeat()
            if stop.wait(STORE_SECONDS):
                self.store()
                return

    def store(self) -> None:
        """Store the sums, if there are any."""
        if not self._samples.is_empty():
            with self._session() as connection:
                self._store(connection)

    def _round(self) -> bool:
        """Do what is due. Return whether the database was asked."""
        now = time.monotonic()
        beats = now >= self._heartbeat_at
        if not beats and self._samples.is_empty():
            return False
        with self._session() as connection:
            self._store(connection)
            if beats:
                self._witness.arrive(connection)
                self._heartbeat_at = now + HEARTBEAT_SECONDS
            if now >= self._tidy_at:
                connection.execute(statement("sample.forget_feeds"))
                connection.execute(statement("sample.forget_deliveries"))
                self._tidy_at = now + TIDY_SECONDS
        return True

    def _store(self, connection: Connection) -> None:
        with self._samples.taken() as sums:
            feeds = [{"feed": feed, **vars(each)} for feed, each in sums.feeds.items()]
            deliveries = [
                {"sink": sink, "feed": feed, **vars(each)} for (sink, feed), each in sums.deliveries.items()
            ]
            with connection.transaction():
                for query, rows in (("add_feeds", feeds), ("add_deliveries", deliveries)):
                    if rows:
                        samples = {"samples": orjson.dumps(rows).decode()}
                        connection.execute(statement(f"sample.{query}"), samples)
