"""A daemon over a test's database that does its work in the test's process, or in one of its own.

`Command` starts the process, which takes half a second. A `Bed` also does in the test process what the
command line calls. `Synced` is a bed with a small table, installed. `Delivering` has an obedient sink.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cdc_daemon.analysis.model.plan import Route
from cdc_daemon.insight.status import Status, read_status
from cdc_daemon.pg import ddl
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.service import Service
from cdc_daemon.settings import Settings, load
from cdc_daemon.workers import installation
from cdc_daemon.workers.owner_role import Left
from cdc_daemon.workers.planning import FeedPlan, plan_feed
from demo.proof import Difference, compare, fold, query_documents
from tests.support import kept_sessions
from tests.support.command import FILE_SINK, Command, Feed, Running, Values, eventually, toml
from tests.support.kept_service import KeptService


class Bed(Command):
    """Feeds over one database, delivered to files unless `sinks` says otherwise; nothing is installed yet."""

    def __init__(
        self,
        folder: Path,
        dsn: str,
        feeds: Mapping[str, Feed] | None = None,
        *,
        sinks: str = FILE_SINK,
        daemon: str | Values = "",
        database: str | Values = "",
    ) -> None:
        self._kept: KeptService | None = None
        super().__init__(folder, dsn, feeds or {}, sinks=sinks, daemon=daemon, database=database)

    def add_feed(self, name: str, query: str, *, key: Sequence[str], **options: Any) -> None:
        """Configure a feed, or configure it anew; `options` are further settings of it."""
        self.feeds[name] = Feed(query, tuple(key), toml(options))
        self.write()

    def drop_feeds(self, *names: str) -> None:
        """Configure these feeds no longer."""
        for name in names:
            del self.feeds[name]
        self.write()

    @property
    def settings(self) -> Settings:
        """The configuration as it stands in the file."""
        return load(self.config, {})

    def session(self) -> Connection:
        """A session with the feeds' search path."""
        return connect(self.dsn, search_path=self.settings.database.search_path, purpose="test")

    def install(self) -> list[Step]:
        """`cdc-daemon install`: what was done."""
        return self.install_with(self.settings)

    def install_with(self, settings: Settings) -> list[Step]:
        """The same with settings that were read before, so that several threads may do it."""
        with connect(self.dsn, search_path=settings.database.search_path, purpose="test") as session:
            return installation.install(session, self.dsn, settings, _plans(session, settings))

    def wanted(self) -> list[Step]:
        """`cdc-daemon install --dry-run`: what would be done."""
        settings = self.settings
        with self.session() as session:
            return installation.wanted_steps(session, settings, _plans(session, settings))

    def script(self) -> str:
        """`cdc-daemon install --script`."""
        settings = self.settings
        with self.session() as session:
            plans = _plans(session, settings)
            steps = installation.wanted_steps(session, settings, plans, for_script=True)
            timeout = settings.database.lock_timeout_seconds
            return ddl.script(steps, session, lock_timeout_seconds=timeout)

    def uninstall(self) -> list[Left]:
        """`cdc-daemon uninstall`: what is left behind."""
        self.end_kept()
        with self.session() as session:
            return installation.uninstall(session, self.dsn, self.settings)

    def routes(self, feed: str, table: str) -> list[Route]:
        """The routes of every place where a feed reads a table of schema public."""
        with self.session() as session:
            plan = plan_feed(session, self.settings, feed)
        return [
            route
            for occurrence in plan.analysis.occurrences
            if occurrence.table == ("public", table)
            for route in occurrence.routes
        ]

    def run_once(self) -> None:
        """`cdc-daemon run --once`, by a daemon that is kept while its configuration stays the same."""
        if not kept_sessions.are_kept(self.dsn):
            self.run_anew()
            return
        written = [path.read_bytes() for path in (self.config, *sorted(self.folder.glob("*.sql")))]
        if self._kept is None or self._kept.written != written:
            self.end_kept()
            self._kept = KeptService(self.settings, self.dsn, written)
            kept_sessions.at_end(self.dsn, self.end_kept)
        self._kept.go_on()

    def run_anew(self) -> None:
        """`cdc-daemon run --once`, by a new daemon."""
        self.end_kept()
        Service(self.settings, self.dsn).run_once()

    def call(self, *arguments: str, code: int = 0) -> str:
        self.end_kept()  # a process is to see no daemon that works
        return super().call(*arguments, code=code)

    def start(self, *arguments: str, **options: Any) -> Running:
        self.end_kept()
        return super().start(*arguments, **options)

    def end_kept(self) -> None:
        """End the daemon that is kept. The next run is by a new one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def await_statistics(self) -> None:
        """End the daemon that is kept, and wait for its sessions. Each hands in its statistics at its end."""
        self.end_kept()
        working = (
            "SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'cdc-daemon: %'"
        )
        with kept_sessions.session(self.dsn) as session:
            eventually("no session of the daemon", lambda: not session.execute(working).fetchall())

    def read_status(self) -> Status:
        """What `cdc-daemon status` shows."""
        with self.session() as session:
            return read_status(session, self.settings)

    def delivered_texts(self, feed: str) -> dict[str, bytes]:
        """What was delivered, folded: the text of each document by the text of its key."""
        return fold(self.file(feed), self.feeds[feed].key)

    def queried_texts(self, feed: str) -> dict[str, bytes]:
        """What the feed's query says now, in the same form."""
        search_path = self.settings.database.search_path
        opened = partial(connect, search_path=search_path, purpose="test")
        with kept_sessions.session(self.dsn, f"with the search path {search_path}", opened) as session:
            return query_documents(session, self.feeds[feed].query, self.feeds[feed].key)

    def difference(self, feed: str) -> Difference:
        """What delivered documents and query disagree on, in both directions; false if on nothing."""
        without = self.settings.feeds[feed].hash_exclude
        return compare(self.delivered_texts(feed), self.queried_texts(feed), without=without)

    def assert_in_step(self) -> None:
        """Catch up; then the delivered documents of every feed are those of its query, byte for byte."""
        self.run_once()
        for feed in self.feeds:
            difference = self.difference(feed)
            assert not difference, f"{feed}: {difference}"


def _plans(session: Connection, settings: Settings) -> list[FeedPlan]:
    return [plan_feed(session, settings, name) for name in settings.feeds]
