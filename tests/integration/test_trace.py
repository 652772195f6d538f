"""`trace` on a running daemon: each test makes a situation, asks, and compares the answer."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from tests.receivers.http import Request, Script, Target, answer, serving
from tests.support import servers
from tests.support.command import DEADLINE_SECONDS, Command, Feed, Running, eventually, execute
from tests.support.synced import ITEM_FEED, ITEMS, Synced

pytestmark = pytest.mark.any_server

SCHEMA = """
CREATE TABLE product (
    id int PRIMARY KEY, sku text NOT NULL, stock int NOT NULL DEFAULT 0, divisor int NOT NULL DEFAULT 1
);
CREATE TABLE price (product_id int PRIMARY KEY, amount numeric(10, 2) NOT NULL);
CREATE TABLE sale (id int PRIMARY KEY, starts_at timestamptz NOT NULL);
CREATE TABLE code (id int PRIMARY KEY, code text NOT NULL);
CREATE TABLE heavy (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO product SELECT n, 'sku-' || n FROM generate_series(1, 60) AS n;
INSERT INTO price SELECT n, n + 0.50 FROM generate_series(1, 60) AS n;
INSERT INTO sale SELECT n, now() + interval '1 hour' FROM generate_series(1, 3) AS n;
INSERT INTO code SELECT n, 'code ' || n FROM generate_series(1, 3) AS n;
INSERT INTO heavy SELECT n, 0 FROM generate_series(1, 600) AS n;
CREATE FUNCTION slowly(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM pg_catalog.pg_sleep(0.01 * $1); RETURN $1; END';
"""

FEEDS = {
    "products": Feed(
        "SELECT p.sku, p.id, p.stock > 0 AS in_stock, pr.amount AS price"
        " FROM product AS p LEFT JOIN price AS pr ON pr.product_id = p.id",
        ("sku",),
        'sinks = ["file", "web"]',
    ),
    "ratios": Feed("SELECT id, 100 / divisor AS ratio FROM product", options='sinks = ["file"]'),
    "sales": Feed(
        "SELECT id, starts_at <= now() AS active,"
        " CASE WHEN starts_at > now() THEN starts_at END AS _refresh_at FROM sale",
        options="sinks = []",
    ),
    "codes": Feed("SELECT code, id FROM code", ("code",), 'sinks = ["file"]'),
    "strict": Feed("SELECT sku, stock FROM product", ("sku",), 'sinks = ["strict"]'),
    "heavy": Feed("SELECT id, slowly(n) AS n FROM heavy", options="sinks = []"),
}

SINKS = """
[sinks.file]
type = "file"
path = "out/{{feed}}.ndjson"
[sinks.web]
type = "http"
url = "{url}"
batch_records = 1
[sinks.strict]
type = "http"
url = "{url}"
max_attempts = 1
batch_records = 1
"""


class Shop(Synced):
    """A shop with a running daemon.

    Attributes:
        target: the receiver of the sinks `web` and `strict`.
        refused: parts of bodies that the receiver refuses.
        hold: set to None, or to an event for which each request waits.
    """

    def __init__(self, folder: Path, dsn: str, target: Target) -> None:
        self.target = target
        self.refused: set[str] = set()
        self.hold: threading.Event | None = None
        self.started: list[Running] = []
        target.admit = self._admit
        super().__init__(
            folder,
            dsn,
            schema=SCHEMA,
            feeds=FEEDS,
            sinks=SINKS.format(url=target.url),
            daemon="max_pass_entities = 100\nbatch_entities = 50",
        )

    def _admit(self, request: Request, _under_way: int) -> Script | None:
        body = request.body.decode()
        if any(part in body for part in self.refused):
            return answer(422, b"price must be positive")
        hold = self.hold
        if hold is None:
            return None

        def wait(handler: BaseHTTPRequestHandler) -> None:
            hold.wait(30)
            answer(204)(handler)

        return wait

    def ask(self, *arguments: str) -> dict[str, Any]:
        """`trace --json`."""
        found: dict[str, Any] = json.loads(self.say(*arguments, "--json"))
        return found

    def say(self, *arguments: str, code: int = 0) -> str:
        """`trace`, for people."""
        return self.line("trace", *arguments, code=code)

    def line(self, *arguments: str, code: int = 0) -> str:
        """Any command, in this process."""
        done = CliRunner().invoke(main, ["--config", str(self.config), *arguments])
        assert done.exit_code == code, f"{done.output}\n{done.exception}"
        return done.output if code else done.stdout

    def ask_until(self, verdict: str, *arguments: str, seconds: float = DEADLINE_SECONDS) -> dict[str, Any]:
        """Ask until the answer has this verdict; it tells the last one if it never has."""
        found: dict[str, Any] = {}

        def is_so() -> bool:
            found.update(self.ask(*arguments))
            return bool(found["verdict"] == verdict)

        try:
            eventually(f"{arguments} is {verdict}", is_so, seconds=seconds)
        except pytest.fail.Exception as error:
            raise AssertionError(f"{error}: {json.dumps(found, indent=1)}") from error
        return found

    @contextmanager
    def transaction(self, *statements: str) -> Generator[psycopg.Connection[Any]]:
        """An open transaction of somebody else, rolled back at the end."""
        with psycopg.connect(self.dsn, application_name="a migration") as connection:
            for text in statements:
                connection.execute(text.encode())
            yield connection
            connection.rollback()

    def without_passes(self, feed: str) -> Any:
        """No daemon gets hold of the feed meanwhile."""
        return self.transaction(f"SELECT FROM cdc.feed_state WHERE feed = '{feed}' FOR UPDATE")


@contextmanager
def receiving() -> Generator[Target]:
    yield from serving(None)


@pytest.fixture(scope="module")
def shop(server: servers.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with server.fresh_database() as dsn, receiving() as target:
        found = Shop(tmp_path_factory.mktemp("shop"), dsn, target)
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
def _open_receiver(shop: Shop) -> Iterator[None]:
    yield
    shop.refused.clear()
    if shop.hold is not None:
        shop.hold.set()
        shop.hold = None


@pytest.mark.question("Did the sinks get the change of a document, and how long did it take?")
def test_a_delivered_document_is_delivered_to_every_sink(shop: Shop) -> None:
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
def test_a_document_that_a_change_left_as_it_was_is_unchanged(shop: Shop) -> None:
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
def test_the_history_tells_revisions_causes_and_deliveries(shop: Shop) -> None:
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
def test_a_change_that_is_not_read_yet_waits_by_its_route(shop: Shop) -> None:
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
def test_a_large_change_waits_in_the_backlog_at_its_place(shop: Shop) -> None:
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
def test_a_document_that_is_due_in_an_hour_says_so(shop: Shop) -> None:
    found = shop.ask("sales", "2")
    assert found["verdict"] == "stored"
    assert "due at" in shop.say("sales", "2")
    execute(shop.dsn, "UPDATE sale SET starts_at = starts_at - interval '2 hours' WHERE id = 2")
    eventually("it is active", lambda: shop.ask("sales", "2")["stored"]["document"]["active"] is True)
    assert shop.ask("sales", "2")["stored"]["refresh_at"] is None


@pytest.mark.question("Why does a document stay as it was?")
def test_an_entity_for_which_the_query_fails_is_set_aside(shop: Shop) -> None:
    execute(shop.dsn, "UPDATE product SET divisor = 0 WHERE id = 5")
    found = shop.ask_until("set-aside", "ratios", "5")
    assert "22012: division by zero" in found["sentence"]
    assert found["set_aside"]["attempts"] == 1
    execute(shop.dsn, "UPDATE product SET divisor = 1 WHERE id = 5")
    shop.ask_until("unchanged", "ratios", "5")


@pytest.mark.question("Why does a feed stand still?")
def test_a_stopped_feed_names_its_reason(shop: Shop) -> None:
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
def test_a_paused_sink_names_the_time_the_role_and_the_reason(shop: Shop) -> None:
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
def test_a_refused_document_has_the_receivers_words_and_the_next_attempt(shop: Shop) -> None:
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
def test_a_parked_document_waits_for_a_person(shop: Shop) -> None:
    shop.refused.add("sku-8")
    execute(shop.dsn, "UPDATE product SET stock = 4 WHERE id = 8")
    found = shop.ask_until("parked", "strict", "sku-8")
    assert "refused revision" in found["sentence"]
    assert "`cdc-daemon retry strict --sink strict --key sku=sku-8`" in found["hint"]
    assert "Unprocessable Entity: price must be positive\n" in shop.line("failed", "strict")


@pytest.mark.question("Since when is a sink down, and when is the next try?")
@pytest.mark.question("Is a receiver reachable, and does it accept the credentials?")
def test_a_sink_that_is_down_is_the_obstacle(shop: Shop) -> None:
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
def test_what_stands_before_a_document_in_a_delivery_is_counted(shop: Shop) -> None:
    shop.hold = threading.Event()
    execute(shop.dsn, "UPDATE price SET amount = 9.00 WHERE product_id BETWEEN 10 AND 20")
    found = shop.ask_until("undelivered", "products", "sku-20")
    assert found["sink"] == "web"
    assert 0 < max(sink["ahead"] or 0 for sink in found["sinks"]) <= 11


@pytest.mark.question("Has a full snapshot reached a document?")
def test_a_full_snapshot_that_has_not_reached_the_key_is_named(shop: Shop) -> None:
    shop.hold = threading.Event()
    shop.line("replay", "web", "--feed", "products", "--all")
    shop.ask_until("snapshot", "products", "sku-9")
    shop.hold.set()
    shop.ask_until("delivered", "products", "sku-9")


@pytest.mark.question("Which transaction blocks a feed?")
def test_a_table_that_a_transaction_holds_blocks_the_feed(shop: Shop) -> None:
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
def test_a_transaction_that_has_not_committed_is_named(shop: Shop) -> None:
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
def test_a_document_that_left_the_feed_says_when(shop: Shop) -> None:
    execute(shop.dsn, "DELETE FROM product WHERE id = 23")
    found = shop.ask_until("gone", "products", "sku-23")
    assert found["sentence"].startswith("Not a document: the query yields no row; it left the feed at ")
    assert shop.ask("products", "never")["verdict"] == "never"


@pytest.mark.question("Is a stored document what the query yields?")
@pytest.mark.question("Are all stored documents of a feed what the query yields?")
def test_a_stored_document_that_was_changed_by_hand_is_different(shop: Shop) -> None:
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
def test_an_entity_shows_each_of_its_documents(shop: Shop) -> None:
    found = shop.ask("products", "--entity", "sku-25")
    assert [each["key"] for each in found["documents"]] == [{"sku": "sku-25"}]
    assert found["more"] is False
    assert "no document of this entity is stored" in shop.say("products", "--entity", "sku-900", code=1)


def test_a_key_is_given_by_names_or_in_order(shop: Shop) -> None:
    assert shop.ask("products", "sku=sku-26")["key"] == {"sku": "sku-26"}
    assert "KEY needs a value of each of these columns: sku" in shop.say("products", "a", "b", code=2)
    assert "invalid input syntax for type integer" in shop.say("ratios", "x", code=1)
    assert "the nearest known name" in shop.say("product", "x", code=2)


@pytest.mark.question("Which documents does a row reach, and by which route?")
def test_a_source_row_shows_the_documents_that_it_reaches(shop: Shop) -> None:
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
def test_a_source_row_that_is_gone_is_followed_by_its_values(shop: Shop) -> None:
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


def test_what_many_rows_reach_is_bounded(shop: Shop) -> None:
    (feed,) = shop.ask("--row", "public.heavy", "n=0")["feeds"]
    assert (len(feed["documents"]), feed["more"]) == (10, True)
    assert feed["routes"][0]["entities"] == 100


def test_a_row_of_no_source_table_is_refused(shop: Shop) -> None:
    assert "no feed reads it" in shop.say("--row", "shelf", "id=1", code=1)
    assert "has no column 'colour'" in shop.say("--row", "price", "colour=1", code=1)
    assert "invalid input syntax for type integer" in shop.say("--row", "price", "product_id=x", code=1)
    assert "Give --row or --entity" in shop.say("--row", "price", "--entity", "product_id=1", code=2)


@pytest.mark.question("Does a daemon run?")
@pytest.mark.question("Is a change captured at all?")
@pytest.mark.question("What is stored while the query can't be planned?")
def test_without_a_daemon_a_change_waits_and_what_is_not_captured_is_told_first(shop: Shop) -> None:
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
