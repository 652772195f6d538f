"""A feed that can't go on stops alone, says why, keeps its cursor, and goes on once it is repaired."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.errors import FeedError
from tests.support.command import Feed, execute
from tests.support.synced import ITEM_FEED, Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

NOTES = Feed("SELECT id, note FROM item")


def test_a_feed_whose_query_breaks_stops_alone_and_loses_nothing(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, feeds={"notes": NOTES, "items": ITEM_FEED})
    feeds.sync()
    before = feeds.cursor("notes")
    with pytest.raises(FeedError, match="note"):
        feeds.sync(
            "UPDATE item SET note = 'before' WHERE id = 1",
            "ALTER TABLE item RENAME COLUMN note TO remark",
            "UPDATE item SET remark = 'meanwhile' WHERE id = 2",
            "UPDATE item SET price = 77 WHERE id = 3",
        )
    assert "note" in str(feeds.reason("notes"))
    assert feeds.cursor("notes") == before
    assert feeds.reason("items") is None
    assert feeds.documents("items") == feeds.query("items")
    feeds.sync("ALTER TABLE item RENAME COLUMN remark TO note")
    assert feeds.reason("notes") is None
    assert feeds.documents("notes")[2,]["note"] == "meanwhile"
    feeds.assert_equal_to_the_query()


def test_a_duplicate_key_stops_the_feed_with_the_rows_in_the_message(database: str, tmp_path: Path) -> None:
    feeds = Synced(
        tmp_path,
        database,
        feeds={"codes": Feed("SELECT id, code FROM item", ("code",), 'entity = ["id"]'), "items": ITEM_FEED},
    )
    feeds.sync()
    before = feeds.cursor("codes")
    with pytest.raises(FeedError, match=r"not unique.*\{\"code\":\"c2\"\} \(2 rows\)"):
        feeds.sync("UPDATE item SET code = 'c2' WHERE id = 1")
    assert '{"code":"c2"} (2 rows)' in str(feeds.reason("codes"))
    assert feeds.cursor("codes") == before
    assert feeds.documents("items") == feeds.query("items")
    feeds.sync("UPDATE item SET code = 'c9' WHERE id = 2")
    feeds.assert_equal_to_the_query()


def test_a_null_key_stops_the_feed_with_the_rows_in_the_message(database: str, tmp_path: Path) -> None:
    feeds = Synced(
        tmp_path, database, feeds={"codes": Feed("SELECT id, code FROM item", ("code",), 'entity = ["id"]')}
    )
    feeds.sync()
    with pytest.raises(FeedError, match=r"\{\"code\":null\} \(1 rows\)"):
        feeds.sync("UPDATE item SET code = NULL WHERE id = 1")
    feeds.sync("UPDATE item SET code = 'back' WHERE id = 1")
    feeds.assert_equal_to_the_query()


def test_a_null_key_that_is_the_entity_stops_the_feed(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, feeds={"codes": Feed("SELECT code, price FROM item", ("code",))})
    feeds.sync()
    before = feeds.cursor("codes")
    with pytest.raises(FeedError, match=r"NULL in some document: \{\"code\":null\}"):
        feeds.sync("UPDATE item SET code = NULL WHERE id = 1")
    assert feeds.cursor("codes") == before
    feeds.sync("UPDATE item SET code = 'back' WHERE id = 1")
    feeds.assert_equal_to_the_query()


def test_a_document_whose_entity_becomes_null_is_not_taken_for_gone(database: str, tmp_path: Path) -> None:
    by_code = Feed("SELECT id, code FROM item", ("id",), 'entity = ["code"]')
    feeds = Synced(tmp_path, database, feeds={"items": by_code})
    feeds.sync()
    delivered = feeds.documents("items")
    with pytest.raises(FeedError, match=r"\{\"id\":1,\"code\":null\}"):
        feeds.sync("UPDATE item SET code = NULL WHERE id = 1")
    assert feeds.documents("items") == delivered
    feeds.sync("UPDATE item SET code = 'back' WHERE id = 1")
    feeds.assert_equal_to_the_query()


@pytest.mark.parametrize("made", ["by the row that was preserved", "by many rows at once"])
def test_an_outer_join_that_yields_no_entity_stops_the_feed(database: str, tmp_path: Path, made: str) -> None:
    joined = Feed(
        "SELECT c.code, c.price FROM item i LEFT JOIN item c ON c.id = i.id + 1 WHERE i.price >= 0", ("code",)
    )
    feeds = Synced(
        tmp_path, database, feeds={"next": joined}, daemon="max_pass_entities = 5\nbatch_entities = 5"
    )
    feeds.sync("DELETE FROM item", "INSERT INTO item VALUES (0, 'c0', -1), (1, 'c1', -1), (10, 'c10', -1)")
    rows = "(10)" if made == "by the row that was preserved" else "(0), (1), (10)"
    with pytest.raises(FeedError, match="NULL in some document"):
        feeds.sync(f"UPDATE item SET price = 1 WHERE id IN (SELECT * FROM (VALUES {rows}) AS v)")
    feeds.sync("UPDATE item SET price = -1 WHERE id <> 0")
    feeds.assert_equal_to_the_query()


def test_rows_that_reach_no_document_stop_nothing(database: str, tmp_path: Path) -> None:
    feeds = Synced(
        tmp_path,
        database,
        feeds={"codes": Feed("SELECT code, price FROM item WHERE code IS NOT NULL", ("code",))},
    )
    feeds.sync()
    feeds.sync("UPDATE item SET code = NULL WHERE id = 1", "UPDATE item SET price = 8 WHERE id IN (1, 2)")
    feeds.assert_equal_to_the_query()


@pytest.mark.parametrize("batch", [1, 1000])
def test_a_key_that_moves_to_another_entity_is_no_duplicate(
    database: str, tmp_path: Path, batch: int
) -> None:
    feeds = Synced(
        tmp_path,
        database,
        feeds={"codes": Feed("SELECT id, code FROM item", ("code",), 'entity = ["id"]')},
        daemon=f"batch_entities = {batch}",
    )
    feeds.sync()
    swapped = "UPDATE item SET code = CASE id WHEN 1 THEN 'c2' ELSE 'c1' END WHERE id IN (1, 2)"
    assert len(feeds.delivered_by(swapped, feed="codes")) == 2
    assert feeds.documents("codes")["c1",]["id"] == 2
    # Round a circle, so that no order of recomputation is free of the clash.
    feeds.sync("UPDATE item SET code = 'c' || (id % 5 + 1)")
    feeds.assert_equal_to_the_query()


def test_a_key_that_moves_in_two_passes_keeps_its_document(database: str, tmp_path: Path) -> None:
    feeds = Synced(
        tmp_path, database, feeds={"codes": Feed("SELECT id, code FROM item", ("code",), 'entity = ["id"]')}
    )
    feeds.sync()
    feeds.sync("DELETE FROM item WHERE id = 1")
    [record] = feeds.delivered_by("UPDATE item SET code = 'c1' WHERE id = 2", feed="codes")[:1]
    assert record["op"] in {"upsert", "delete"}
    execute(database, "INSERT INTO item VALUES (1, 'c2', 0, '')")
    feeds.sync()
    feeds.assert_equal_to_the_query()


def test_a_feed_that_stopped_in_the_backlog_stays_stopped_while_passes_find_nothing(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(
        tmp_path, database, feeds={"codes": Feed("SELECT id, code FROM item", ("code",), 'entity = ["id"]')}
    )
    execute(database, "UPDATE item SET code = 'twice' WHERE id < 3")
    with pytest.raises(FeedError, match="twice"):
        feeds.sync()
    with feeds.feed_sync("codes") as sync:
        assert sync.run_pass() is not None
    assert "twice" in str(feeds.reason("codes"))
    feeds.sync("UPDATE item SET code = 'c' || id")
    assert feeds.reason("codes") is None
    feeds.assert_equal_to_the_query()
