"""Keys as long as an index of PostgreSQL just holds, and longer ones, stop neither a feed nor a delivery.

An entry of a B-tree ends at some 2,700 bytes. The stored feed is indexed by the key's columns; what is kept
for a delivery knows the same key as JSON, which is longer.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc_daemon import log
from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.workers import chosen_items, control, failed_items
from tests.conftest import Connect
from tests.support.command import Feed
from tests.support.delivering import Delivering, close_pools, installed
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server

# Digits of digests hold no repetitions that the server could compress.
PRODUCTS = """
CREATE FUNCTION digits(size int, seed text) RETURNS text LANGUAGE sql AS $$
    SELECT left(string_agg(md5(seed || n), '' ORDER BY n), size) FROM generate_series(0, size / 32) AS n
$$;
CREATE TABLE product (id int PRIMARY KEY, sku text NOT NULL, shop text NOT NULL, owner text, name text);
INSERT INTO product SELECT n, 'sku' || n, 'main', 'o' || n, 'a' FROM generate_series(1, 5) AS n
"""
QUERY = "SELECT id, sku, shop, name FROM product"
KEYS = {
    "one column": (("sku",), "sku = digits(2680, '')"),
    "two columns": (("sku", "shop"), "sku = digits(1340, ''), shop = digits(1340, 's')"),
}


@pytest.fixture(params=KEYS)
def delivering(
    connect: Connect,
    database: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Delivering]:
    """A feed with a key of 2,680 bytes: product 3."""
    monkeypatch.setattr(failed_items, "BASE_SECONDS", failed_items.LONGEST_SECONDS)
    session = connect()
    session.execute(PRODUCTS)
    key, long = KEYS[request.param]
    session.execute(f"UPDATE product SET {long} WHERE id = 3".encode())
    yield installed(database, tmp_path, QUERY, key)
    close_pools()


def sku(delivering: Delivering) -> str:
    return str(delivering.rows("SELECT sku FROM product WHERE id = 3")[0][0])


def test_a_refused_record_with_a_long_key_stands_aside(delivering: Delivering) -> None:
    long = sku(delivering)
    delivering.sink.refused = {long}
    delivering.catch_up()
    assert len(delivering.sink.taken) == 4
    for attempt in (1, 2):
        assert delivering.failed() == [(long, attempt, False)]
        delivering.make_due()
        delivering.deliver()
    assert delivering.failed() == [(long, 3, True)]
    delivering.sink.refused = set()
    with delivering.session() as session:
        assert (
            chosen_items.retry_items(session, chosen_items.ItemChoice(["products"], where={"sku": long})) == 1
        )
    delivering.deliver()
    assert delivering.failed() == []
    assert len(delivering.sink.taken) == 5


def test_what_a_target_has_under_a_long_key_is_known(delivering: Delivering) -> None:
    delivering.sink.wants_previous = True
    delivering.catch_up()
    delivering.catch_up("UPDATE product SET name = 'b' WHERE id = 3")
    assert [b'"name":"a"' in one for one in delivering.sink.taken[-1].previous] == [True]

    def cut() -> None:
        raise SinkUnavailable("cut off")

    delivering.sink.during = cut
    with pytest.raises(SinkUnavailable):
        delivering.catch_up("UPDATE product SET name = 'c' WHERE id = 3")
    delivering.sink.during = lambda: None
    definition = delivering.registry.definition("products")
    assert definition is not None
    for _ in range(2):
        with delivering.session() as session:
            assert control.replay_some(session, "target", Changes(definition), {"sku": sku(delivering)}) == 1
    assert delivering.rows("SELECT count(*) FROM cdc.delivered_document") == [(4,)]
    delivering.catch_up("DELETE FROM product WHERE id = 3")
    assert delivering.rows("SELECT count(*) FROM cdc.delivered_document") == [(4,)]
    assert delivering.failed() == []


LONGER = {
    "a key": (Feed(QUERY, ("sku",)), "sku = digits(3000, '')"),
    "a key of two columns": (
        Feed(QUERY, ("sku", "shop")),
        "sku = digits(1500, ''), shop = digits(1500, 's')",
    ),
    "an entity beside a key": (Feed(QUERY, ("id",), 'entity = ["sku"]'), "sku = digits(3000, '')"),
}


@pytest.mark.parametrize("longer", LONGER)
def test_what_is_longer_than_an_index_entry_is_set_aside_alone(
    connect: Connect, database: str, tmp_path: Path, longer: str
) -> None:
    feed, long = LONGER[longer]
    feeds = Synced(tmp_path, database, schema=PRODUCTS, feeds={"products": feed})
    feeds.sync()
    feeds.sync(f"UPDATE product SET {long} WHERE id = 3", "UPDATE product SET name = 'b' WHERE id = 4")
    assert feeds.value("SELECT status FROM cdc.failed_entity") == "54000"
    assert feeds.value("SELECT document ->> 'name' FROM cdc.feed_products WHERE sku = 'sku4'") == "b"
    feeds.sync("UPDATE product SET sku = 'short', shop = 'main' WHERE id = 3")
    feeds.assert_equal_to_the_query()


def test_an_item_is_known_by_its_key_as_it_is_spelled(
    connect: Connect, database: str, tmp_path: Path
) -> None:
    connect().execute("""CREATE TABLE product (id int PRIMARY KEY, sku numeric[] NOT NULL, name text);
        INSERT INTO product SELECT n, ARRAY[n, 1.050, 100], '"1.50"\\' FROM generate_series(1, 3) AS n""")
    delivering = installed(database, tmp_path, "SELECT id, sku, name FROM product")
    delivering.sink.refused = {"sku"}
    delivering.catch_up()
    before = delivering.rows("SELECT id FROM cdc.failed_item ORDER BY id")
    assert len(set(before)) == 3
    delivering.catch_up("UPDATE product SET sku = ARRAY[id, 1.05, 100.00]")
    after = delivering.rows("SELECT id FROM cdc.failed_item ORDER BY id")
    assert len(after) == 6  # deletes of the old spellings are refused beside the documents under the new ones
    assert set(before) < set(after)
    delivering.sink.refused = set()
    delivering.catch_up("UPDATE product SET sku = ARRAY[id + 0.0, 1.0500, 100]")
    delivering.make_due()
    delivering.deliver()
    assert delivering.failed() == []
    close_pools()


def test_a_refused_key_that_nests_deeper_than_the_log_stands_aside(
    connect: Connect, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failed_items, "BASE_SECONDS", failed_items.LONGEST_SECONDS)
    connect().execute("""CREATE TABLE product (id int PRIMARY KEY, sku jsonb NOT NULL);
        INSERT INTO product VALUES (1, '"sku1"'),
            (2, (repeat('[', 300) || '"sku2"' || repeat(']', 300))::jsonb)""")
    delivering = installed(database, tmp_path, "SELECT id, sku FROM product")
    delivering.sink.refused = {"sku2"}
    written = io.StringIO()
    log.configure("info", "json", written)
    delivering.catch_up()
    assert len(delivering.sink.taken) == 1
    assert delivering.failed("attempts") == [(1,)]
    assert '"record_refused"' in written.getvalue()
    close_pools()
