"""Repairs what a verification found, by the ways that changes take."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.hashed_documents import Entity
from cdc_daemon.feeds.verification import Difference
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.workers.planning import FeedPlan, plan_sources
from cdc_daemon.workers.sync import PASSING, FeedSync, for_sync
from cdc_daemon.workers.witness import Witness

PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
"""How long to wait for the feed's state row, which a daemon locks for each pass."""

REASON = "verification"


class Repair:
    """Repairs one feed's stored documents.

    Args:
        connection: a session outside of a transaction.
    """

    def __init__(self, connection: Connection, settings: Settings, plan: FeedPlan) -> None:
        self._feed = plan.definition
        self._sync = FeedSync(
            for_sync(connection),
            plan,
            plan_sources(connection, [plan]),
            batch_entities=settings.daemon.batch_entities,
            max_pass_entities=settings.daemon.max_pass_entities,
            witness=Witness(settings.daemon.state_dir),
        )

    def recompute(self, differences: Sequence[Difference], stop: threading.Event) -> int:
        """Put the entities of these differences into the backlog.

        The hash of a document that somebody changed by hand is the hash of the right document, so a
        recomputation would see no difference. Such an entity gets new revisions in any case.

        Returns:
            The number of entities.

        Raises:
            FeedError: the feed had no first sync yet, or another process holds it for a minute.
        """
        forced = dict.fromkeys(each.entity for each in differences if each.kind == "different")
        others = dict.fromkeys(each.entity for each in differences if each.entity not in forced)
        for entities, force in ((list(forced), True), (list(others), False)):
            if entities:
                self._request(entities, force=force, stop=stop)
        return len(forced) + len(others)

    def send(self, keys: Sequence[str], stop: threading.Event) -> int:
        """Give documents new revisions, so that their delivery begins anew.

        A receiver that has changed its copy has the present revision, and would take nothing below a new one.
        What only the receiver has gets a tombstone, which is delivered as a delete.

        Args:
            keys: JSON objects. What else a receiver calls a document is left out.

        Returns:
            The number of documents.

        Raises:
            FeedError: the feed had no first sync yet, or another process holds it for a minute.
        """
        known = [key for key in dict.fromkeys(keys) if key.startswith("{")]
        return self._persist(lambda: self._sync.renew(known), stop) if known else 0

    def _request(self, entities: Sequence[Entity], *, force: bool, stop: threading.Event) -> None:
        self._persist(lambda: self._sync.request_some(entities, reason=REASON, force=force), stop)

    def _persist(self, act: Callable[[], int | None], stop: threading.Event) -> int:
        for _ in range(int(PATIENCE_SECONDS / PAUSE_SECONDS)):
            try:
                done = act()
            except PASSING:
                done = None  # a pass has just ended; try the next snapshot
            if done is not None:
                return done
            if stop.wait(PAUSE_SECONDS):
                return 0
        raise FeedError(
            "can't be repaired now: it has no cursor, or another process holds it",
            where=f"feed {self._feed.name}",
            hint="start `cdc-daemon run`, then repeat the command",
        )
