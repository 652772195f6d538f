"""Sessions that a test's own statements share: to open one costs more than most of these statements.

Sessions are kept for the maintenance databases of the tests' servers, and for databases that `fresh_database`
has made. With any other database, whose server a test may restart, each block gets a new session.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import psycopg

Session = psycopg.Connection[Any]

_lock = threading.Lock()
_kept: dict[str, dict[str, Session]] = {}
_others: dict[str, list[Callable[[], object]]] = {}


def keep(dsn: str) -> None:
    """Keep sessions with this database from now on."""
    with _lock:
        _kept.setdefault(dsn, {})


def are_kept(dsn: str) -> bool:
    """Whether sessions with this database are kept."""
    return dsn in _kept


def at_end(dsn: str, close: Callable[[], object]) -> None:
    """Call this, which closes further sessions, before the database is dropped."""
    with _lock:
        _others.setdefault(dsn, []).append(close)


@contextmanager
def session(dsn: str, kind: str = "", connect: Callable[[str], Session] | None = None) -> Generator[Session]:
    """A session that nobody else uses during the block, as if it had just been opened.

    After an error it is closed.

    Args:
        kind: a name for what `connect` opens.
        connect: opens a session; by default an ordinary one, in autocommit mode.
    """
    with _lock:
        found = _kept[dsn].pop(kind, None) if dsn in _kept else None
    if found is not None and _is_lost(found):
        found.close()
        found = None
    if found is None:
        # DISCARD ALL drops prepared statements, too.
        found = connect(dsn) if connect else psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
    given_back = False
    try:
        yield found
        if not kind and not found.closed:
            found.execute("DISCARD ALL")  # a role or a setting that a statement has set
        with _lock:
            given_back = dsn in _kept and kind not in _kept[dsn] and not found.closed
            if given_back:
                _kept[dsn][kind] = found
    finally:
        if not given_back:
            found.close()


def close(dsn: str) -> None:
    """Close the idle sessions with a database."""
    with _lock:
        idle = [*_kept.get(dsn, {}).values()]
        if idle:
            _kept[dsn].clear()
    for each in idle:
        each.close()


def forget(dsn: str) -> None:
    """Close the sessions with a database, and keep none any more."""
    close(dsn)
    with _lock:
        _kept.pop(dsn, None)
        others = _others.pop(dsn, [])
    for each in others:
        each()


def forget_all() -> None:
    """Close every session."""
    for dsn in list(_kept):
        forget(dsn)


def _is_lost(idle: Session) -> bool:
    """Whether the server has ended an idle session: it would have nothing else to say."""
    return idle.closed or bool(select.select([idle.fileno()], [], [], 0)[0])
