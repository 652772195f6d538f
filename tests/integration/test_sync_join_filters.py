"""Changed rows whose reference does not count recompute nothing, unless that changed, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Feed
from tests.support.products import products
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

SCHEMA = f"""
{products(9)};
CREATE TABLE attribute (id int PRIMARY KEY, code text NOT NULL);
CREATE TABLE value (product_id int, attribute_id int, content text, PRIMARY KEY (product_id, attribute_id));
CREATE INDEX ON value (attribute_id);
INSERT INTO attribute VALUES (1, 'name'), (2, 'price'), (3, '100 %');
INSERT INTO value SELECT p.id, a.id, 'old' FROM product AS p, attribute AS a;
"""
QUERY = """
SELECT p.id, p.sku, n.content AS name
FROM product AS p
LEFT JOIN (value AS n JOIN attribute AS a ON a.id = n.attribute_id AND a.code IN ('name', '100 %'))
    ON n.product_id = p.id AND n.attribute_id <> 3
"""
RECOMPUTED = "SELECT (last_pass->>'entities')::int FROM cdc.feed_state"


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Synced:
    feeds = Synced(tmp_path, database, schema=SCHEMA, feeds={"items": Feed(QUERY)})
    feeds.sync()
    return feeds


def test_a_value_of_an_attribute_that_no_feed_reads_recomputes_nothing(feeds: Synced) -> None:
    assert feeds.delivered_by("UPDATE value SET content = 'new' WHERE attribute_id = 2") == []
    assert feeds.value(RECOMPUTED) == 0
    assert len(feeds.delivered_by("UPDATE value SET content = 'new' WHERE attribute_id = 1")) == 9
    feeds.assert_equal_to_the_query()


def test_a_row_that_comes_to_count_or_ceases_to_is_followed(feeds: Synced) -> None:
    [gone] = feeds.delivered_by(
        "DELETE FROM value WHERE product_id = 4 AND attribute_id = 2",
        "UPDATE value SET attribute_id = 2 WHERE product_id = 4 AND attribute_id = 1",
    )
    assert gone["data"]["name"] is None
    [back] = feeds.delivered_by("UPDATE value SET attribute_id = 1 WHERE product_id = 4 AND attribute_id = 2")
    assert back["data"]["name"] == "old"


def test_what_changes_together_with_its_attribute_is_followed_whole(feeds: Synced) -> None:
    # The attribute's own way to the products leads over values that are there no more.
    gone = feeds.delivered_by(
        "BEGIN; DELETE FROM value WHERE product_id = 1 AND attribute_id = 1;"
        "UPDATE attribute SET code = 'was' WHERE id = 1; COMMIT"
    )
    assert {record["key"]["id"] for record in gone} == set(range(1, 10))
    feeds.assert_equal_to_the_query()
    back = feeds.delivered_by(
        "UPDATE value SET content = 'new' WHERE product_id = 2 AND attribute_id = 1",
        "UPDATE attribute SET code = 'name' WHERE id = 1",
    )
    assert {record["key"]["id"] for record in back} == set(range(2, 10))
    feeds.assert_equal_to_the_query()


def test_plan_tells_which_rows_count_and_as_long_as_what(feeds: Synced) -> None:
    told = feeds.call("plan", "items")
    assert "rows that count while public.attribute does not change" in told
