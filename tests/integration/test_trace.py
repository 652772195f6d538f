"""`trace` on a running daemon: each test makes a situation, asks, and compares the answer."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from tests.support import servers
from tests.support.command import Command, eventually, execute
from tests.support.synced import ITEM_FEED, ITEMS
from tests.support.traced_shop import TracedShop, receiving

pytestmark = pytest.mark.any_server


@pytest.fixture(scope="module")
def shop(server: servers.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TracedShop]:
    with server.fresh_database() as dsn, receiving() as target:
        found = TracedShop(tmp_path_factory.mktemp("shop"), dsn, target)
        try:
            waiting = found.ask("products", "sku-60")
            assert (waiting["verdict"], waiting["sentence"]) == ("no-daemon", "Waiting: no daemon runs")
            found.started.append(found.start())
            found.ask_until("delivered", "products", "sku-60", seconds=90)
            found.ask_until("stored", "heavy", "600")
            yield found
        finally:
            found.close()


@pytest.fixture(autouse=True)
def _open_receiver(shop: TracedShop) -> Iterator[None]:
    yield
    shop.refused.clear()
    if shop.hold is not None:
        shop.hold.set()
        shop.hold = None


@pytest.mark.question("Did the sinks get the change of a document, and how long did it take?")
def test_a_delivered_document_is_delivered_to_every_sink(shop: TracedShop) -> None:
    execute(shop.dsn, "UPDATE price SET amount = 7.00 WHERE product_id = 1")
    eventually("it is stored", lambda: shop.ask("products", "sku-1")["stored"]["document"]["price"] == 7)
    found = shop.ask_until("delivered", "products", "sku-1")
    assert re.fullmatch(
        r"Delivered to file, web at [\d:.]+ UTC, [\d.]+ m?s after transaction \d+"
        r" updated public\.price \(1 row\)",
        found["sentence"],
    )
    assert found["hint"] is None
    assert [sink["has"] for sink in found["sinks"]] == [True, True]
    assert found["differences"] == []


@pytest.mark.question("Why did a changed row send nothing?")
def test_a_document_that_a_change_left_as_it_was_is_unchanged(shop: TracedShop) -> None:
    execute(shop.dsn, "UPDATE product SET stock = 5 WHERE id = 40")
    eventually(
        "it is stored", lambda: shop.ask("products", "sku-40")["stored"]["document"]["in_stock"] is True
    )
    execute(shop.dsn, "UPDATE product SET stock = 6 WHERE id = 40")
    found = shop.ask_until("unchanged", "products", "sku-40")
    assert re.match(
        r"Unchanged: recomputed at [\d:.]+ UTC because public\.product changed, the document is the same;",
        found["sentence"],
    )
    unchanged, revision, *_ = found["history"]["events"]
    assert (unchanged["revision"], unchanged["unchanged"]["causes"][0]["rows"]) == (None, 1)
    assert revision["revision"]["changed_fields"] == ["in_stock"]


@pytest.mark.question("What changed in a document, when, and by which transaction?")
@pytest.mark.question("Did a sink get each revision?")
def test_the_history_tells_revisions_causes_and_deliveries(shop: TracedShop) -> None:
    shop.line("pause", "--sink", "web")
    for amount in (3, 4):
        execute(shop.dsn, f"UPDATE price SET amount = {amount} WHERE product_id = 41")
        eventually(
            "it is stored",
            lambda amount=amount: shop.ask("products", "sku-41")["stored"]["document"]["price"] == amount,
        )
    shop.line("resume", "--sink", "web")
    events = shop.ask_until("delivered", "products", "sku-41")["history"]["events"]
    newest, older, first = events
    assert [each["revision"]["changed_fields"] for each in events] == [["price"], ["price"], None]
    assert {each["sink"] for each in newest["deliveries"]} == {"file", "web"}
    assert ({each["sink"] for each in older["deliveries"]}, older["superseded"]) == ({"file"}, ["web"])
    assert [each["table"] for each in newest["revision"]["causes"]] == ["public.price"]
    assert first["revision"]["requests"][0]["reason"] == "first sync"
    said = shop.say("products", "sku-41")
    assert re.search(
        r"revision \d+: changed price, after transaction \d+ updated public\.price \(1 row\)", said
    )
    assert "web got a newer revision instead" in said
    assert re.search(
        r"revision \d+: new, after the backlog \(first sync\); (file|web) got it by a scan", said
    )


@pytest.mark.question("Has the daemon read a change that is committed?")
@pytest.mark.question("What will change in the document?")
def test_a_change_that_is_not_read_yet_waits_by_its_route(shop: TracedShop) -> None:
    with shop.without_passes("products"):
        execute(shop.dsn, "UPDATE price SET amount = 8.00 WHERE product_id IN (2, 3)")
        found = shop.ask("products", "sku-2")
        assert found["verdict"] == "unread"
        assert "has not read 1 changed row of public.price by the route join" in found["sentence"]
        (waiting,) = found["waiting"]
        assert (waiting["table"], waiting["alias"], waiting["route"], waiting["rows"]) == (
            "public.price",
            "pr",
            "join",
            1,
        )
        (difference,) = found["differences"]
        assert (difference["name"], difference["stored"], difference["now"]) == ("price", 2.5, 8.0)
        # A change that reaches other documents says nothing of this one.
        assert shop.ask("products", "sku-4")["waiting"] == []
    shop.ask_until("delivered", "products", "sku-2")


@pytest.mark.question("When is a document's turn in the backlog?")
def test_a_large_change_waits_in_the_backlog_at_its_place(shop: TracedShop) -> None:
    execute(shop.dsn, "UPDATE heavy SET n = 1 WHERE id > 200")
    found = shop.ask_until("in-backlog", "heavy", "600")
    place = found["backlog"]
    assert 0 < place["ahead"] < 600
    assert place["reason"] == "large delta"
    assert f"behind {place['ahead']:,} entities (large delta)" in found["sentence"]
    first = shop.ask("heavy", "1")
    assert first["backlog"] is None or first["backlog"]["ahead"] < place["ahead"]

    def has_pace() -> bool:
        found = shop.ask("heavy", "600")["backlog"]
        return found is None or found["seconds"] is not None

    eventually("the pace is known", has_pace)


@pytest.mark.question("When is a document computed although no row changes?")
def test_a_document_that_is_due_in_an_hour_says_so(shop: TracedShop) -> None:
    found = shop.ask("sales", "2")
    assert found["verdict"] == "stored"
    assert "due at" in shop.say("sales", "2")
    execute(shop.dsn, "UPDATE sale SET starts_at = starts_at - interval '2 hours' WHERE id = 2")
    eventually("it is active", lambda: shop.ask("sales", "2")["stored"]["document"]["active"] is True)
    assert shop.ask("sales", "2")["stored"]["refresh_at"] is None


@pytest.mark.question("Why does a document stay as it was?")
def test_an_entity_for_which_the_query_fails_is_set_aside(shop: TracedShop) -> None:
    execute(shop.dsn, "UPDATE product SET divisor = 0 WHERE id = 5")
    found = shop.ask_until("set-aside", "ratios", "5")
    assert "22012: division by zero" in found["sentence"]
    assert found["set_aside"]["attempts"] == 1
    execute(shop.dsn, "UPDATE product SET divisor = 1 WHERE id = 5")
    shop.ask_until("unchanged", "ratios", "5")


@pytest.mark.question("Why does a feed stand still?")
def test_a_stopped_feed_names_its_reason(shop: TracedShop) -> None:
    execute(shop.dsn, "INSERT INTO code VALUES (4, 'code 3')")
    with shop.without_passes("codes"):
        pass
    eventually("it stops", lambda: bool(shop.ask("codes", "code 1")["state"]["stopped"]))
    execute(shop.dsn, "UPDATE code SET code = 'code 1b' WHERE id = 1")
    found = shop.ask_until("feed-stopped", "codes", "code 1b")
    assert "key (code) is NULL or not unique" in found["sentence"]
    execute(shop.dsn, "DELETE FROM code WHERE id = 4")
    shop.ask_until("delivered", "codes", "code 1b")


@pytest.mark.question("Who paused a delivery, when and why?")
def test_a_paused_sink_names_the_time_the_role_and_the_reason(shop: TracedShop) -> None:
    shop.line("pause", "--sink", "web", "--reason", "moving")
    execute(shop.dsn, "UPDATE price SET amount = 9.00 WHERE product_id = 6")
    found = shop.ask_until("paused", "products", "sku-6")
    assert found["sentence"].startswith("Waiting: sink web is paused since ")
    assert " by role postgres" in found["sentence"]
    assert found["sentence"].endswith(": moving")
    assert found["hint"] == "`cdc-daemon resume --sink web`"
    assert {sink["name"]: sink["has"] for sink in found["sinks"]} == {"file": True, "web": False}
    shop.line("resume", "--sink", "web")
    shop.ask_until("delivered", "products", "sku-6")


@pytest.mark.question("What does the receiver say against a document, and when is it sent again?")
def test_a_refused_document_has_the_receivers_words_and_the_next_attempt(shop: TracedShop) -> None:
    shop.refused.add("sku-7")
    execute(shop.dsn, "UPDATE price SET amount = -1.00 WHERE product_id = 7")
    found = shop.ask_until("refused", "products", "sku-7")
    assert "price must be positive; next attempt at " in found["sentence"]
    (item,) = [sink["item"] for sink in found["sinks"] if sink["item"]]
    assert item["status"] == "422"
    shop.refused.clear()
    shop.ask_until("delivered", "products", "sku-7")


@pytest.mark.question("Why is a document not sent any more?")
@pytest.mark.question("Which documents did receivers refuse?")
def test_a_parked_document_waits_for_a_person(shop: TracedShop) -> None:
    shop.refused.add("sku-8")
    execute(shop.dsn, "UPDATE product SET stock = 4 WHERE id = 8")
    found = shop.ask_until("parked", "strict", "sku-8")
    assert "refused revision" in found["sentence"]
    newest = found["history"]["events"][0]["deliveries"]
    assert [each["kind"] for each in newest if each["sink"] == "strict"] == ["refused"], "no page took it"
    assert "`cdc-daemon retry strict --sink strict --key sku=sku-8`" in found["hint"]
    assert "Unprocessable Entity: price must be positive\n" in shop.line("failed", "strict")


@pytest.mark.question("Since when is a sink down, and when is the next try?")
@pytest.mark.question("Is a receiver reachable, and does it accept the credentials?")
def test_a_sink_that_is_down_is_the_obstacle(shop: TracedShop) -> None:
    shop.target.stop()
    try:
        execute(shop.dsn, "UPDATE price SET amount = 9.00 WHERE product_id = 9")
        found = shop.ask_until("sink-fails", "products", "sku-9")
        assert "sink web takes nothing since" in found["sentence"]
        assert found["hint"] == "`cdc-daemon sinks test web`"
        assert re.search(r"next try at [\d:.]+ UTC", found["sentence"])
        assert "failed" in shop.line("sinks", "test", "web", "--feed", "products", code=1)
    finally:
        shop.target.start()
    shop.ask_until("delivered", "products", "sku-9")


@pytest.mark.question("How much is delivered before a document?")
def test_what_stands_before_a_document_in_a_delivery_is_counted(shop: TracedShop) -> None:
    shop.hold = threading.Event()
    execute(shop.dsn, "UPDATE price SET amount = 9.00 WHERE product_id BETWEEN 10 AND 20")
    found = shop.ask_until("undelivered", "products", "sku-20")
    assert found["sink"] == "web"
    assert 0 < max(sink["ahead"] or 0 for sink in found["sinks"]) <= 11


@pytest.mark.question("Has a full snapshot reached a document?")
def test_a_full_snapshot_that_has_not_reached_the_key_is_named(shop: TracedShop) -> None:
    shop.hold = threading.Event()
    shop.line("replay", "web", "--feed", "products", "--all")
    shop.ask_until("snapshot", "products", "sku-9")
    shop.hold.set()
    shop.ask_until("delivered", "products", "sku-9")


@pytest.mark.question("Which transaction blocks a feed?")
def test_a_table_that_a_transaction_holds_blocks_the_feed(shop: TracedShop) -> None:
    with shop.transaction("LOCK TABLE price IN ACCESS EXCLUSIVE MODE") as holder:
        found = shop.ask("products", "sku-21")
        assert found["verdict"] == "blocked"
        pid = holder.info.backend_pid
        assert f"a transaction of pid {pid}" in found["sentence"]
        assert "a migration) keeps everybody from reading public.price since" in found["sentence"]
        assert found["hint"] == f"end it, or wait: SELECT pg_terminate_backend({pid})"
        assert found["stored"]["document"]["sku"] == "sku-21"
    shop.ask_until("delivered", "products", "sku-21")


@pytest.mark.question("Is there a change that is not committed?")
def test_a_transaction_that_has_not_committed_is_named(shop: TracedShop) -> None:
    with shop.transaction("UPDATE price SET amount = 1.00 WHERE product_id = 22"):
        assert "has written to public.price since" in shop.say("products", "sku-22")
    execute(
        shop.dsn,
        "BEGIN; UPDATE price SET amount = 1.00 WHERE product_id = 22; PREPARE TRANSACTION 'moving'",
    )
    said = shop.say("products", "sku-22")
    execute(shop.dsn, "ROLLBACK PREPARED 'moving'")
    assert "the prepared transaction 'moving' (role postgres) has written to public.price since" in said


@pytest.mark.question("When did a document leave the feed?")
@pytest.mark.question("Was there ever such a document?")
def test_a_document_that_left_the_feed_says_when(shop: TracedShop) -> None:
    execute(shop.dsn, "DELETE FROM product WHERE id = 23")
    found = shop.ask_until("gone", "products", "sku-23")
    assert found["sentence"].startswith("Not a document: the query yields no row; it left the feed at ")
    assert shop.ask("products", "never")["verdict"] == "never"


@pytest.mark.question("Is a stored document what the query yields?")
@pytest.mark.question("Are all stored documents of a feed what the query yields?")
def test_a_stored_document_that_was_changed_by_hand_is_different(shop: TracedShop) -> None:
    execute(
        shop.dsn,
        """UPDATE cdc.feed_products SET hash = 'x', document = '{"sku": "sku-24", "id": 24, "price": 1.00}'"""
        " WHERE sku = 'sku-24'",
    )
    found = shop.ask("products", "sku-24")
    assert found["verdict"] == "different"
    assert found["hint"] == "`cdc-daemon resync products --by-key sku=sku-24`"
    assert [each["name"] for each in found["differences"]] == ["in_stock", "price"]
    assert '{"sku":"sku-24"}' in shop.line("verify", "products", code=1).replace('": "', '":"')


@pytest.mark.question("Which documents does an entity have?")
def test_an_entity_shows_each_of_its_documents(shop: TracedShop) -> None:
    found = shop.ask("products", "--entity", "sku-25")
    assert [each["key"] for each in found["documents"]] == [{"sku": "sku-25"}]
    assert found["more"] is False
    assert "no document of this entity is stored" in shop.say("products", "--entity", "sku-900", code=1)


def test_a_key_is_given_by_names_or_in_order(shop: TracedShop) -> None:
    assert shop.ask("products", "sku=sku-26")["key"] == {"sku": "sku-26"}
    assert "KEY needs a value of each of these columns: sku" in shop.say("products", "a", "b", code=2)
    assert "invalid input syntax for type integer" in shop.say("ratios", "x", code=1)
    assert "the nearest known name" in shop.say("product", "x", code=2)


@pytest.mark.question("Which documents does a row reach, and by which route?")
def test_a_source_row_shows_the_documents_that_it_reaches(shop: TracedShop) -> None:
    found = shop.ask("--row", "public.price", "product_id=27")
    assert (found["table"], found["rows"]) == ("public.price", 1)
    (feed,) = found["feeds"]
    assert feed["feed"] == "products"
    assert feed["routes"] == [{"alias": "pr", "route": "join", "entities": 1, "failed": None}]
    assert [(each["key"], each["verdict"]) for each in feed["documents"]] == [
        ({"sku": "sku-27"}, "delivered")
    ]
    assert feed["more"] is False
    said = shop.say("--row", "price", "product_id=27").splitlines()
    assert said[0] == "table public.price: 1 row has these values"
    assert said[1] == "feed products: by the route join, read as pr: reaches 1 entity"
    assert said[2].startswith('  {"sku":"sku-27"}: Delivered to file, web')


@pytest.mark.question("Which documents did a row reach that is gone?")
def test_a_source_row_that_is_gone_is_followed_by_its_values(shop: TracedShop) -> None:
    execute(shop.dsn, "DELETE FROM price WHERE product_id = 28")
    found = shop.ask("--row", "public.price", "product_id=28")
    assert found["rows"] == 0
    assert [each["key"] for each in found["feeds"][0]["documents"]] == [{"sku": "sku-28"}]
    failed = shop.ask("--row", "public.product", "id=900")["feeds"]
    assert {each["feed"]: [way["failed"] for way in each["routes"]] for each in failed} == {
        "products": ["the row is gone; give its values of sku"],
        "ratios": [None],
        "strict": ["the row is gone; give its values of sku"],
    }


def test_what_many_rows_reach_is_bounded(shop: TracedShop) -> None:
    (feed,) = shop.ask("--row", "public.heavy", "n=0")["feeds"]
    assert (len(feed["documents"]), feed["more"]) == (10, True)
    assert feed["routes"][0]["entities"] == 100


def test_a_row_of_no_source_table_is_refused(shop: TracedShop) -> None:
    assert "no feed reads it" in shop.say("--row", "shelf", "id=1", code=1)
    assert "has no column 'colour'" in shop.say("--row", "price", "colour=1", code=1)
    assert "invalid input syntax for type integer" in shop.say("--row", "price", "product_id=x", code=1)
    assert "Give --row or --entity" in shop.say("--row", "price", "--entity", "product_id=1", code=2)


@pytest.mark.question("Does a daemon run?")
@pytest.mark.question("Is a change captured at all?")
@pytest.mark.question("What is stored while the query can't be planned?")
def test_without_a_daemon_a_change_waits_and_what_is_not_captured_is_told_first(shop: TracedShop) -> None:
    (daemon,) = shop.started
    daemon.kill()
    execute(shop.dsn, "UPDATE price SET amount = 5.00 WHERE product_id = 31")
    found = shop.ask_until("no-daemon", "products", "sku-31")
    assert "ended without a goodbye" in found["sentence"]
    assert shop.line("status").startswith("no daemon runs")
    assert found["hint"] == "start the daemon: `systemctl start cdc-daemon`, or `cdc-daemon run`"
    execute(
        shop.dsn,
        "ALTER TABLE price DISABLE TRIGGER cdc_capture_update",
        "UPDATE price SET amount = 5.00 WHERE product_id = 32",
    )
    found = shop.ask("products", "sku-32")
    assert found["verdict"] == "not-captured"
    assert "public.price: cdc_capture_update is disabled" in found["sentence"]
    assert found["hint"] == "`cdc-daemon install`, then `cdc-daemon resync products`"
    # What was captured before waits for a daemon, whatever is not captured now.
    assert shop.ask("products", "sku-31")["verdict"] == "no-daemon"
    execute(shop.dsn, "ALTER TABLE price RENAME COLUMN amount TO cost")
    found = shop.ask("products", "sku-33")
    assert found["stored"]["document"]["sku"] == "sku-33"
    assert "does not exist" in found["state"]["unplanned"]
    assert found["yielded"]["failed"] == found["state"]["unplanned"]


def test_before_an_installation_it_says_what_to_do(database: str, tmp_path: Path) -> None:
    execute(database, ITEMS)
    command = Command(tmp_path, database, {"items": ITEM_FEED})
    done = CliRunner().invoke(main, ["--config", str(command.config), "trace", "items", "1"])
    assert done.exit_code == 1
    assert "nothing is installed in this database" in done.output
    assert "run `cdc-daemon install`" in done.output
