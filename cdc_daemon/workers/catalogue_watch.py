"""Whether the catalogue moved under feeds that rest: no trigger tells of what changes there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from cdc_daemon.capture.fingerprint import Dependencies, Fingerprint, together
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

LOOK_SECONDS = 1.0
"""The shortest time between two looks."""


class CatalogueWatch:
    """Reads one fingerprint of all that the feeds together depend on; takes no lock and no xid.

    Args:
        dependencies: per feed, what it depends on; another object when the feed was planned anew.
    """

    def __init__(self, dependencies: Callable[[], Mapping[str, Dependencies]]) -> None:
        self._dependencies = dependencies
        self._watched: Mapping[str, Dependencies] = {}
        self._fingerprint: Fingerprint | None = None
        self._last = self._snapshot = ""
        self._look_at = 0.0

    def moved(self, connection: Session) -> Sequence[str]:
        """The feeds that should look at their own fingerprints, if it is time to look.

        Raises:
            psycopg.errors.UndefinedTable: schema cdc is gone.
        """
        if time.monotonic() < self._look_at:
            return ()
        self._look_at = time.monotonic() + LOOK_SECONDS
        found = {*self._watched} if self._has_moved(connection) else set[str]()
        watched = self._dependencies()
        # A feed that was planned a moment ago: nobody has looked since then.
        new = [feed for feed, wanted in watched.items() if self._watched.get(feed) is not wanted]
        if new or len(watched) != len(self._watched):
            self._watched, self._fingerprint = watched, Fingerprint(together(watched.values()))
            self._snapshot = ""
            self._has_moved(connection)
        return sorted({*found, *new} & watched.keys())

    def _has_moved(self, connection: Session) -> bool:
        """Whether the fingerprint is another one than it was at the last look."""
        if self._fingerprint is None:
            return False
        # Two equal snapshots see the same catalogue: a database at rest costs no more than this question.
        row = connection.execute(statement("watcher.snapshot")).fetchone()
        if row is None or row[0] == self._snapshot:
            return False
        self._snapshot = str(row[0])
        before, self._last = self._last, self._fingerprint.read(connection)
        return before != self._last
