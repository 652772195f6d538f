"""Names that our own statements use, and links that no entity can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Feed
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


@pytest.mark.parametrize("name", ["q", "d", "k", "key", "a{b}", "a\"'b", "off %", "%s", "%(since)s"])
@pytest.mark.parametrize("more", ["", ", 1 AS _steers"])  # the document is put together in two ways
def test_a_key_may_have_any_name(database: str, tmp_path: Path, name: str, more: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    feed = Feed(f"SELECT {quoted}, price{more} FROM item", key=(name,))
    schema = f"CREATE TABLE item ({quoted} int PRIMARY KEY, price int); INSERT INTO item VALUES (1, 2)"
    feeds = Synced(tmp_path, database, schema=schema, feeds={"items": feed})
    feeds.sync()
    (record,) = feeds.delivered_by("UPDATE item SET price = 3")
    assert record["key"] == {name: 1}
    assert record["data"] == {name: 1, "price": 3}


def test_a_feed_may_have_capitals_in_its_name(database: str, tmp_path: Path) -> None:
    feed = Feed("SELECT id, price FROM item", key=("id",))
    feeds = Synced(tmp_path, database, feeds={"itemPrices": feed})
    feeds.sync()
    (record,) = feeds.delivered_by("UPDATE item SET price = 0 WHERE id = 1", feed="itemPrices")
    assert record["feed"] == "itemPrices"
    restored = "UPDATE cdc.feed_state SET incarnation = 'another cluster/1/1'"
    assert len(feeds.delivered_by(restored, feed="itemPrices")) == 5


REVIEWS = """
CREATE TABLE item (id int PRIMARY KEY);
CREATE TABLE review (id int PRIMARY KEY, item_id bigint, stars int);
INSERT INTO item VALUES (5);
"""

REVIEWED = Feed(
    "SELECT i.id, (SELECT sum(r.stars) FROM review r WHERE r.item_id = i.id) AS stars FROM item i"
)


def test_a_number_that_no_entity_can_be_reaches_none_and_stops_nothing(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=REVIEWS, feeds={"items": REVIEWED})
    feeds.sync()
    feeds.sync("INSERT INTO review VALUES (1, 99999999999, 1), (2, 5, 3)")
    feeds.assert_equal_to_the_query()


def test_a_number_that_no_entity_can_be_stops_no_large_delta(database: str, tmp_path: Path) -> None:
    daemon = "max_pass_entities = 1\nbatch_entities = 1"
    feeds = Synced(tmp_path, database, schema=REVIEWS, feeds={"items": REVIEWED}, daemon=daemon)
    feeds.sync("INSERT INTO item VALUES (6), (7)")
    feeds.sync("INSERT INTO review VALUES (1, 99999999999, 1), (2, 5, 3), (3, 6, 1), (4, 7, 1)")
    feeds.assert_equal_to_the_query()


def test_a_feed_that_is_stored_anew_numbers_on(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync("UPDATE item SET price = 3")
    last = max(record["revision"] for record in feeds.records("items"))
    text = feeds.config.read_text()
    assert 'key = ["id"]' in text
    feeds.config.write_text(text.replace('key = ["id"]', 'key = ["id"]\nentity = ["code"]'))
    feeds.install()
    records = feeds.delivered_by()
    assert len(records) == 5
    assert min(record["revision"] for record in records) > last
