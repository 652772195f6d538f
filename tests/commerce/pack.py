"""The pack as it is shipped, over a database: its thirteen feeds, pass by pass in this process."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Any

from psycopg import sql

from cdc_daemon.cli.plans import plan_feeds
from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.settings import Settings, load
from cdc_daemon.workers.installation import install
from cdc_daemon.workers.planning import plan_sources
from cdc_daemon.workers.sync import FeedSync, for_sync
from tests.commerce.shop import ROOT

CONFIG = ROOT / "config" / "commerce.toml"

Documents = dict[str, dict[str, Any]]
"""Documents by the text of their key (a JSON array of the key columns)."""


def settings(dsn: str, folder: Path, *, only: tuple[str, ...] = ()) -> Settings:
    """The shipped configuration, with this database, files in this folder, and all feeds or `only` these."""
    environ = {
        "CDC_DATABASE_DSN": dsn,
        "CDC_DAEMON_STATE_DIR": str(folder / "state"),
        "CDC_SINKS_OUT_PATH": str(folder / "{feed}.ndjson"),
    }
    loaded = load(CONFIG, environ)
    feeds = {name: feed for name, feed in loaded.feeds.items() if not only or name in only}
    return loaded.model_copy(update={"feeds": feeds})


class Pack:
    """Every feed, installed and synced; planned once, for planning takes much longer than a pass.

    Args:
        stack: closes its connections.
        only: these feeds instead of all.

    Attributes:
        read: per feed, the names of the tables that it reads.
    """

    def __init__(self, dsn: str, folder: Path, stack: ExitStack, *, only: tuple[str, ...] = ()) -> None:
        self.dsn = dsn
        self.settings = settings(dsn, folder, only=only)
        self._stack = stack
        self._queries = self._connect()
        self._syncs: dict[str, FeedSync] = {}
        self.read: dict[str, frozenset[str]] = {}
        plans = plan_feeds(self._queries, self.settings, list(self.settings.feeds))
        install(self._queries, dsn, self.settings, plans)
        for plan in plans:
            feed = plan.definition.name
            self.read[feed] = frozenset(table.name for table in plan.columns)
            self._syncs[feed] = FeedSync(
                for_sync(self._connect()),
                plan,
                plan_sources(self._queries, [plan]),
                batch_entities=self.settings.daemon.batch_entities,
                max_pass_entities=self.settings.daemon.max_pass_entities,
            )
            begun = self._syncs[feed].begin(pause=Event().wait, waiting=lambda _: None)
            assert begun is not None
            self.sync(feed)

    def _connect(self) -> Connection:
        return self._stack.enter_context(connect(self.dsn, search_path="public", purpose="test"))

    def documents(self, feed: str) -> Documents:
        """What the query says now, without the fields whose change alone is none."""
        excluded = self.settings.feeds[feed].hash_exclude
        return {
            key: {name: value for name, value in document.items() if name not in excluded}
            for key, document in whole_documents(self._queries, self.settings, feed).items()
        }

    def sync(self, feed: str) -> dict[str, str]:
        """Bring a feed up to date: what that would send, upsert or delete by key."""
        key = sql.SQL(", ").join(map(sql.Identifier, self.settings.feeds[feed].key))
        table = sql.Identifier("cdc", f"feed_{feed}")
        query = sql.SQL("SELECT COALESCE(max(revision), 0) FROM {}").format(table)
        row = self._queries.execute(query).fetchone()
        assert row is not None
        self._syncs[feed].run_pass()
        while self._syncs[feed].drain() is not None:
            pass
        sent = self._queries.execute(
            sql.SQL("SELECT json_build_array({})::text, deleted FROM {} WHERE revision > %s").format(
                key, table
            ),
            row,
        )
        return {canonical(name): "delete" if deleted else "upsert" for name, deleted in sent}


def whole_documents(connection: Connection, settings: Settings, feed: str) -> Documents:
    """What a feed's query says now; columns that steer the daemon are left out, as in a document."""
    feed_settings = settings.feeds[feed]
    query = sql.SQL("SELECT json_build_array({})::text, row_to_json(q)::text FROM (\n{}\n) AS q").format(
        sql.SQL(", ").join(sql.Identifier("q", name) for name in feed_settings.key),
        sql.SQL(feed_settings.text),  # pyright: ignore[reportArgumentType] # executed as it is
    )
    found: Documents = {}
    for key, document in connection.execute(query):
        assert canonical(key) not in found, f"{feed}: two documents of key {key}"
        fields = json.loads(document)
        found[canonical(key)] = {name: fields[name] for name in fields if not name.startswith("_")}
    return found


def canonical(text: str) -> str:
    return json.dumps(json.loads(text))


def differences(before: Documents, after: Documents) -> dict[str, str]:
    """What has to be sent, by key: documents that are new or differ, and those that are gone."""
    upserts = {key: "upsert" for key, document in after.items() if before.get(key) != document}
    return upserts | dict.fromkeys(before.keys() - after.keys(), "delete")
