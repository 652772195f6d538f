"""A chunk of the backlog whose documents are made by two sessions is what one session would have made."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.feeds.hashed_documents import ComputeRemotely, Entity, RemoteBatch
from cdc_daemon.feeds.recompute import DuplicateKey
from cdc_daemon.pg.session import Connection
from cdc_daemon.workers.helper_sessions import HelperSessions
from cdc_daemon.workers.sync import PASSING
from tests.support.command import Feed, eventually, execute
from tests.support.helper_session import Helpers, recompute_all
from tests.support.synced import ITEMS, Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

MANY = ITEMS.replace("generate_series(1, 5)", "generate_series(1, 20)")

CODES = Feed("SELECT id, code, price, note FROM item", key=("code",), options='entity = ["id"]')


def assert_stored_equals_query(feeds: Synced) -> None:
    different = """
        SELECT count(*) FROM (SELECT * FROM cdc.feed_items WHERE NOT deleted) AS s
        FULL JOIN item AS i ON i.code = s.code
        WHERE s.id IS DISTINCT FROM i.id OR s.document->>'price' IS DISTINCT FROM i.price::text
           OR s.document->>'note' IS DISTINCT FROM i.note
    """
    assert feeds.value(different) == 0


def test_more_than_half_of_a_chunk_is_made_by_a_helper_session(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, feeds={"items": CODES})
    feeds.sync()
    execute(database, "UPDATE item SET price = -id", "DELETE FROM item WHERE id IN (1, 5)")
    with Helpers(database) as helpers, feeds.feed_sync(helpers=helpers) as sync:
        recompute_all(sync)
    assert len(helpers.used) == 1
    assert_stored_equals_query(feeds)
    feeds.sync()
    feeds.assert_equal_to_the_query()


@pytest.mark.parametrize("turn", ["(id % 5) + 1", "(id + 3) % 5 + 1"])
def test_keys_may_move_between_the_two_halves(database: str, tmp_path: Path, turn: str) -> None:
    feeds = Synced(tmp_path, database, feeds={"items": CODES})
    feeds.sync()
    execute(database, f"UPDATE item SET code = 'c' || {turn}", "DELETE FROM item WHERE id = 3")
    with Helpers(database) as helpers, feeds.feed_sync(helpers=helpers) as sync:
        recompute_all(sync)
        assert_stored_equals_query(feeds)
        sync.run_pass()
    assert helpers.used
    feeds.sync()
    feeds.assert_equal_to_the_query()


def test_both_halves_see_one_snapshot_whatever_is_committed_between(database: str, tmp_path: Path) -> None:
    """Each on its own, the first half would miss c1, which the second has moved, and the second c5."""
    feeds = Synced(tmp_path, database, feeds={"items": CODES})
    feeds.sync()
    swapped = "UPDATE item SET code = CASE id WHEN 1 THEN 'c5' ELSE 'c1' END WHERE id IN (1, 5)"
    with (
        Helpers(database, begun=lambda: execute(database, swapped)) as helpers,
        feeds.feed_sync(helpers=helpers) as sync,
    ):
        assert sync.request({}, reason="test", force=False)
        chunk = sync.drain()
        assert chunk is not None
        assert (chunk.recomputed.documents, chunk.recomputed.upserts, chunk.recomputed.deletes) == (5, 0, 0)
        done = sync.run_pass()
        assert done is not None
        assert done.recomputed.upserts == 2
    assert helpers.used
    assert_stored_equals_query(feeds)


def test_a_key_that_both_halves_yield_stops_the_feed(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, feeds={"items": CODES})
    feeds.sync()
    execute(database, "UPDATE item SET code = 'c1' WHERE id = 5")
    with Helpers(database) as helpers, feeds.feed_sync(helpers=helpers) as sync:
        assert sync.request({}, reason="test", force=False)
        with pytest.raises(DuplicateKey):
            sync.drain()
    assert helpers.used


def test_an_entity_that_fails_beside_is_set_aside_by_the_chunk(database: str, tmp_path: Path) -> None:
    divided = Feed("SELECT id, code, 1 / (price - 1) AS share FROM item")
    feeds = Synced(tmp_path, database, feeds={"items": divided})
    feeds.sync()
    execute(database, "UPDATE item SET price = 1 WHERE id = 5")
    with Helpers(database) as helpers, feeds.feed_sync(helpers=helpers) as sync:
        assert sync.request({}, reason="test", force=False)
        done = sync.drain()
        assert helpers.used
    assert done is not None
    assert [(each.entity, each.status) for each in done.set_aside] == [({"id": "5"}, "22012")]


def test_a_chunk_does_alone_what_a_helper_session_could_not(database: str, tmp_path: Path) -> None:
    """It can't be opened, and later it is ended at work; the next chunk has another one."""
    feeds = Synced(tmp_path, database, feeds={"items": CODES})
    feeds.sync()
    attempts: list[str] = []

    def begun() -> None:
        attempts.append("opened")
        if len(attempts) == 1:
            raise DatabaseUnavailable("too many connections", where="database")

    with Helpers(database, begun) as helpers, feeds.feed_sync(helpers=helpers) as sync:
        for price in (7, 8):
            execute(database, f"UPDATE item SET price = {price}")
            recompute_all(sync)
            assert_stored_equals_query(feeds)
        execute(
            database, "UPDATE item SET price = 9", f"SELECT pg_terminate_backend({helpers.used[0]}, 5000)"
        )
        recompute_all(sync)
        assert_stored_equals_query(feeds)
        execute(database, "UPDATE item SET price = 10")
        recompute_all(sync)
        assert_stored_equals_query(feeds)
    assert len(attempts) == 3


