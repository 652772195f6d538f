"""What is a change, what a record holds, and what is not sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import FILE_SINK, Feed, execute, fold, key_of, loads
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


def feed_of(query: str, options: str = "") -> dict[str, Feed]:
    return {"items": Feed(query, options=options)}


def test_a_change_and_its_reversal_seen_at_once_send_nothing(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    there, back = (f"UPDATE item SET code = '{code}' WHERE id = 1" for code in ("other", "c1"))
    assert feeds.delivered_by(there, back) == []
    assert feeds.value("SELECT last_pass->>'unchanged' FROM cdc.feed_state") == "1"


def test_an_excluded_field_alone_makes_no_change_and_goes_along_with_another(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(
        tmp_path, database, feeds=feed_of("SELECT id, code, note FROM item", 'hash_exclude = ["note"]')
    )
    feeds.sync()
    assert feeds.delivered_by("UPDATE item SET note = 'seen' WHERE id = 1") == []
    [record] = feeds.delivered_by("UPDATE item SET code = 'x' WHERE id = 1")
    assert record["data"] == {"id": 1, "code": "x", "note": "seen"}


def test_columns_that_begin_with_an_underscore_are_not_in_the_document(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, feeds=feed_of("SELECT id, code, note AS _note FROM item"))
    feeds.sync()
    assert feeds.documents("items")[1,] == {"id": 1, "code": "c1"}
    assert feeds.delivered_by("UPDATE item SET note = 'x'") == []


def test_a_percent_sign_and_a_trailing_comment_are_taken_as_written(database: str, tmp_path: Path) -> None:
    query = "SELECT id, code LIKE 'c%' AS plain, id % 2 AS odd, '100 %s' AS text FROM item -- 50 % of it"
    feeds = Synced(tmp_path, database, feeds=feed_of(query))
    feeds.sync("UPDATE item SET code = 'x' WHERE id = 2")
    feeds.sync("UPDATE item SET code = 'y' WHERE id = 3")
    assert feeds.documents("items")[3,] == {"id": 3, "plain": False, "odd": 1, "text": "100 %s"}
    feeds.assert_equal_to_the_query()


def test_changed_names_exactly_the_fields_that_differ(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    assert feeds.records("items")[0]["changed"] == ["id", "code", "price"]  # all of a new document
    [record] = feeds.delivered_by("UPDATE item SET price = 9, note = 'x' WHERE id = 1")
    assert record["changed"] == ["price"]


def test_changed_is_the_union_over_what_was_not_delivered(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, feeds=feed_of("SELECT id, code, price, note FROM item"))
    feeds.sync()
    with feeds.feed_sync() as sync:
        for change in ("price = 9", "code = 'x'"):
            execute(database, f"UPDATE item SET {change} WHERE id = 1")
            done = sync.run_pass()
            assert done is not None
            assert done.recomputed.upserts == 1
    [record] = feeds.delivered_by()
    assert record["changed"] == ["code", "price"]


def test_five_changes_before_a_send_are_one_record(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    with feeds.feed_sync() as sync:
        for price in range(5):
            execute(database, f"UPDATE item SET price = {price} WHERE id = 1")
            done = sync.run_pass()
            assert done is not None
            assert done.recomputed.upserts == 1
    [record] = feeds.delivered_by()
    assert record["data"]["price"] == 4


def test_a_key_that_was_taken_over_is_delivered_though_who_had_it_yields_nothing_any_more(
    database: str, tmp_path: Path
) -> None:
    """Recomputed together with who had it, nothing differs any more: what was written before still counts."""
    feed = Feed("SELECT id, code, price FROM item", key=("code",), options='entity = ["id"]')
    feeds = Synced(tmp_path, database, feeds={"items": feed}, daemon="batch_entities = 1")
    feeds.sync()
    feeds.sync("UPDATE item SET code = 'c5' WHERE id = 1", "DELETE FROM item WHERE id = 5")
    feeds.assert_equal_to_the_query()


def test_a_document_that_goes_is_a_tombstone_and_may_come_back(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    [gone] = feeds.delivered_by("DELETE FROM item WHERE id = 1")
    assert (gone["op"], gone["data"], gone["hash"], gone["changed"]) == ("delete", None, None, [])
    # The same content as before: it has to be sent all the same.
    [back] = feeds.delivered_by("INSERT INTO item VALUES (1, 'c1', 1.50, '')")
    assert (back["op"], back["changed"]) == ("upsert", ["id", "code", "price"])
    assert back["revision"] > gone["revision"]
    feeds.assert_equal_to_the_query()


def test_a_row_that_comes_and_goes_unseen_is_not_sent(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    assert feeds.delivered_by("INSERT INTO item VALUES (9)", "DELETE FROM item WHERE id = 9") == []


def test_numbers_keep_their_digits(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    [record] = feeds.delivered_by("UPDATE item SET price = 1.500 WHERE id = 1")
    assert record["data"]["price"] == "1.500"  # `loads` keeps the text of numbers
    feeds.delivered_by("UPDATE item SET price = 12345678901234567890.123456789 WHERE id = 1")
    line = feeds.file("items").read_bytes().splitlines()[-1]
    assert b'"price":12345678901234567890.123456789' in line
    # Equal to `=`, another document.
    [record] = feeds.delivered_by(
        "UPDATE item SET price = 2.50 WHERE id = 2", "UPDATE item SET price = 2.5 WHERE id = 2"
    )
    assert record["data"]["price"] == "2.5"


def test_truncating_a_source_makes_tombstones_of_all(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    records = feeds.delivered_by("TRUNCATE item")
    assert sorted((key_of(record), record["op"]) for record in records) == [
        ((n,), "delete") for n in range(1, 6)
    ]
    feeds.assert_equal_to_the_query()


def test_a_sink_that_is_added_later_gets_the_whole_feed_without_recomputation(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    feeds.sync("UPDATE item SET price = 0 WHERE id = 1", "DELETE FROM item WHERE id = 2")
    state = "SELECT array_agg((id, revision, modified_at)::text ORDER BY id)::text FROM cdc.feed_items"
    before = feeds.value(state)
    feeds.configure(sinks=FILE_SINK + FILE_SINK.replace(".file]", ".late]").replace("out/", "late/"))
    feeds.sync()
    records = [loads(line) for line in (tmp_path / "late" / "items.ndjson").read_bytes().splitlines()]
    assert fold(records) == feeds.query("items")
    assert [record["op"] for record in records] == [*["upsert"] * 4, "snapshot_end"]
    assert feeds.value(state) == before
