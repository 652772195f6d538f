"""Every commit is covered, whatever order transactions begin, write and end in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc_daemon.capture.writers import Writers
from cdc_daemon.feeds import state
from cdc_daemon.pg.session import connect as pinned
from tests.support.command import Feed, execute, key_of
from tests.support.synced import ITEMS, Synced

pytestmark = pytest.mark.migrated

Connect = Callable[..., "psycopg.Connection[tuple[Any, ...]]"]


class GreatestSeen:
    """The naive reader: what has a greater version_id than the greatest one seen."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection
        self._seen = 0

    def read(self) -> list[int]:
        rows = self._connection.execute(
            "SELECT version_id, id FROM cdc.changelog_public_item WHERE version_id > %s ORDER BY 1",
            (self._seen,),
        ).fetchall()
        self._seen = max([self._seen, *(version for version, _ in rows)])
        return [identity for _, identities in rows for identity in identities]


def test_a_late_commit_is_not_lost_though_the_greatest_number_seen_loses_it(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    naive = GreatestSeen(connect())
    late, early = connect(autocommit=False), connect(autocommit=False)
    late.execute("UPDATE item SET price = 100 WHERE id = 1")
    early.execute("UPDATE item SET price = 200 WHERE id = 2")
    early.commit()
    assert naive.read() == [2]
    assert [key_of(record) for record in feeds.delivered_by()] == [(2,)]
    late.commit()
    assert naive.read() == []  # lost
    assert [key_of(record) for record in feeds.delivered_by()] == [(1,)]
    feeds.assert_equal_to_the_query()


def test_a_long_transaction_stalls_nobody_and_loses_nothing(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    long = connect(autocommit=False)
    long.execute("UPDATE item SET price = 0 WHERE id = 1")
    for price in (7, 8):
        [record] = feeds.delivered_by(f"UPDATE item SET price = {price} WHERE id = 2")
        assert record["data"]["price"] == price
    long.execute("UPDATE item SET price = 0 WHERE id = 3")
    long.commit()
    assert {key_of(record) for record in feeds.delivered_by()} == {(1,), (3,)}
    feeds.assert_equal_to_the_query()


def test_what_is_rolled_back_is_never_delivered_and_what_a_savepoint_keeps_is(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    writer = connect(autocommit=False)
    writer.execute("UPDATE item SET price = 1 WHERE id = 1")
    writer.rollback()
    writer.execute("SAVEPOINT kept")
    writer.execute("UPDATE item SET price = 2 WHERE id = 2")
    writer.execute("RELEASE kept")
    writer.execute("SAVEPOINT dropped")
    writer.execute("UPDATE item SET price = 3 WHERE id = 3")
    writer.execute("ROLLBACK TO dropped")
    writer.commit()
    assert [key_of(record) for record in feeds.delivered_by()] == [(2,)]
    feeds.assert_equal_to_the_query()


def test_a_first_sync_waits_for_writers_that_were_open_when_capture_was_replaced(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    writer = connect(autocommit=False)
    # The body that is installed now knows nothing of `note`: no entry is written.
    writer.execute("UPDATE item SET note = 'unseen by the old body' WHERE id = 1")
    assert connect().execute("SELECT count(*) FROM cdc.changelog_public_item").fetchone() == (0,)
    feeds.feeds["notes"] = Feed("SELECT id, note FROM item")
    feeds.configure()
    awaited: list[Writers] = []

    def pause(_seconds: float) -> bool:
        writer.commit()  # would have been lost if the cursor had been taken before
        return False

    with feeds.feed_sync("notes") as sync:
        assert sync.begin(pause=pause, waiting=awaited.append) == 5
    assert [{pid for _, pid in writers} for writers in awaited] == [{writer.info.backend_pid}]
    feeds.sync()
    assert feeds.documents("notes")[1,]["note"] == "unseen by the old body"
    feeds.assert_equal_to_the_query()


def test_a_large_delta_goes_to_the_backlog_and_fresh_changes_overtake_it(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(
        tmp_path,
        database,
        schema=ITEMS + "INSERT INTO item SELECT n, 'c' || n, n, '' FROM generate_series(6, 200) AS n;",
        daemon="batch_entities = 10\nmax_pass_entities = 20",
    )
    feeds.sync()
    execute(database, "UPDATE item SET price = -1")
    with feeds.feed_sync() as sync:
        handed_over = sync.run_pass()
        assert handed_over is not None
        assert (handed_over.deferred, handed_over.reason) == (200, "large delta")
        execute(database, "UPDATE item SET price = -2 WHERE id = 200")
        fresh = sync.run_pass()
        assert fresh is not None
        assert (fresh.kind, fresh.entities, fresh.recomputed.upserts) == ("fresh", 1, 1)
        stored = "SELECT (document->>'price') FROM cdc.feed_items WHERE id = {}"
        assert feeds.value(stored.format(200)) == "-2"
        assert feeds.value(stored.format(199)) == "199"
        chunks = 0
        while sync.drain() is not None:
            chunks += 1
        assert chunks > 1
    feeds.sync()
    feeds.assert_equal_to_the_query()


def test_a_chunk_with_an_older_snapshot_can_not_overwrite_what_a_pass_wrote(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    with pinned(database) as chunk, feeds.feed_sync() as sync:
        chunk.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with chunk.transaction(force_rollback=True):
            state.snapshot(chunk)
            execute(database, "UPDATE item SET price = 9 WHERE id = 1")
            assert sync.run_pass() is not None
            with pytest.raises(psycopg.errors.SerializationFailure):
                state.lock(chunk, "items")


def test_two_daemons_passes_do_not_wait_for_each_other(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    execute(database, "UPDATE item SET price = 9 WHERE id = 1")
    with pinned(database) as other, feeds.feed_sync() as sync:
        with other.transaction():
            assert state.lock(other, "items") is not None
            assert sync.run_pass() is None  # somebody is at it
        done = sync.run_pass()
        assert done is not None
        assert done.recomputed.upserts == 1
