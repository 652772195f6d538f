"""Feeds that are installed and brought up to date in this process."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.workers.helper_sessions import HelperSessions
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.rotation import Rotator
from cdc_daemon.workers.sync import FeedSync, for_sync
from tests.support.bed import Bed
from tests.support.command import FILE_SINK, Feed, Record, Values, execute, pinned

ITEMS = """
CREATE TABLE item (id int PRIMARY KEY, code text, price numeric, note text);
INSERT INTO item SELECT n, 'c' || n, n + 0.50, '' FROM generate_series(1, 5) AS n;
"""

ITEM_FEED = Feed("SELECT id, code, price FROM item")


class Synced(Bed):
    """A bed whose feeds are installed.

    Args:
        schema: made before anything is installed.
    """

    def __init__(
        self,
        folder: Path,
        dsn: str,
        *,
        schema: str = ITEMS,
        feeds: Mapping[str, Feed] | None = None,
        sinks: str = FILE_SINK,
        daemon: str | Values = "",
        database: str | Values = "",
    ) -> None:
        execute(dsn, schema)
        super().__init__(
            folder, dsn, feeds or {"items": ITEM_FEED}, sinks=sinks, daemon=daemon, database=database
        )
        self.install()

    def sync(self, *statements: str) -> None:
        """Execute the statements, then do what `run --once` does."""
        execute(self.dsn, *statements)
        self.run_once()

    def delivered_by(self, *statements: str, feed: str = "items") -> list[Record]:
        """The records that reach the file because of these statements."""
        before = len(self.records(feed))
        self.sync(*statements)
        return self.records(feed)[before:]

    @contextmanager
    def feed_sync(
        self, feed: str = "items", helpers: HelperSessions | None = None, connection: Connection | None = None
    ) -> Generator[FeedSync]:
        """Pass by pass: one feed's transactions, planned and installed, in this session or one of its own."""
        settings = self.settings
        with (
            nullcontext(connection)
            if connection
            else connect(self.dsn, search_path=settings.database.search_path)
        ) as session:
            plan, sources = Registry(settings, self.dsn).plan_and_install(session, feed)
            yield FeedSync(
                for_sync(session),
                plan,
                sources,
                batch_entities=settings.daemon.batch_entities,
                max_pass_entities=settings.daemon.max_pass_entities,
                helpers=helpers,
            )

    def rotate(self, *, changelog_limit_bytes: int = 1 << 30, log_limit_rows: int = 1 << 30) -> None:
        """One round over both segments of everything."""
        settings = self.settings
        registry = Registry(settings, self.dsn)
        with connect(self.dsn) as planning, connect(self.dsn) as connection:
            for feed in settings.feeds:
                registry.plan_and_install(planning, feed)
            rotator = Rotator(
                self._connect,
                sources=registry.sources,
                feeds=registry.feeds,
                every_seconds=1,
                changelog_limit_bytes=changelog_limit_bytes,
                log_limit_rows=log_limit_rows,
            )
            for segment in (0, 1):
                rotator.rotate(connection, segment, threading.Event())

    def _connect(self) -> Connection:
        return connect(self.dsn)

    def value(self, text: str) -> object:
        """The one value of a query."""
        with pinned(self.dsn) as connection:
            row = connection.execute(text.encode()).fetchone()
        assert row is not None
        return row[0]

    def cursor(self, feed: str) -> object:
        return self.value(f"SELECT cursor::text FROM cdc.feed_state WHERE feed = '{feed}'")

    def reason(self, feed: str) -> object:
        """Why the feed has stopped."""
        return self.value(f"SELECT stopped_reason FROM cdc.feed_state WHERE feed = '{feed}'")

    def resyncs(self) -> object:
        return self.value("SELECT count(*) FROM cdc.resync")
