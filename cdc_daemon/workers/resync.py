"""A resync that a person requested. The command queues it, and helps with it if the person waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cdc_daemon.errors import FeedError
from cdc_daemon.log import get_logger
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.workers.audit import Act, failure_recorded
from cdc_daemon.workers.backlog import ASKED_FOR
from cdc_daemon.workers.planning import FeedPlan, plan_feed, plan_sources
from cdc_daemon.workers.sync import PASSING, FeedSync, for_sync
from cdc_daemon.workers.witness import Witness

log = get_logger()

PAUSE_SECONDS = 0.05

PATIENCE_SECONDS = 1.0
"""Seconds that a daemon has for the next chunk before the command takes it."""


@dataclass(frozen=True)
class Progress:
    """The progress of a resync, in entities."""

    done: int
    total: int


class Resync:
    """A request to recompute one feed, or some of its entities.

    Args:
        connection: a session for this request alone.
        settings: the configuration.
        feed: name of the feed.
        where: values of key or entity columns, to select entities by their documents; empty for all.
        force: whether to give every document a new revision, so that it is delivered again, changed or not.
        web_user: the user of the dashboard who asks for it; None for a command.

    Raises:
        FeedError: the feed can't be planned, or `where` names no key or entity column.
    """

    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        feed: str,
        *,
        where: dict[str, str],
        force: bool,
        web_user: str | None = None,
    ) -> None:
        self._act = Act("resync", feed, arguments={"by_key": where, "force": force}, web_user=web_user)
        with failure_recorded(connection, self._act):
            plan = plan_feed(connection, settings, feed)
            require_identity(plan, where)
        self._connection = connection
        self._feed = feed
        self._where = where
        self._force = force
        self._sync = FeedSync(
            for_sync(connection),
            plan,
            plan_sources(connection, [plan]),
            batch_entities=settings.daemon.batch_entities,
            max_pass_entities=settings.daemon.max_pass_entities,
            witness=Witness(settings.daemon.state_dir),
        )
        self._requested: tuple[int, int] | None = None

    def request(self, stop: threading.Event) -> int:
        """Queue the entities. Fresh changes go before them.

        Args:
            stop: set it to give up.

        Returns:
            The number of queued entities.

        Raises:
            FeedError: no document has these values, or the feed has had no first sync yet.
        """
        with failure_recorded(self._connection, self._act):
            while self._requested is None and not stop.is_set():
                try:
                    self._requested = self._sync.request(
                        self._where, reason=ASKED_FOR, force=self._force, act=self._act
                    )
                except PASSING:
                    stop.wait(PAUSE_SECONDS)
                    continue
                if self._requested is None:
                    self._require_cursor()
                    stop.wait(PAUSE_SECONDS)
        if self._requested is None:
            return 0
        entities = self._requested[1]
        if not entities:
            raise FeedError(
                f"no document has {' and '.join(f'{name}={value}' for name, value in self._where.items())}",
                where=f"feed {self._feed}",
                hint="see that the value is spelled as in the document",
            )
        log.info("resync_requested", feed=self._feed, entities=entities, reason=ASKED_FOR, force=self._force)
        return entities

    def follow(self, stop: threading.Event) -> Iterator[Progress]:
        """Wait until every queued entity is recomputed. Yields the progress.

        If no daemon makes progress, this recomputes the chunks. If a daemon does, it leaves them to the
        daemon: two processes that take chunks in turn leave no gap for fresh changes (8 s of lag were
        measured).

        Raises:
            FeedError: the feed has stopped, or the resync was cancelled.
        """
        if self._requested is None:
            return
        number, total = self._requested
        seen, patience = -1, time.monotonic() + PATIENCE_SECONDS
        while not stop.is_set():
            worked = time.monotonic() > patience and self._work()
            row = self._connection.execute(statement("feed_state.resync_progress"), {"id": number}).fetchone()
            if row is None:
                return
            finished, done, reason, cancelled = row
            if cancelled:
                raise FeedError(
                    f"resync {number} was cancelled",
                    where=f"feed {self._feed}",
                    hint="`cdc-daemon audit` shows who did it; request it again if you need it",
                )
            yield Progress(total if finished else min(done, total), total)
            if done != seen and not worked:
                seen, patience = done, time.monotonic() + PATIENCE_SECONDS
            if finished:
                return
            if reason:
                raise FeedError(
                    f"has stopped: {reason}", where=f"feed {self._feed}", hint="repair it, then wait again"
                )
            if not worked:
                stop.wait(PAUSE_SECONDS)

    def _work(self) -> bool:
        """Recompute a chunk, after fresh changes.

        Return False if there is nothing to do or another process works.
        """
        try:
            self._sync.run_pass()
            worked = self._sync.drain() is not None
        except PASSING:
            return False
        self._sync.backlog.finished_resyncs()
        return worked

    def _require_cursor(self) -> None:
        row = self._connection.execute(statement("feed_state.has_cursor"), {"feed": self._feed}).fetchone()
        if row is None or not row[0]:
            raise FeedError(
                "had no first sync yet, which will recompute everything",
                where=f"feed {self._feed}",
                hint="start `cdc-daemon run`, or run `cdc-daemon run --once`",
            )


def require_identity(plan: FeedPlan, where: Iterable[str]) -> None:
    """Check that these are key or entity columns of a feed.

    Raises:
        FeedError: one is not.
    """
    identity = plan.definition.identity
    for name in where:
        if name not in identity:
            raise FeedError(
                f"{name!r} is neither a key nor an entity column",
                where=f"feed {plan.definition.name}",
                hint=f"use one of {', '.join(identity)}",
            )
