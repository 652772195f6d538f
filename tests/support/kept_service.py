"""A daemon of this process that stays between its runs, with its sessions and its plans."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager

from cdc_daemon.pg.session import Connection, as_opened
from cdc_daemon.service import Service
from cdc_daemon.settings import Settings
from cdc_daemon.workers.migrations import require_current


class KeptService(Service):
    """Does what `run --once` does, again and again.

    A new process would open its sessions and plan its feeds each time: a tenth of a second of processor time.

    Args:
        written: the files of the configuration.
    """

    def __init__(self, settings: Settings, dsn: str, written: Sequence[bytes]) -> None:
        super().__init__(settings, dsn)
        self.written = list(written)
        self._has_run = False

    def go_on(self) -> None:
        """Bring every feed and every sink up to date.

        Raises:
            CdcError: the first error of a feed or sink that could not be brought up to date.
        """
        with self._session() as session:
            require_current(session)
            if self._has_run:
                self._workload.witness.arrive(session)
        self._has_run = True
        failures = self.catch_up(threading.Event())
        with self._session() as session:
            self._workload.witness.leave(session)
        if failures:
            raise failures[0]

    def _session(self) -> AbstractContextManager[Connection]:
        return self._workload.pool.session("begin and end", as_opened)

    def close(self) -> None:
        """End its sessions."""
        self._workload.helpers.close()
        self._workload.pool.close()
