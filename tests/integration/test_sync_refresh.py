"""`_refresh_at`: an entity is recomputed when its time has come, although no row changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc_daemon.errors import FeedError
from cdc_daemon.pg.session import connect as pinned
from tests.support.command import Feed, eventually, execute, key_of
from tests.support.synced import Synced
from tests.support.timed_shop import PRODUCTS, SHOP, let_an_hour_pass, price, rule, shop, times, watching

__all__ = ["shop"]

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

Connect = Callable[..., "psycopg.Connection[tuple[Any, ...]]"]


def test_the_column_is_no_field_and_a_new_time_alone_is_no_change(shop: Synced) -> None:
    assert shop.documents("products")[1,].keys() == {"id", "name", "price"}
    assert shop.delivered_by(rule("id <= 2", 50, "1 hour", "2 hours"), feed="products") == []
    assert times(shop) == 2
    stored = "SELECT max(refresh_at) = (SELECT max({}) FROM price_rule) FROM cdc.feed_products"
    assert shop.value(stored.format("starts_at")) is True
    postponed = "UPDATE price_rule SET starts_at = starts_at + interval '1 second' WHERE product_id = 1"
    assert shop.delivered_by(postponed, feed="products") == []
    assert shop.value(stored.format("starts_at")) is True
    assert shop.delivered_by("DELETE FROM price_rule", feed="products") == []
    assert times(shop) == 0


def test_a_rule_that_started_and_one_that_ended_while_no_daemon_ran_are_delivered(shop: Synced) -> None:
    assert shop.delivered_by(rule("id = 3", 50, "59 minutes", "119 minutes"), feed="products") == []
    let_an_hour_pass(shop)
    [record] = shop.delivered_by(feed="products")
    assert (key_of(record), record["changed"], record["data"]["price"]) == ((3,), ["price"], 50)
    let_an_hour_pass(shop)
    [record] = shop.delivered_by(feed="products")
    assert (key_of(record), record["changed"], record["data"]["price"]) == ((3,), ["price"], 100)
    assert times(shop) == 0
    assert shop.delivered_by(feed="products") == []
    shop.assert_equal_to_the_query()


def test_the_time_when_it_was_due_is_the_record_s_and_the_pass_says_that_it_was(shop: Synced) -> None:
    shop.sync(rule("id <= 2", 50, "59 minutes"))
    let_an_hour_pass(shop)
    starts = shop.value("SELECT min(starts_at)::text FROM price_rule")
    with shop.feed_sync("products") as sync:
        done = sync.run_pass()
    assert done is not None
    assert (done.delta.entries, done.fields()["due"], done.entities, done.recomputed.upserts) == (0, 2, 2, 2)
    assert done.lag_seconds > 0
    captured = "SELECT min(captured_at)::text FROM cdc.feed_products WHERE (document->>'price')::numeric = 50"
    assert shop.value(captured) == starts
    assert shop.value("SELECT last_pass->>'due' FROM cdc.feed_state") == "2"


def test_a_time_that_has_passed_or_is_now_is_not_kept(database: str, tmp_path: Path) -> None:
    for number, moment in enumerate(("now()", "now() - interval '1 day'", "'-infinity'::timestamptz")):
        folder = tmp_path / str(number)
        folder.mkdir()
        query = f"SELECT id, name, {moment} AS _refresh_at FROM product"
        schema = SHOP if not number else "SELECT"
        shop = Synced(folder, database, schema=schema, feeds={"products": Feed(query)})
        shop.sync()
        assert times(shop) == 0
        with shop.feed_sync("products") as sync:
            done = sync.run_pass()
        assert done is not None
        assert done.entities == 0


def test_a_time_that_never_comes_harms_nobody(database: str, tmp_path: Path) -> None:
    query = "SELECT id, 'infinity'::timestamptz AS _refresh_at FROM product"
    shop = Synced(tmp_path, database, schema=SHOP, feeds={"products": Feed(query)})
    shop.sync()
    shop.sync("DELETE FROM product WHERE id = 1")
    assert times(shop) == 5
    with watching(shop, idle_poll_seconds=0.05) as wake_ups:
        assert not wake_ups.await_feed("products", 0.2)


def test_entities_that_ask_again_and_again_keep_no_run_from_its_end(database: str, tmp_path: Path) -> None:
    query = "SELECT id, now() + interval '1 ms' AS _refresh_at FROM product"
    shop = Synced(tmp_path, database, schema=SHOP, feeds={"products": Feed(query)})
    for _ in range(3):
        shop.sync()
    assert times(shop) == 6


def test_what_is_due_and_changed_too_is_recomputed_once(shop: Synced) -> None:
    shop.sync(rule("id <= 3", 50, "59 minutes"))
    let_an_hour_pass(shop)
    execute(shop.dsn, "UPDATE product SET name = 'other' WHERE id IN (3, 4)")
    with shop.feed_sync("products") as sync:
        done = sync.run_pass()
    assert done is not None
    assert (done.delta.entries, len(done.due.entities), done.entities, done.recomputed.upserts) == (
        1,
        3,
        4,
        4,
    )
    shop.sync()
    shop.assert_equal_to_the_query()


def test_what_is_due_goes_on_while_a_change_is_too_large_for_a_pass(shop: Synced) -> None:
    shop.sync(rule("id <= 3", 50, "59 minutes"))
    let_an_hour_pass(shop)
    execute(
        shop.dsn, "TRUNCATE product; INSERT INTO product SELECT n, 'new', 70 FROM generate_series(2, 9) AS n"
    )
    with shop.feed_sync("products") as sync:
        done = sync.run_pass()
    assert done is not None
    assert (done.deferred, len(done.due.entities), done.recomputed.deletes) == (9, 3, 1)
    shop.sync()
    shop.assert_equal_to_the_query()


def test_more_than_a_pass_takes_is_done_by_those_that_follow(database: str, tmp_path: Path) -> None:
    shop = Synced(
        tmp_path,
        database,
        schema=SHOP,
        feeds={"products": Feed(PRODUCTS)},
        daemon="batch_entities = 2",
    )
    shop.sync(rule("id <= 5", 50, "59 minutes"))
    let_an_hour_pass(shop)
    with shop.feed_sync("products") as sync:
        done = sync.run_pass()
        assert done is not None
        assert (len(done.due.entities), done.due.more) == (2, True)
    assert len(shop.delivered_by(feed="products")) == 5
    shop.assert_equal_to_the_query()


def test_an_entity_of_several_documents_is_recomputed_once_for_all_that_are_due(
    database: str, tmp_path: Path
) -> None:
    query = (
        "SELECT p.id, v.n, r.price, r.starts_at <= now() AS started,"
        " CASE WHEN v.n < 3 AND r.starts_at > now() THEN r.starts_at END AS _refresh_at"
        " FROM product AS p JOIN price_rule AS r ON r.product_id = p.id"
        " CROSS JOIN (VALUES (1), (2), (3)) AS v (n)"
    )
    feed = Feed(query, key=("id", "n"), options='entity = ["id"]')
    shop = Synced(tmp_path, database, schema=SHOP, feeds={"products": feed})
    shop.sync(rule("id <= 2", 50, "59 minutes"))
    let_an_hour_pass(shop)
    assert times(shop) == 4
    with shop.feed_sync("products") as sync:
        done = sync.run_pass()
    assert done is not None
    assert (len(done.due.entities), done.recomputed.documents) == (2, 6)
    assert times(shop) == 0
    shop.sync()
    shop.assert_equal_to_the_query()


def test_a_document_that_goes_takes_its_time_along(shop: Synced) -> None:
    shop.sync(rule("id <= 2", 50, "1 hour"))
    shop.sync("DELETE FROM product WHERE id = 1")
    assert times(shop) == 1
    shop.sync("INSERT INTO product VALUES (1, 'again', 9)")
    assert times(shop) == 2


def test_a_resync_finds_the_times_again(shop: Synced) -> None:
    shop.sync(rule("id <= 4", 50, "1 hour"), "UPDATE cdc.feed_products SET refresh_at = NULL")
    shop.call("resync", "products", "--wait")
    assert times(shop) == 4


def test_of_two_daemons_one_takes_what_is_due(shop: Synced) -> None:
    shop.sync(rule("id = 1", 50, "59 minutes"))
    let_an_hour_pass(shop)
    with shop.feed_sync("products") as one, shop.feed_sync("products") as two:
        with pinned(shop.dsn) as at_work, at_work.transaction():
            at_work.execute("SELECT FROM cdc.feed_state FOR UPDATE")
            assert one.run_pass() is None
        passes = [one.run_pass(), two.run_pass()]
    assert [len(done.due.entities) for done in passes if done] == [1, 0]
    shop.sync()
    assert price(shop, 1) == 50


@pytest.mark.parametrize("type_", ["date", "timestamp"])
def test_a_moment_that_is_another_one_in_each_time_zone_is_refused(
    type_: str, database: str, tmp_path: Path
) -> None:
    query = f"SELECT id, '2030-01-01'::{type_} AS _refresh_at FROM product"
    with pytest.raises(FeedError, match=f"_refresh_at is a {type_}") as refused:
        Synced(tmp_path, database, schema=SHOP, feeds={"products": Feed(query)})
    assert "AT TIME ZONE 'Europe/Berlin' AS _refresh_at" in str(refused.value.hint)


def test_a_query_may_gain_times_and_lose_them_and_nothing_is_sent_for_it(
    database: str, tmp_path: Path
) -> None:
    plain = Feed("SELECT id, name FROM product")
    shop = Synced(tmp_path, database, schema=SHOP, feeds={"products": plain})
    shop.sync()
    timed = Feed("SELECT id, name, '2999-01-01'::timestamptz AS _refresh_at FROM product")
    for feed, kept in ((timed, 6), (plain, 0), (timed, 6)):
        shop.feeds["products"] = feed
        shop.configure()
        shop.install()
        assert shop.delivered_by(feed="products") == []
        assert times(shop) == kept
        assert "drift: none" in shop.call("status")
    assert [
        record["data"]
        for record in shop.delivered_by("UPDATE product SET name = 'x' WHERE id = 1", feed="products")
    ] == [{"id": 1, "name": "x"}]


def test_the_example_of_the_docs_keeps_prices_by_each_website_s_own_midnight(
    database: str, tmp_path: Path
) -> None:
    schema = """
        CREATE TABLE website (id int PRIMARY KEY, code text, time_zone text);
        CREATE TABLE product (id int PRIMARY KEY, price numeric);
        CREATE TABLE price_rule (
            id int PRIMARY KEY, product_id int, website_id int, price numeric, starts_on date, ends_on date
        );
        INSERT INTO website VALUES (1, 'west', 'Pacific/Pago_Pago'), (2, 'east', 'Pacific/Kiritimati');
        INSERT INTO product VALUES (1, 100), (2, 100);
    """
    page = (Path(__file__).parents[2] / "docs" / "concepts.md").read_text("utf-8")
    [query] = re.findall(r"```sql\n(SELECT.*?)```", page, re.DOTALL)
    feed = Feed(query, key=("id", "website"))
    shop = Synced(tmp_path, database, schema=schema, feeds={"products": feed})
    shop.sync()
    # 25 hours lie between their midnights: a day that has begun in the east is one to come in the west.
    shop.sync(
        "INSERT INTO price_rule SELECT w.id, 1, w.id, 50, d.day, d.day FROM website AS w, LATERAL"
        " (SELECT (now() AT TIME ZONE 'Pacific/Kiritimati')::date AS day) AS d"
    )
    assert {key: document["price"] for key, document in shop.documents("products").items()} == {
        (1, "west"): 100,
        (1, "east"): 50,
        (2, "west"): 100,
        (2, "east"): 100,
    }
    wanted = (
        "SELECT jsonb_object_agg(code, (starts_on + CASE code WHEN 'west' THEN 0 ELSE 1 END)::timestamp"
        " AT TIME ZONE time_zone)"
        " FROM price_rule AS r JOIN website AS w ON w.id = r.website_id"
    )
    stored = (
        "SELECT jsonb_object_agg(website, refresh_at) FROM cdc.feed_products WHERE refresh_at IS NOT NULL"
    )
    assert shop.value(stored) == shop.value(wanted)
    shop.assert_equal_to_the_query()


def test_who_is_due_is_found_by_index(database: str, tmp_path: Path, connect: Connect) -> None:
    query = "SELECT id, name, CASE WHEN id = 7 THEN '2999-01-01'::timestamptz END AS _refresh_at FROM product"
    shop = Synced(tmp_path, database, schema=SHOP, feeds={"products": Feed(query)})
    shop.sync("INSERT INTO product SELECT n, 'p' FROM generate_series(7, 20000) AS n")
    session = connect()
    session.execute("ANALYZE cdc.feed_products")
    with shop.feed_sync("products") as sync:
        plan = session.execute(b"EXPLAIN " + sync._unread.due_query).fetchall()
    assert any("feed_products_refresh_at" in line for (line,) in plan), plan


def test_a_document_that_keeps_its_time_is_updated_in_place(database: str, tmp_path: Path) -> None:
    query = "SELECT id, name, '2999-01-01'::timestamptz AS _refresh_at FROM product"
    shop = Synced(tmp_path, database, schema=SHOP, feeds={"products": Feed(query)})
    shop.sync()
    for number in range(3):
        shop.sync(f"UPDATE product SET name = 'x{number}' WHERE id = 1")
    updates = (
        "SELECT (n_tup_upd, n_tup_hot_upd)::text FROM pg_stat_user_tables WHERE relname = 'feed_products'"
    )
    eventually("updates were counted", lambda: shop.value(updates) == "(3,3)")
