"""A live workload: edits of merchants and customers in the generated shop."""

from __future__ import annotations

import random
import threading
from collections import Counter

import psycopg

from cdc_daemon.commerce.traffic import Traffic
from cdc_daemon.errors import CdcError
from cdc_daemon.pg.session import connect

EDITS_A_SECOND = 20


class Workload(threading.Thread):
    """Makes random edits, which a seed decides, until it is stopped.

    Attributes:
        done: number of edits of each kind.
        error: the error that ended the workload, or None.
    """

    def __init__(self, dsn: str, *, seed: int = 1) -> None:
        super().__init__(name="workload", daemon=True)
        self.done: Counter[str] = Counter()
        self.error: psycopg.Error | CdcError | None = None
        self._dsn = dsn
        self._chance = random.Random(seed)  # noqa: S311 # a workload that can be repeated, not a secret
        self._leave = threading.Event()

    def run(self) -> None:
        """Make edits until `stop`; keep an error for it."""
        try:
            with connect(self._dsn, search_path="public", purpose="demo: workload") as connection:
                edits = Traffic(connection, self._chance)
                self.done = edits.done
                edits.at_pace(EDITS_A_SECOND, self._leave)
        except (psycopg.Error, CdcError) as error:
            self.error = error

    def stop(self) -> None:
        """Stop after the current edit.

        Raises:
            psycopg.Error, CdcError: the error that ended the workload before.
        """
        self._leave.set()
        self.join()
        if self.error:
            raise self.error
