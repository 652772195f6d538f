"""Notices changes of the catalogue while feeds are idle. Such changes fire no trigger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from cdc_daemon.capture.fingerprint import Dependencies, Fingerprint, together
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

LOOK_SECONDS = 1.0
"""Shortest time between two checks, in seconds."""


class CatalogueWatch:
    """Reads one fingerprint of all objects on which the feeds depend. Takes no lock and no xid.

    Args:
        dependencies: returns the dependencies of each feed; another object after the feed was planned anew.
    """

    def __init__(self, dependencies: Callable[[], Mapping[str, Dependencies]]) -> None:
        self._dependencies = dependencies
        self._watched: Mapping[str, Dependencies] = {}
        self._fingerprint: Fingerprint | None = None
        self._last = self._snapshot = ""
        self._look_at = 0.0

    def moved(self, connection: Session) -> Sequence[str]:
        """Return the feeds that should check their own fingerprints; empty if it is too early for a check.

        Raises:
            psycopg.errors.UndefinedTable: schema cdc no longer exists.
        """
        if time.monotonic() < self._look_at:
            return ()
        self._look_at = time.monotonic() + LOOK_SECONDS
        found = {*self._watched} if self._has_moved(connection) else set[str]()
        watched = self._dependencies()
        # Feeds that were planned after the last check.
        new = [feed for feed, wanted in watched.items() if self._watched.get(feed) is not wanted]
        if new or len(watched) != len(self._watched):
            self._watched, self._fingerprint = watched, Fingerprint(together(watched.values()))
            self._snapshot = ""
            self._has_moved(connection)
        return sorted({*found, *new} & watched.keys())

    def _has_moved(self, connection: Session) -> bool:
        """Whether the fingerprint differs from that of the last check."""
        if self._fingerprint is None:
            return False
        # Two equal snapshots see the same catalogue, so an idle database costs only this query.
        row = connection.execute(statement("watcher.snapshot")).fetchone()
        if row is None or row[0] == self._snapshot:
            return False
        self._snapshot = str(row[0])
        before, self._last = self._last, self._fingerprint.read(connection)
        return before != self._last
