"""A pass is bounded by time: others wait for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.workers import affected_entities, pace
from cdc_daemon.workers.pace import FEWEST_TOO_MANY
from cdc_daemon.workers.sync import FeedSync
from tests.support.command import Feed, execute
from tests.support.synced import ITEMS, Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

MANY = ITEMS.replace("generate_series(1, 5)", "generate_series(1, 500)")
LARGE = FEWEST_TOO_MANY + 50


@pytest.fixture
def items(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Synced:
    """Any entity takes longer than a pass should, once it is known how long one takes."""
    monkeypatch.setattr(pace, "PASS_SECONDS", 0.0)
    items = Synced(tmp_path, database, schema=MANY, daemon="batch_entities = 200\nmax_pass_entities = 400")
    items.sync()
    return items


def touched(items: Synced, sync: FeedSync, number: int) -> tuple[int, int]:
    """How many entities a pass recomputed and how many it put into the backlog, after so many changed."""
    execute(items.dsn, f"UPDATE item SET note = note || 'x', price = price + 1 WHERE id <= {number}")
    done = sync.run_pass()
    assert done is not None
    return done.entities, done.deferred


def test_what_would_take_too_long_waits_in_the_backlog(items: Synced) -> None:
    with items.feed_sync() as sync:
        assert touched(items, sync, LARGE) == (LARGE, 0)  # nothing is known yet
        assert touched(items, sync, LARGE) == (0, LARGE)
        assert sync.drain() is not None
        assert touched(items, sync, FEWEST_TOO_MANY) == (FEWEST_TOO_MANY, 0)


def test_a_chunk_tells_how_long_an_entity_takes(items: Synced) -> None:
    with items.feed_sync() as sync:
        sync.request({}, reason="test", force=False)
        while sync.drain() is not None:
            pass
        assert touched(items, sync, LARGE) == (0, LARGE)


def test_nothing_waits_where_more_than_itself_waits_already(items: Synced) -> None:
    with items.feed_sync() as sync:
        assert touched(items, sync, LARGE) == (LARGE, 0)
        assert touched(items, sync, LARGE) == (0, LARGE)
        assert touched(items, sync, LARGE) == (LARGE, 0)
        assert touched(items, sync, LARGE + 1) == (0, LARGE + 1)
        sync.request({}, reason="test", force=False)
        assert touched(items, sync, 450) == (0, 450)  # never more than max_pass_entities


MAKERS = """
CREATE TABLE tax (rate numeric NOT NULL);
CREATE TABLE maker (id int PRIMARY KEY, name text);
CREATE TABLE item (id int PRIMARY KEY, maker_id int NOT NULL REFERENCES maker);
INSERT INTO tax VALUES (1);
INSERT INTO maker SELECT n, 'm' FROM generate_series(1, 2) AS n;
INSERT INTO item SELECT n, 1 FROM generate_series(1, 500) AS n;
"""
OF_MAKERS = Feed("""
SELECT i.id, i.maker_id, m.name, (SELECT max(t.rate) FROM tax AS t) AS rate
FROM item AS i JOIN maker AS m ON m.id = i.maker_id
""")


@pytest.mark.parametrize(
    ("large", "deferred", "reason"),
    [
        ("UPDATE maker SET name = 'n' WHERE id = 1", 499, "large delta"),
        ("UPDATE tax SET rate = 2", 500, "route all"),
    ],
)
def test_a_small_change_does_not_wait_with_the_large_one_beside_it(
    large: str, deferred: int, reason: str, database: str, tmp_path: Path
) -> None:
    """They were committed between the same two passes."""
    items = Synced(
        tmp_path,
        database,
        schema=MAKERS,
        feeds={"items": OF_MAKERS},
        daemon="batch_entities = 20\nmax_pass_entities = 20",
    )
    items.sync()
    execute(database, large, "UPDATE item SET maker_id = 2 WHERE id = 7")
    with items.feed_sync() as sync:
        done = sync.run_pass()
        assert done is not None
        assert (done.entities, done.recomputed.upserts) == (1, 1)
        assert (done.deferred, done.reason) == (deferred, reason)
        assert items.value("SELECT document->>'maker_id' FROM cdc.feed_items WHERE id = 7") == "2"
    items.sync()
    items.assert_equal_to_the_query()


def test_many_changed_rows_wait_without_a_look_at_what_they_reach(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affected_entities, "MANY_ROWS", 0)
    daemon = "batch_entities = 20\nmax_pass_entities = 20"
    items = Synced(tmp_path, database, schema=MAKERS, feeds={"items": OF_MAKERS}, daemon=daemon)
    items.sync()
    execute(database, "UPDATE maker SET name = 'n' WHERE id = 1", "UPDATE item SET maker_id = 2 WHERE id = 7")
    with items.feed_sync() as sync:
        done = sync.run_pass()
        assert done is not None
        assert (done.entities, done.deferred) == (0, 500)
    items.sync()
    items.assert_equal_to_the_query()
