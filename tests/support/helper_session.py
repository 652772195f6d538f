"""A helper session that tells which sessions worked, and a resync by chunks alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.workers.helper_sessions import HelperSessions
from cdc_daemon.workers.sync import FeedSync


class Helpers(HelperSessions):
    """One helper session; `begun` is called before it does anything, `used` are the sessions that worked."""

    def __init__(self, dsn: str, begun: Callable[[], None] = lambda: None) -> None:
        self.used: list[int] = []
        self._dsn = dsn
        self._begun = begun
        super().__init__(self._open, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Connection:
        self._begun()
        session = connect(self._dsn, lock_timeout_seconds=0.5)
        self.used.append(session.info.backend_pid)
        return session


def recompute_all(sync: FeedSync) -> None:
    """A resync without a pass before it: the chunks alone find what has changed."""
    assert sync.request({}, reason="test", force=False)
    while sync.drain() is not None:
        pass
