"""Pauses, resumes and cancels resyncs that persons requested.

Other resyncs (a first sync, a large delta) can't be interrupted: without them the feed would be wrong.
docs/decisions/0052-a-paused-resync-is-left-out.md tells how the backlog leaves entities out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
from psycopg import sql

from cdc_daemon.errors import FeedError
from cdc_daemon.log import get_logger
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.audit import Act, failure_recorded
from cdc_daemon.workers.backlog import ASKED_FOR
from cdc_daemon.workers.left_out import empty, next_span

log = get_logger()

WAIT_MILLISECONDS = "1000"
"""How long one statement waits for a feed's state row. It is repeated, so a request to stop is heard."""

PATIENCE_SECONDS = 60.0
"""How long to wait for the feed's state row, which a daemon locks for each pass."""


@dataclass(frozen=True)
class Interrupted:
    """A resync that was paused, resumed or cancelled.

    Attributes:
        number: its number (cdc.resync.id).
        done, entities: number of its entities that are recomputed, and of all.
    """

    number: int
    done: int
    entities: int


class ResyncInterruption:
    """Pauses, resumes and cancels the requested resyncs of one feed.

    Args:
        connection: a session outside of a transaction.
        number: of one resync; None for all that were requested and are not finished.
        web_user: the user of the dashboard who asks for it; None for a command.
    """

    def __init__(
        self, connection: Connection, feed: str, *, number: int | None = None, web_user: str | None = None
    ) -> None:
        self._connection = connection
        self._feed = feed
        self._backlog = f"backlog_{feed}"
        self._number = number
        self._web_user = web_user

    def pause(self, stop: threading.Event) -> Sequence[Interrupted]:
        """Leave their entities out until `resume`. Changes reach the documents as before.

        Returns:
            The resyncs that are paused now and were not before.

        Raises:
            FeedError: there is none, or another process holds the feed for a minute.
        """
        return self._act("pause", lambda _: self._mark("resync.pause"), stop)

    def cancel(self, stop: threading.Event) -> Sequence[Interrupted]:
        """Leave their entities out for good. What is recomputed stays so.

        Returns, raises: as `pause`.
        """
        return self._act("cancel", lambda _: self._mark("resync.cancel"), stop)

    def resume(self, stop: threading.Event) -> Sequence[Interrupted]:
        """Recompute the entities that are left.

        Returns, raises: as `pause`.
        """
        return self._act("resume", self._resume, stop)

    def _act(
        self, name: str, act: Callable[[int], list[Interrupted]], stop: threading.Event
    ) -> Sequence[Interrupted]:
        recorded = Act("resync", self._feed, None, {name: self._number or True}, self._web_user)
        with failure_recorded(self._connection, recorded):
            done = self._persist(name, act, recorded, stop)
        for each in done:
            fields = {"feed": self._feed, "resync": each.number, "done": each.done, "entities": each.entities}
            log.info("resync_interrupted", act=name, **fields)
        return done

    def _persist(
        self, name: str, act: Callable[[int], list[Interrupted]], recorded: Act, stop: threading.Event
    ) -> Sequence[Interrupted]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and not stop.is_set():
            with suppress(psycopg.errors.LockNotAvailable), self._connection.transaction():
                self._connection.execute(statement("ddl.lock_timeout"), {"milliseconds": WAIT_MILLISECONDS})
                row = self._connection.execute(statement("resync.lock_feed"), {"feed": self._feed}).fetchone()
                if row is None:
                    break
                done = act(row[0])
                if not done:
                    raise self._nothing(name)
                self._move_on(*row)
                told = ", ".join(
                    f"resync {each.number}: {each.done} of {each.entities} entities" for each in done
                )
                recorded.record(self._connection, told)
                return done
        raise FeedError(
            "could not be locked within a minute: another process holds it, or it is not installed",
            where=f"feed {self._feed}",
            hint="repeat the command; `cdc-daemon status` shows the sessions that hold it",
        )

    def _mark(self, query: str) -> list[Interrupted]:
        parameters = {"feed": self._feed, "number": self._number, "reason": ASKED_FOR}
        rows = self._connection.execute(statement(query), parameters).fetchall()
        return sorted((Interrupted(*row) for row in rows), key=lambda each: each.number)

    def _resume(self, position: int) -> list[Interrupted]:
        rows = self._connection.execute(
            statement("resync.paused"), {"feed": self._feed, "number": self._number}
        ).fetchall()
        return [
            self._go_on(number, done, first, last, position, entities)
            for number, done, entities, first, last in rows
        ]

    def _go_on(
        self, number: int, done: int, first: int, last: int, position: int, entities: int
    ) -> Interrupted:
        reached = first <= position
        if reached:
            # The position has passed them: they get new ones.
            row = self._connection.execute(
                statement(
                    "resync.queue_again",
                    backlog=sql.Identifier(self._backlog),
                    columns=sql.SQL(", ").join(map(sql.Identifier, self._entity_columns())),
                ),
                {"first": first, "last": last},
            ).fetchone()
            count, begins, ends = row or (0, None, None)
            self._connection.execute(
                statement("feed_state.queue"), {"feed": self._feed, "backlog_end": ends or 0}
            )
        else:
            count, begins, ends = entities - done, None, None
        self._connection.execute(
            statement("resync.resume"), {"number": number, "count": count, "first": begins, "last": ends}
        )
        return Interrupted(number, done, done + count)

    def _entity_columns(self) -> list[str]:
        rows = self._connection.execute(statement("resync.entity_columns"), {"backlog": self._backlog})
        return [name for (name,) in rows]

    def _move_on(self, position: int, end: int) -> None:
        after = next_span(self._connection, self._feed, position).after
        if after == position:
            return
        self._connection.execute(statement("resync.move_on"), {"feed": self._feed, "position": after})
        if after >= end:
            empty(self._connection, self._feed, self._backlog)

    def _nothing(self, name: str) -> FeedError:
        which = "no requested resync" if self._number is None else f"no requested resync {self._number}"
        state = "that is paused" if name == "resume" else "that is not finished"
        return FeedError(
            f"has {which} {state}",
            where=f"feed {self._feed}",
            hint=f"see `cdc-daemon resync {self._feed} --list`",
        )
