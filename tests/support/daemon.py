"""A daemon over a test's database: its configuration in a folder of the test, feeds, and one file sink.

It runs in the test's process, through what the command line calls, because a subprocess takes half a second.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from cdc_daemon.analysis.model.plan import Route
from cdc_daemon.cli.plans import plan_feeds
from cdc_daemon.insight.status import Status, read_status
from cdc_daemon.pg import ddl
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import connect
from cdc_daemon.service import Service
from cdc_daemon.settings import Settings, load
from cdc_daemon.workers import installation
from cdc_daemon.workers.owner_role import Left
from demo.proof import Difference, compare, fold, query_documents


@dataclass
class Daemon:
    """Feeds over one database, delivered to files.

    Attributes:
        folder: configuration, queries and delivered files.
        dsn: the database, as the daemon connects to it.
        database, daemon: further settings of these sections, by name.
    """

    folder: Path
    dsn: str
    database: dict[str, Any] = field(default_factory=dict[str, Any])
    daemon: dict[str, Any] = field(default_factory=dict[str, Any])
    feeds: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def feed(self, name: str, query: str, *, key: Sequence[str], **options: Any) -> None:
        """Configure a feed, or configure it anew."""
        (self.folder / f"{name}.sql").write_text(query)
        self.feeds[name] = {"query": f"{name}.sql", "key": list(key), **options}

    @property
    def config(self) -> Path:
        """The configuration file, written as things stand now."""
        sections = {
            "database": {"dsn": self.dsn, **self.database},
            "daemon": {"state_dir": str(self.folder / "state"), **self.daemon},
            "sinks.out": {"type": "file", "path": "out/{feed}.ndjson"},
            **{f"feeds.{name}": options for name, options in self.feeds.items()},
        }
        lines: list[str] = []
        for section, options in sections.items():
            # What JSON writes for text, numbers, truth and lists of them is TOML too.
            lines += [f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in options.items())]
        path = self.folder / "cdc.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    @property
    def settings(self) -> Settings:
        return load(self.config, environ={})

    def install(self) -> list[Step]:
        """`cdc-daemon install`: what was done."""
        return self.install_with(self.settings)

    def install_with(self, settings: Settings) -> list[Step]:
        """The same with settings that were read before, so that several threads may do it."""
        with connect(self.dsn, search_path=settings.database.search_path, purpose="test") as connection:
            plans = plan_feeds(connection, settings, list(settings.feeds))
            return installation.install(connection, self.dsn, settings, plans)

    def wanted(self) -> list[Step]:
        """`cdc-daemon install --dry-run`: what would be done."""
        settings = self.settings
        with self._connect() as connection:
            plans = plan_feeds(connection, settings, list(settings.feeds))
            return installation.wanted_steps(connection, settings, plans)

    def script(self) -> str:
        """`cdc-daemon install --script`."""
        settings = self.settings
        with self._connect() as connection:
            plans = plan_feeds(connection, settings, list(settings.feeds))
            steps = installation.wanted_steps(connection, settings, plans, for_script=True)
            timeout = settings.database.lock_timeout_seconds
            return ddl.script(steps, connection, lock_timeout_seconds=timeout)

    def uninstall(self) -> list[Left]:
        """`cdc-daemon uninstall`: what is left behind."""
        with self._connect() as connection:
            return installation.uninstall(connection, self.dsn, self.settings)

    def routes(self, feed: str, table: str) -> list[Route]:
        """The routes of every place where a feed reads a table of schema public."""
        with self._connect() as connection:
            (plan,) = plan_feeds(connection, self.settings, [feed])
        return [
            route
            for occurrence in plan.analysis.occurrences
            if occurrence.table == ("public", table)
            for route in occurrence.routes
        ]

    def run_once(self) -> None:
        """`cdc-daemon run --once`."""
        Service(self.settings, self.dsn).run_once()

    def status(self) -> Status:
        """`cdc-daemon status`."""
        with self._connect() as connection:
            return read_status(connection, self.settings)

    def records(self, feed: str) -> list[dict[str, Any]]:
        """Every record of a document that was delivered, in order."""
        path = self.folder / "out" / f"{feed}.ndjson"
        lines = path.read_bytes().splitlines() if path.exists() else []
        return [record for record in map(json.loads, lines) if record["op"] != "snapshot_end"]

    def documents(self, feed: str) -> dict[str, bytes]:
        """What was delivered, folded: the text of each document by the text of its key."""
        return fold(self.folder / "out" / f"{feed}.ndjson", self.feeds[feed]["key"])

    def expected(self, feed: str) -> dict[str, bytes]:
        """What the feed's query says now, in the same form."""
        query = (self.folder / f"{feed}.sql").read_text()
        with self._connect() as connection:
            return query_documents(connection, query, self.feeds[feed]["key"])

    def difference(self, feed: str) -> Difference:
        """What delivered documents and query disagree on, in both directions; false if on nothing."""
        without = self.feeds[feed].get("hash_exclude", ())
        return compare(self.documents(feed), self.expected(feed), without=without)

    def assert_in_step(self) -> None:
        """Catch up; then the delivered documents of every feed are those of its query, byte for byte."""
        self.run_once()
        for feed in self.feeds:
            difference = self.difference(feed)
            assert not difference, f"{feed}: {difference}"

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return connect(self.dsn, search_path=self.settings.database.search_path, purpose="test")
