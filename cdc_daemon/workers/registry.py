"""What the workers of one process know together: each feed's plan, and the source tables as captured."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from cdc_daemon.analysis.catalogue import TableName
from cdc_daemon.capture.source import Source
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.log import get_logger
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.workers.installation import install
from cdc_daemon.workers.planning import FeedPlan, plan_feed, plan_sources

log = get_logger()


class Registry:
    """Plans by feed, filled by the feeds' workers; every method may be called from any thread."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self._settings = settings
        self._dsn = dsn
        self._lock = threading.Lock()
        self._plans: dict[str, FeedPlan] = {}
        self._sources: dict[TableName, Source] = {}

    def plan_and_install(self, connection: Connection, feed: str) -> tuple[FeedPlan, Sequence[Source]]:
        """Derive a feed anew and install what it lacks, leaving alone what other feeds need.

        Raises:
            FeedError, InstallError: this feed can't be used now.
        """
        plan = plan_feed(connection, self._settings, feed)
        with self._lock:
            for step in install(connection, self._dsn, self._settings, [plan], complete=False):
                log.info("source_installed", feed=feed, action=step.action, what=step.what)
            sources = plan_sources(connection, [plan])
            self._plans[feed] = plan
            self._sources.update({source.table: source for source in sources})
        log.info(
            "feed_planned",
            feed=feed,
            tables=len(plan.columns),
            routes=sorted({str(occurrence.kind) for occurrence in plan.analysis.occurrences}),
        )
        return plan, sources

    def definition(self, feed: str) -> FeedDefinition | None:
        """A feed, None as long as it is not planned."""
        with self._lock:
            plan = self._plans.get(feed)
            return plan.definition if plan else None

    def feeds(self) -> list[FeedDefinition]:
        """Every feed that is planned."""
        with self._lock:
            return [plan.definition for plan in self._plans.values()]

    def refreshing(self) -> Sequence[str]:
        """The feeds whose queries say when entities have to be recomputed."""
        with self._lock:
            return sorted(name for name, plan in self._plans.items() if plan.definition.refreshes)

    def sources(self) -> list[Source]:
        """Every source table that is captured for a planned feed."""
        with self._lock:
            return list(self._sources.values())

    def readers(self) -> Mapping[str, Sequence[str]]:
        """Per changelog, the feeds that read it."""
        with self._lock:
            return {
                source.changelog: sorted(name for name, plan in self._plans.items() if table in plan.columns)
                for table, source in self._sources.items()
            }
