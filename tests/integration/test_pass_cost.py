"""What a pass costs beside its documents: no planning, and of the changelogs only what is new."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cdc_daemon.insight.status import read_status
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.session import connect as pinned
from cdc_daemon.workers import watcher
from cdc_daemon.workers.catalogue_watch import CatalogueWatch
from cdc_daemon.workers.wake_ups import WakeUps
from cdc_daemon.workers.watcher import Configured, Watcher
from tests.conftest import Connect
from tests.support.command import Feed, eventually, execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

READ = 20_000
"""Entries that the feed has read, in one changelog."""

MAKERS = """
CREATE TABLE maker (id int PRIMARY KEY, name text);
CREATE TABLE item (id int PRIMARY KEY, maker_id int NOT NULL REFERENCES maker);
CREATE INDEX ON item (maker_id);
INSERT INTO maker SELECT n, 'm' FROM generate_series(1, 20000) AS n;
INSERT INTO item SELECT n, n FROM generate_series(1, 20000) AS n;
"""

FEED = Feed("SELECT i.id, m.name FROM item AS i JOIN maker AS m ON m.id = i.maker_id")


@pytest.fixture
def shop(database: str, tmp_path: Path, connect: Connect) -> Synced:
    """A feed whose changelog is full of what was read, with statistics."""
    shop = Synced(tmp_path, database, schema=MAKERS, feeds={"items": FEED})
    each = f"FOR n IN 1..{READ} LOOP UPDATE maker SET name = 'n' WHERE id = n; END LOOP;"
    with connect() as open_meanwhile:
        open_meanwhile.execute("BEGIN")
        open_meanwhile.execute("SELECT pg_current_xact_id()")
        # The cursor sees it open, so what it wrote would have to be looked for.
        shop.sync(f"DO $$ BEGIN {each} END $$")
    execute(database, "ANALYZE")
    return shop


def rows_scanned(shop: Synced, like: str) -> int:
    """Rows of tables of this name that were read in sequence."""
    found = f"SELECT sum(seq_tup_read)::int8 FROM pg_stat_user_tables WHERE relname LIKE '{like}'"
    return int(str(shop.value(found)))


@contextmanager
def unscanned(shop: Synced, like: str) -> Iterator[None]:
    """None of these tables is read in sequence by sessions that begin and end here.

    But for a segment that has just begun to take entries: a table of one row is read as a whole.
    """
    shop.await_statistics()
    before = rows_scanned(shop, like)
    yield
    shop.await_statistics()
    assert rows_scanned(shop, like) - before < READ / 100


def test_a_pass_reads_by_index_what_is_new_and_what_it_reaches(shop: Synced) -> None:
    with shop.session() as session:  # not one that is kept, and hands in its own scan meanwhile
        assert session.execute("SELECT count(*) FROM cdc.changelog_public_maker").fetchone() == (READ,)
    with unscanned(shop, "changelog_public_maker%"), unscanned(shop, "item"), unscanned(shop, "maker"):
        (record,) = shop.delivered_by("UPDATE maker SET name = 'o' WHERE id = 7")
    assert record["data"] == {"id": 7, "name": "o"}


def test_statements_of_a_pass_are_planned_once_and_not_for_each_change(shop: Synced) -> None:
    with pinned(shop.dsn) as session, shop.feed_sync(connection=session) as sync:
        for number in range(20):
            execute(shop.dsn, f"UPDATE maker SET name = 'p' WHERE id = {number + 1}")
            done = sync.run_pass()
            assert done is not None
            assert done.recomputed.upserts == 1
        planned = session.execute(
            "SELECT statement FROM pg_prepared_statements WHERE custom_plans > 0 AND statement LIKE '%items%'"
        ).fetchall()
        followed = session.execute(
            "SELECT max(generic_plans) FROM pg_prepared_statements WHERE statement LIKE '%hashed_documents%'"
        ).fetchone()
    assert planned == []
    assert followed is not None
    assert followed[0] >= 15  # the first three are not prepared


def test_a_look_of_the_watcher_reads_no_entry_that_every_feed_has_read(shop: Synced) -> None:
    wake_ups, stop = WakeUps(["items"], []), threading.Event()
    watcher = Watcher(
        lambda: pinned(shop.dsn),
        wake_ups,
        show=lambda _: None,
        catalogue=CatalogueWatch(dict),
        changelogs=lambda: {"changelog_public_maker": ["items"], "changelog_public_item": ["items"]},
        refreshing=list,
        configured=lambda: Configured(("items",), ("out",)),
        poll_seconds=0.01,
        idle_poll_seconds=0.01,
    )
    with unscanned(shop, "changelog_public_maker%"):
        thread = threading.Thread(target=watcher.run, args=(stop, lambda: None))
        thread.start()
        try:
            # It rings once as it begins, for a feed that may have lost its server.
            assert wake_ups.await_feed("items", 20)
            # The next ring is that of the first look at a change: looks that found nothing came before it.
            assert not wake_ups.await_feed("items", 0.5)
            execute(shop.dsn, "UPDATE maker SET name = 'q' WHERE id = 9")
            assert wake_ups.await_feed("items", 20)
        finally:
            stop.set()
            thread.join()


def test_a_watcher_at_rest_asks_only_what_a_time_may_have_changed(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    asked: list[bytes] = []
    look = Watcher._look

    def noted(self: Watcher, connection: Connection, query: bytes) -> float:
        asked.append(query)
        return look(self, connection, query)

    monkeypatch.setattr(watcher, "BUSY_SECONDS", 0.0)
    monkeypatch.setattr(Watcher, "_look", noted)
    wake_ups, stop = WakeUps(["items"], []), threading.Event()
    resting = Watcher(
        lambda: pinned(database),
        wake_ups,
        show=lambda _: None,
        catalogue=CatalogueWatch(dict),
        changelogs=lambda: {"changelog_public_item": ["items"]},
        refreshing=list,
        configured=lambda: Configured(("items",), ("out",)),
        poll_seconds=0.01,
        idle_poll_seconds=0.02,
    )
    thread = threading.Thread(target=resting.run, args=(stop, lambda: None))
    thread.start()
    try:
        assert wake_ups.await_feed("items", 20)
        for price in (7, 8):
            # Other tests commit in this cluster, too: some looks are at everything.
            eventually("it rests", lambda: b"changelog_public_item" not in asked[-1])
            assert not wake_ups.await_feed("items", 0.1)
            execute(database, f"UPDATE item SET price = {price} WHERE id = 1")
            assert wake_ups.await_feed("items", 20)
            feeds.sync()
            wake_ups.await_feed("items", 0.1)
    finally:
        stop.set()
        thread.join()


def test_a_status_reads_no_entry_that_the_feed_has_read(shop: Synced) -> None:
    with pinned(shop.dsn) as session, unscanned(shop, "changelog_public_maker%"):
        (feed,) = read_status(session, shop.settings).feeds
        assert feed.unread == 0
        execute(shop.dsn, "UPDATE maker SET name = 'r' WHERE id = 10")
        (feed,) = read_status(session, shop.settings).feeds
        assert feed.unread == 1


def test_whether_a_segment_is_read_is_looked_up(shop: Synced) -> None:
    """Passes wait for it: the segment is locked meanwhile."""
    with unscanned(shop, "changelog_public_maker%"):
        shop.rotate()
    assert shop.value("SELECT count(*) FROM cdc.changelog_public_maker") == 0
