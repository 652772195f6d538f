"""Notices a silent database: lost packets, or a middlebox that forgot the connection.

TCP notices lost packets within its time limits (see `connect`). It does not notice a proxy, a NAT gateway or
a load balancer that acknowledges everything and forwards nothing. The daemon would then wait for a statement
for ever. A time limit on statements is no remedy, because some take minutes for good reason. So a session
that has waited for long asks about itself through a second session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from psycopg.generators import send

from cdc_daemon.bounds import current_if_any
from cdc_daemon.pg.bounded import bounded
from cdc_daemon.pg.statements import statement

if TYPE_CHECKING:
    from psycopg._pipeline_base import PendingResult
    from psycopg.pq.abc import PGresult

DOUBT_SECONDS = 1.0
"""Seconds that an answer may take to arrive after the server has finished."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """Time limits of the network.

    Attributes:
        connect_seconds: to open a session, for each host of the connection string.
        silence_seconds: for silence in the middle of a conversation.
    """

    connect_seconds: float = 10.0
    silence_seconds: float = 20.0

    @property
    def abandoned_seconds(self) -> float:
        """Seconds after which the server ends an open transaction whose client is silent.

        This is longer than any pause of a healthy client, which sends four signs of life in
        `silence_seconds`.
        """
        return 2 * self.silence_seconds


class Seen(Enum):
    """The state of a session, as a second session sees it."""

    WORKING = auto()
    """The server works on its statement, or the state is unknown."""
    IDLE = auto()
    """The server waits for a statement: ours was lost, or its answer was lost."""
    GONE = auto()
    """The server has no such session any more."""
    UNREACHABLE = auto()
    """No second session can be opened: the server does not answer."""


def is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether the server refused a session, rather than did not answer.

    libpq gives no SQLSTATE for errors before a session exists. It prints a server's message as
    `SEVERITY:  message`, with two spaces in every language, but never its own messages.
    """
    return ":  " in str(error)


@dataclass
class Lookout:
    """Checks sessions of one database through a second session, one at a time.

    Args:
        conninfo: connection string of the sessions.
    """

    conninfo: str
    patience: Patience
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _unreachable_until: float = field(default=0.0, init=False, repr=False)

    def look(self, backend: tuple[int, str]) -> Seen:
        """Return the state of a session.

        Args:
            backend: process ID and start time of the session's backend.
        """
        with self._lock:
            # If twenty sessions fall silent together, they must not wait ten seconds one after the other.
            if time.monotonic() < self._unreachable_until:
                return Seen.UNREACHABLE
            try:
                with psycopg.connect(self.conninfo, autocommit=True) as session:
                    row = session.execute(
                        statement("session.activity"), {"pid": backend[0], "started": backend[1]}
                    ).fetchone()
            except psycopg.OperationalError as error:
                if is_refusal(error):
                    return (
                        Seen.WORKING
                    )  # the server answers: it has no free session, or is about to shut down
                self._unreachable_until = time.monotonic() + self.patience.silence_seconds
                return Seen.UNREACHABLE
        if row is None:
            return Seen.GONE
        return Seen.WORKING if row[0] else Seen.IDLE


@cache
def lookout(conninfo: str, patience: Patience) -> Lookout:
    """Return the lookout of a database, which all its sessions share."""
    return Lookout(make_conninfo(conninfo, application_name="cdc-daemon: lookout"), patience)


class _SyncedPipeline(psycopg.Pipeline):
    """A pipeline whose last message is a Sync.

    psycopg sends a Flush after the Sync. PostgreSQL starts its timer for idle transactions when it answers
    the Sync, and stops it at the Flush without starting it again. A frozen client would then keep its locks
    for ever.

    It also reports a failed statement once. The server skips the statements behind a failed one, and psycopg
    reports each of these as "pipeline aborted". If the error arrives while a later statement is being sent,
    it leaves the block, and psycopg would log a warning about the skipped ones at the end.
    """

    # Whether an error leaves the block; None inside of the block.
    _fails: bool | None = None

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._fails = exc_val is not None
        try:
            super().__exit__(exc_type, exc_val, exc_tb)
        finally:
            self._fails = None

    def _process_results(self, queued: PendingResult, results: list[PGresult]) -> None:
        try:
            super()._process_results(queued, results)
        except psycopg.errors.PipelineAborted:
            if not self._fails:
                raise
        except psycopg.Error:
            if self._fails is not None:
                self._fails = True
            raise

    def _exit_gen(self) -> PQGen[None]:
        try:
            self._enqueue_sync()
            yield from self._communicate_gen()
        finally:
            # psycopg sends what is left of large parameters together with the Flush. If it were not sent, the
            # server would wait for the rest of the message, and the client for the answer.
            yield from send(self.pgconn)
            yield from self._fetch_gen(flush=False)


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A session that does not wait for a silent server for ever."""

    # None while the session is being opened, when `connect_timeout` is the limit.
    _lookout: Lookout | None = None
    _backend: tuple[int, str] = (0, "")

    def watch(self, lookout: Lookout) -> None:
        """Watch this session from now on."""
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
        """See psycopg. Every statement, transaction and COPY passes here.

        Raises:
            psycopg.OperationalError: nothing came for long, and the server does not work on the statement.
        """
        watched = gen if self._lookout is None else self._watched(gen, self._lookout)
        bounds = current_if_any()
        if bounds is not None:
            watched = bounded(watched, self.fileno(), bounds)
        return super().wait(watched, interval, timeout)

    def _watched(self, gen: PQGen[Result], lookout: Lookout) -> Generator[Any, Any, Result]:
        """Run `gen`, but interrupt it if nothing comes and nothing will come.

        psycopg resumes the generator at every interval, with a false value if nothing is ready.
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
