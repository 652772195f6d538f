"""A row that keeps the query from listing its entities, or a route from being followed, stops no feed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.pg.session import connect
from cdc_daemon.workers import control
from tests.support.command import Feed, execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

ITEMS = """
CREATE TABLE item (id int PRIMARY KEY, value text, other int NOT NULL DEFAULT 0);
INSERT INTO item SELECT n, n::text FROM generate_series(1, 60) AS n;
"""
FILTERED = {"items": Feed("SELECT id, value, other FROM item WHERE value::numeric > 0")}

ORDERS = """
CREATE TABLE customer (id int PRIMARY KEY, name text);
CREATE TABLE ordered (id int PRIMARY KEY, ref text);
INSERT INTO customer SELECT n, 'a' FROM generate_series(1, 5) AS n;
INSERT INTO ordered SELECT n, (n % 5 + 1)::text FROM generate_series(1, 60) AS n;
"""
JOINED = {"items": Feed("SELECT o.id, c.name FROM ordered AS o JOIN customer AS c ON c.id = o.ref::int")}


def failed(feeds: Synced) -> set[str | None]:
    """Entities that are set aside; None for ones that are not known."""
    with connect(feeds.dsn) as connection:
        found = control.failed_entities(connection, list(feeds.feeds))
    return {None if each.entity is None else ",".join(each.entity) for each in found}


def others_of(feeds: Synced) -> dict[int, int]:
    return {key[0]: document["other"] for key, document in feeds.documents("items").items()}


@pytest.mark.parametrize("bad", ["id = 7", "id IN (1, 30, 31, 60)"])
def test_a_first_sync_finds_entities_that_the_query_cannot_list(
    database: str, tmp_path: Path, bad: str
) -> None:
    schema = f"{ITEMS}UPDATE item SET value = 'x' WHERE {bad};"
    feeds = Synced(tmp_path, database, schema=schema, feeds=FILTERED)
    feeds.sync()
    wrong = {str(n) for n in ([7] if bad == "id = 7" else [1, 30, 31, 60])}
    assert failed(feeds) == {*wrong, None}
    assert {str(key[0]) for key in feeds.documents("items")} == {str(n) for n in range(1, 61)} - wrong
    feeds.sync("UPDATE item SET other = 1 WHERE id = 8")
    assert others_of(feeds)[8] == 1
    feeds.sync("UPDATE item SET value = '5' WHERE value = 'x'")
    feeds.sync()  # what was not known is looked for after the first recovery
    assert failed(feeds) == set()
    feeds.assert_equal_to_the_query()


def test_a_resync_goes_on_where_the_query_lists_nothing(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds=FILTERED)
    feeds.sync()
    feeds.sync("UPDATE item SET value = 'x' WHERE id = 7", "UPDATE item SET other = 1 WHERE id = 8")
    assert failed(feeds) == {"7"}
    before = len(feeds.records("items"))
    feeds.call("resync", "items", "--force", "--wait")
    feeds.sync()
    assert failed(feeds) == {"7", None}
    assert len(feeds.records("items")) == before + 59
    feeds.call("resync", "items", "--by-key", "other=0", "--force", "--wait", code=2)  # no key column
    feeds.call("resync", "items", "--by-key", "id=9", "--force", "--wait")
    feeds.sync("UPDATE item SET value = '-1' WHERE id = 7")
    feeds.sync()
    assert failed(feeds) == set()
    feeds.assert_equal_to_the_query()


def test_a_route_that_fails_reaches_every_document(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=ORDERS, feeds=JOINED)
    feeds.sync()
    feeds.sync("INSERT INTO ordered VALUES (100, 'nobody')", "UPDATE ordered SET ref = '3' WHERE id = 1")
    assert failed(feeds) == {"100"}
    feeds.sync("UPDATE customer SET name = 'b' WHERE id IN (2, 3)")
    assert None in failed(feeds)
    names = {key[0]: document["name"] for key, document in feeds.documents("items").items()}
    execute(database, "DELETE FROM ordered WHERE id = 100")
    assert names == {key[0]: document["name"] for key, document in feeds.query("items").items()}
    feeds.sync()
    feeds.sync()
    assert failed(feeds) == set()
    feeds.assert_equal_to_the_query()


def test_a_document_that_appears_while_a_route_fails_is_found_later(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=ORDERS, feeds=JOINED)
    feeds.sync("UPDATE ordered SET ref = '9' WHERE id = 5")
    feeds.sync("INSERT INTO ordered VALUES (100, 'nobody')")
    feeds.sync("INSERT INTO customer VALUES (9, 'new')")
    feeds.sync("UPDATE ordered SET ref = '1' WHERE id = 100")
    feeds.sync()
    assert failed(feeds) == set()
    feeds.assert_equal_to_the_query()
