"""Noticing that a database has fallen silent: packets lost, or a middlebox that forgot the connection.

TCP notices lost packets by itself, once it is told how long to wait (see `connect`). It notices nothing where
a proxy, a NAT gateway or a load balancer acknowledges everything and passes nothing on. There a statement
would be waited for without end, and a limit on every statement would end those that take minutes for good
reason. So a session that has waited for long asks about itself through a second session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo

from cdc_daemon.bounds import current_if_any
from cdc_daemon.pg.bounded import bounded
from cdc_daemon.pg.statements import statement

DOUBT_SECONDS = 1.0
"""How long an answer may be on its way: the server has finished, and we have not read it yet."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How long the network may take.

    Attributes:
        connect_seconds: to open a session, for each host of the connection string.
        silence_seconds: without a sign of life in the middle of a conversation.
    """

    connect_seconds: float = 10.0
    silence_seconds: float = 20.0

    @property
    def abandoned_seconds(self) -> float:
        """How long the server keeps an open transaction whose client says nothing.

        Above the longest pause of a client that is well: it says something four times in `silence_seconds`.
        """
        return 2 * self.silence_seconds


class Seen(Enum):
    """What a second session saw of the first."""

    WORKING = auto()
    """The server works on its statement, or nothing can be said."""
    IDLE = auto()
    """The server waits for a statement: ours was lost, or the answer is."""
    GONE = auto()
    """The server has no such session any more."""
    UNREACHABLE = auto()
    """No second session can be had: nothing comes back."""


def is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether a session was not had because the server said no, rather than because nothing came.

    libpq gives no SQLSTATE of what happens before a session is there. It prints a server's words as
    `SEVERITY:  message`, with two spaces in every language, and its own never so.
    """
    return ":  " in str(error)


@dataclass
class Lookout:
    """Looks at sessions of one database from outside; one look at a time.

    Args:
        conninfo: as the sessions connect.
    """

    conninfo: str
    patience: Patience
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _unreachable_until: float = field(default=0.0, init=False, repr=False)

    def look(self, backend: tuple[int, str]) -> Seen:
        """What the server says of a session.

        Args:
            backend: its process ID and when it started.
        """
        with self._lock:
            # Twenty sessions that fell silent together need not wait for ten seconds one after the other.
            if time.monotonic() < self._unreachable_until:
                return Seen.UNREACHABLE
            try:
                with psycopg.connect(self.conninfo, autocommit=True) as session:
                    row = session.execute(
                        statement("session.activity"), {"pid": backend[0], "started": backend[1]}
                    ).fetchone()
            except psycopg.OperationalError as error:
                if is_refusal(error):
                    return Seen.WORKING  # it answers: it has too few sessions, or is about to shut down
                self._unreachable_until = time.monotonic() + self.patience.silence_seconds
                return Seen.UNREACHABLE
        if row is None:
            return Seen.GONE
        return Seen.WORKING if row[0] else Seen.IDLE


@cache
def lookout(conninfo: str, patience: Patience) -> Lookout:
    """The one of a database, shared by all its sessions."""
    return Lookout(make_conninfo(conninfo, application_name="cdc-daemon: lookout"), patience)


class _SyncedPipeline(psycopg.Pipeline):
    """A pipeline whose last message is a Sync.

    psycopg sends a Flush after it. PostgreSQL starts its clock for idle transactions with the answer to the
    Sync, stops it at the Flush and does not start it again: a frozen client would hold its locks for good.
    """

    def _exit_gen(self) -> PQGen[None]:
        try:
            self._enqueue_sync()
            yield from self._communicate_gen()
        finally:
            yield from self._fetch_gen(flush=False)


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A session that does not wait for ever for a server that has fallen silent."""

    # None while the session is being opened: `connect_timeout` is its limit then.
    _lookout: Lookout | None = None
    _backend: tuple[int, str] = (0, "")

    def watch(self, lookout: Lookout) -> None:
        """Look after this session from now on."""
        row = self.execute(statement("session.backend")).fetchone()
        if row is not None:
            self._backend = (row[0], row[1])
            self._lookout = lookout

    @contextmanager
    def pipeline(self) -> Generator[psycopg.Pipeline]:
        """See psycopg."""
        if self._pipeline is None and not self.closed:
            self._pipeline = _SyncedPipeline(self)
        with super().pipeline() as pipeline:
            yield pipeline

    def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:
        """See psycopg; every statement, transaction and COPY comes through here.

        Raises:
            psycopg.OperationalError: nothing came for long, and the server is not at work on it.
        """
        watched = gen if self._lookout is None else self._watched(gen, self._lookout)
        bounds = current_if_any()
        if bounds is not None:
            watched = bounded(watched, self.fileno(), bounds)
        return super().wait(watched, interval, timeout)

    def _watched(self, gen: PQGen[Result], lookout: Lookout) -> Generator[Any, Any, Result]:
        """The same conversation; it is interrupted where nothing comes and nothing will.

        psycopg asks the generator at every interval, with a "nothing ready" that is false.
        """
        silence = lookout.patience.silence_seconds
        look_at = time.monotonic() + silence
        in_doubt = False
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    look_at, in_doubt = time.monotonic() + silence, False
                elif time.monotonic() >= look_at:
                    seen = lookout.look(self._backend)
                    if seen is Seen.UNREACHABLE or (in_doubt and seen is not Seen.WORKING):
                        self._give_up(seen, silence)
                    in_doubt = seen is not Seen.WORKING
                    look_at = time.monotonic() + (DOUBT_SECONDS if in_doubt else silence)
                wanted = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result

    def _give_up(self, seen: Seen, silence: float) -> None:
        self.pgconn.finish()
        said = {
            Seen.UNREACHABLE: "a second session can't be had either",
            Seen.GONE: "the server has no such session any more",
            Seen.IDLE: "the server is not at work on it",
        }
        raise psycopg.OperationalError(
            f"the database gave no answer within {silence:g} s: {said.get(seen, 'it is lost')}"
        )