def test_what_a_helper_session_made_before_it_was_lost_is_used_and_the_rest_made_alone(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds = Synced(tmp_path, database, schema=MANY, feeds={"items": CODES})
    feeds.sync()
    make, made = ComputeRemotely.make, list[int]()

    def make_once(
        self: ComputeRemotely, connection: Connection, entities: Sequence[Entity], *, force: bool
    ) -> RemoteBatch:
        if made:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        made.append(len(entities))
        return make(self, connection, entities, force=force)

    monkeypatch.setattr(ComputeRemotely, "make", make_once)
    execute(database, "UPDATE item SET price = 7")
    with Helpers(database) as helpers, feeds.feed_sync(helpers=helpers) as sync:
        recompute_all(sync)
    assert made == [8]
    assert_stored_equals_query(feeds)


def test_a_helper_session_does_not_wait_for_ever_behind_who_waits_for_the_chunk(
    database: str, tmp_path: Path
) -> None:
    """VACUUM FULL waits for the chunk, the helper for VACUUM FULL, the chunk for the helper."""
    feeds = Synced(tmp_path, database, feeds={"items": CODES})
    feeds.sync()
    rewrite = threading.Thread(target=execute, args=(database, "VACUUM FULL item"))

    def begun() -> None:
        rewrite.start()
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'item'::regclass"
        eventually("VACUUM FULL waits", lambda: feeds.value(waits) == 1)

    with Helpers(database, begun) as helpers, feeds.feed_sync(helpers=helpers) as sync:
        assert sync.request({}, reason="test", force=False)
        with pytest.raises(PASSING):
            sync.drain()
        rewrite.join(30)
        assert sync.drain() is not None
    assert helpers.used


def test_values_of_every_type_come_through_from_the_side(database: str, tmp_path: Path) -> None:
    schema = r"""
        CREATE TYPE size AS ENUM ('small', 'very large');
        CREATE TABLE item (
            id int PRIMARY KEY, code char(5) NOT NULL UNIQUE, tags text[] NOT NULL, at timestamptz NOT NULL,
            size size NOT NULL, ratio float8 NOT NULL, raw bytea NOT NULL, note text
        );
        INSERT INTO item
        SELECT n, 'c' || n, ARRAY['NULL', 'a,b' || n, '{"\', NULL],
               timestamptz '2026-03-29 00:30+00' + n * interval '1 h',
               CASE n % 2 WHEN 0 THEN 'small'::size ELSE 'very large' END, n / 3.0::float8,
               decode('00ff', 'hex'), E'a "quoted" \\ {word},\n' || U&'\+01F600' || n
        FROM generate_series(1, 9) AS n;
    """
    key = ("code", "tags", "at", "size", "ratio", "raw")
    feed = Feed("SELECT * FROM item", key=key, options='entity = ["id"]')
    feeds = Synced(tmp_path, database, schema=schema, feeds={"items": feed})
    with Helpers(database) as helpers, feeds.feed_sync(helpers=helpers) as sync:
        begun = sync.begin(pause=threading.Event().wait, waiting=lambda _: None)
        assert begun == 9
        while sync.drain() is not None:
            pass
        same = (
            "SELECT count(*) FROM cdc.feed_items AS s JOIN item AS i"
            " USING (id, code, tags, at, size, ratio, raw) WHERE s.document::text = row_to_json(i)::text"
        )
        assert feeds.value(same) == 9
        assert sync.request({}, reason="test", force=False)
        chunk = sync.drain()
        assert chunk is not None
        assert (chunk.recomputed.unchanged, chunk.recomputed.upserts, chunk.recomputed.deletes) == (9, 0, 0)
        assert sync.request({}, reason="test", force=True)
        chunk = sync.drain()
        assert chunk is not None
        assert chunk.recomputed.upserts == 9
    assert helpers.used


def test_no_helper_session_is_opened_where_none_may_be(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": CODES})
    helpers = HelperSessions(lambda: pytest.fail("opened"), 0)
    with feeds.feed_sync(helpers=helpers) as sync:
        sync.begin(pause=threading.Event().wait, waiting=lambda _: None)
        while sync.drain() is not None:
            pass
    assert_stored_equals_query(feeds)
