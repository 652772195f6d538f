"""The plans of all feeds and the captured source tables, shared by the workers of a process."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.capture.catalogue import Captured, read_installed, schema_exists
from cdc_daemon.capture.fingerprint import Dependencies
from cdc_daemon.capture.source import Source
from cdc_daemon.errors import FeedError, InstallError
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.log import get_logger
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.workers.installation import drop_strays, install, refuse_other_definitions
from cdc_daemon.workers.planning import FeedPlan, plan_feed, plan_sources

log = get_logger()


def _is_stored(connection: Connection, feed: str) -> bool:
    if not schema_exists(connection):
        return False
    row = connection.execute(statement("feed_state.exists"), {"feed": feed}).fetchone()
    return bool(row and row[0])


class Registry:
    """Plans by feed, which the feeds' workers fill in. Any thread may call its methods."""

    def __init__(self, settings: Settings, dsn: str) -> None:
        self._settings = settings
        self._dsn = dsn
        self._lock = threading.Lock()
        self._plans: dict[str, FeedPlan] = {}
        self._sources: dict[TableName, Source] = {}
        # As each feed reads them: two feeds may need other links of one table.
        self._sources_of: dict[str, Sequence[Source]] = {}
        # Feeds that were stored before: the daemon does not create them again after they were dropped.
        self._known: set[str] = set()
        # Feeds of a reloaded configuration that may replace the installed definition, once.
        self._redefined: set[str] = set()
        # The watcher asks up to fifty times a second: over 200 feeds and tables it took 5 ms to make.
        self._readers: Mapping[str, Sequence[str]] | None = None

    def reconfigure(
        self, settings: Settings, dsn: str, *, former: Collection[str], redefined: Collection[str]
    ) -> None:
        """Use another configuration from now on.

        Args:
            former: feeds that are forgotten, until their workers plan them anew.
            redefined: feeds that may replace the installed definition, once. A daemon must not do this by
                itself: two daemons with different configurations would take turns.
        """
        for feed in former:
            self.forget(feed)
        with self._lock:
            self._settings, self._dsn = settings, dsn
            self._known -= set(former)
            self._redefined = (self._redefined - set(former)) | set(redefined)

    def plan_and_install(self, connection: Connection, feed: str) -> tuple[FeedPlan, Sequence[Source]]:
        """Plan a feed anew and install its missing objects. Objects of other feeds stay as they are.

        Raises:
            FeedError, InstallError: the feed can't be used now.
        """
        if feed in self._known and not _is_stored(connection, feed):
            self.forget(feed)
            raise FeedError(
                "is not installed any more: an `uninstall`, or an `install` without it, has dropped it",
                where=f"feed {feed}",
                hint="run `cdc-daemon install` and restart the daemon; a configuration that is to leave it "
                "alone needs another [daemon] name",
            )
        plan = plan_feed(connection, self._settings, feed)
        with self._lock:
            redefines = feed in self._redefined
            for step in install(
                connection, self._dsn, self._settings, [plan], complete=False, redefines=redefines
            ):
                log.info("source_installed", feed=feed, action=step.action, what=step.what)
            self._drop_strays(connection, feed)
            sources = plan_sources(connection, [plan])
            self._redefined.discard(feed)
            self._register(plan, sources)
        return plan, sources

    def plan_captured(self, connection: Connection, feed: str) -> tuple[FeedPlan, Sequence[Source]] | None:
        """Plan a feed anew without installing, because a transaction holds a table that needs capture.

        Returns:
            None if a source table itself is not captured as the feed needs it, or if the feed has no cursor.

        Raises:
            FeedError: the feed can't be used now.
        """
        row = connection.execute(statement("feed_state.has_cursor"), {"feed": feed}).fetchone()
        if not row or not row[0]:
            return None
        plan = plan_feed(connection, self._settings, feed)
        refuse_other_definitions(connection, [plan])
        sources, captured = plan_sources(connection, [plan]), read_installed(connection).sources
        for source in sources:
            found = captured.get(source.table, Captured())
            links = {link.name for link in source.links}
            if not (found.changelog and links <= {*found.links} and {*source.columns} <= {*found.columns}):
                return None
        with self._lock:
            self._register(plan, sources)
        return plan, sources

    def _register(self, plan: FeedPlan, sources: Sequence[Source]) -> None:
        feed = plan.definition.name
        self._plans[feed] = plan
        self._sources_of[feed] = sources
        self._known.add(feed)
        self._sources.update({source.table: source for source in sources})
        self._readers = None
        log.info(
            "feed_planned",
            feed=feed,
            tables=len(plan.columns),
            routes=sorted({str(occurrence.kind) for occurrence in plan.analysis.occurrences}),
        )

    def _drop_strays(self, connection: Connection, feed: str) -> None:
        try:
            for step in drop_strays(connection, self._dsn, self._settings):
                log.info("source_installed", feed=feed, action=step.action, what=step.what)
        except InstallError as error:  # the feed does not need this: `install` tries again
            log.warning("triggers_left", feed=feed, reason=str(error), hint=error.hint)

    def forget(self, feed: str) -> None:
        """Forget a feed, so that no worker reads its objects."""
        with self._lock:
            self._plans.pop(feed, None)
            needed = {table for plan in self._plans.values() for table in plan.columns}
            self._sources = {table: source for table, source in self._sources.items() if table in needed}
            self._readers = None

    def planned(self, feed: str) -> tuple[FeedPlan, Sequence[Source]] | None:
        """Return a feed's plan and its captured source tables; None until the feed is planned."""
        with self._lock:
            plan = self._plans.get(feed)
            return None if plan is None else (plan, self._sources_of[feed])

    def definition(self, feed: str) -> FeedDefinition | None:
        """Return a feed's definition; None if it is not planned yet."""
        with self._lock:
            plan = self._plans.get(feed)
            return plan.definition if plan else None

    def plans(self) -> dict[str, FeedPlan]:
        """Return the plans of all planned feeds, by name."""
        with self._lock:
            return dict(self._plans)

    def feeds(self) -> list[FeedDefinition]:
        """Return the definitions of all planned feeds."""
        with self._lock:
            return [plan.definition for plan in self._plans.values()]

    def refreshing(self) -> Sequence[str]:
        """Return the feeds whose queries have `_refresh_at`."""
        with self._lock:
            return sorted(name for name, plan in self._plans.items() if plan.definition.refreshes)

    def dependencies(self) -> Mapping[str, Dependencies]:
        """Return the catalogue dependencies of each planned feed."""
        with self._lock:
            return {name: plan.dependencies for name, plan in self._plans.items()}

    def sources(self) -> list[Source]:
        """Return all source tables that are captured for planned feeds."""
        with self._lock:
            return list(self._sources.values())

    def readers(self) -> Mapping[str, Sequence[str]]:
        """Return the feeds that read each changelog."""
        with self._lock:
            if self._readers is None:
                self._readers = {
                    source.changelog: sorted(
                        name for name, plan in self._plans.items() if table in plan.columns
                    )
                    for table, source in self._sources.items()
                }
            return self._readers
