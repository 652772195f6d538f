"""`verify` finds every difference between stored documents and the query, and none that a change explains."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from cdc_daemon.insight.audit import read_acts
from tests.support.command import Feed, execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

TRAFFIC_SECONDS = float(os.environ.get("CDC_TEST_VERIFY_SECONDS", "0"))
"""How long verifications run during traffic; `make test-nightly` gives them an hour."""

SCHEMA = """
CREATE TABLE brand (id int PRIMARY KEY, name text);
CREATE TABLE item (id int PRIMARY KEY, code text, price numeric, brand int, seen_at timestamptz, note text);
CREATE INDEX ON item (brand);
INSERT INTO brand SELECT n, 'brand ' || n FROM generate_series(1, 3) AS n;
INSERT INTO item SELECT n, 'c' || n, n + 0.50, n % 3 + 1, NULL, '\\u0000b\\"' FROM generate_series(1, 40) n;
"""
FEEDS = {
    "items": Feed(
        "SELECT i.id, i.code, i.price, b.name AS brand, i.note FROM item i JOIN brand b ON b.id = i.brand"
    ),
    "groups": Feed(
        "SELECT i.id, i.brand AS of, i.code, i.seen_at FROM item i",
        options='entity = ["of"]\nhash_exclude = ["seen_at"]',
    ),
}


@pytest.fixture
def feeds(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Synced]:
    monkeypatch.setattr("cdc_daemon.insight.verify.PATIENCE_SECONDS", 0.1)
    synced = Synced(tmp_path, database, schema=SCHEMA, feeds=FEEDS)
    synced.sync()
    yield synced
    synced.close()


def verify(feeds: Synced, *arguments: str, code: int = 0) -> dict[str, Any]:
    """What `verify --json` says, by feed."""
    done = CliRunner().invoke(main, ["--config", str(feeds.config), "verify", "--json", *arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return {answer["feed"]: answer for answer in json.loads(done.stdout)}


def found(answer: dict[str, Any]) -> set[tuple[int, str, tuple[str, ...]]]:
    return {(json.loads(each["key"])["id"], each["kind"], tuple(each["fields"])) for each in answer["listed"]}


def test_feeds_in_step_have_no_difference(feeds: Synced) -> None:
    said = verify(feeds)
    assert {name: (each["documents"], each["differences"]) for name, each in said.items()} == {
        "items": (40, 0),
        "groups": (40, 0),
    }
    done = CliRunner().invoke(main, ["--config", str(feeds.config), "verify", "items"])
    assert "feed items: 40 documents verified" in done.stdout
    assert "0 differences" in done.stdout


def test_rows_of_the_stored_feed_that_somebody_changed_are_found_and_repaired(feeds: Synced) -> None:
    execute(
        feeds.dsn,
        'UPDATE cdc.feed_items SET document = \'{"id":1,"code":"x"}\' WHERE id = 1',
        "UPDATE cdc.feed_items SET hash = 'x' WHERE id = 2",
        "DELETE FROM cdc.feed_items WHERE id = 3",
        "UPDATE cdc.feed_items SET deleted = true, document = NULL, hash = NULL WHERE id = 4",
        "INSERT INTO cdc.feed_items (id, document, hash, revision, deleted, captured_at, modified_at)"
        " VALUES (99, '{\"id\":99}', 'x', 1, false, now(), now())",
        "UPDATE cdc.feed_items SET document = '[]' WHERE id = 5",
        "UPDATE cdc.feed_items SET document = NULL WHERE id = 6",
    )
    every = ("id", "code", "price", "brand", "note")
    said = verify(feeds, "items", code=1)["items"]
    assert found(said) == {
        (1, "different", ("code", "price", "brand", "note")),
        (2, "stale", ()),
        (3, "missing", ()),
        (4, "missing", ()),
        (5, "different", every),
        (6, "different", every),
        (99, "left over", ()),
    }
    before = len(feeds.records("items"))
    assert verify(feeds, "items", "--repair", code=1)["items"]["repaired"] == 7
    feeds.sync()
    assert verify(feeds)["items"]["differences"] == 0
    sent = {record["key"]["id"]: record for record in feeds.records("items")[before:]}
    assert sent[99]["op"] == "delete"
    assert sent[3]["data"]["code"] == "c3"
    assert set(sent) >= {1, 3, 4, 5, 6, 99}


def test_a_repair_leaves_a_record_of_what_it_did_and_one_of_its_failure(feeds: Synced) -> None:
    execute(feeds.dsn, "UPDATE cdc.feed_items SET deleted = true, document = NULL, hash = NULL WHERE id = 1")
    verify(feeds, "items", code=1)
    verify(feeds, "items", "--repair", code=1)
    execute(feeds.dsn, "ALTER TABLE item RENAME price TO amount")
    done = CliRunner().invoke(main, ["--config", str(feeds.config), "verify", "items", "--repair"])
    assert done.exit_code == 2
    with feeds.session() as session:
        failed, repaired = read_acts(session, act="verify")
    assert (repaired.feed, repaired.arguments["repair"]) == ("items", True)
    assert repaired.outcome == "40 documents, 1 difference, 1 repaired"
    assert failed.outcome.startswith("failed: ")
    assert "price" in failed.outcome
    assert failed.role
    assert failed.os_user


def test_a_change_that_no_trigger_told_is_found_and_repaired(feeds: Synced) -> None:
    execute(
        feeds.dsn,
        "BEGIN; SET LOCAL session_replication_role = replica;"
        " ALTER TABLE item DISABLE TRIGGER ALL;"
        " UPDATE item SET price = 7 WHERE id = 7; DELETE FROM item WHERE id = 8;"
        " INSERT INTO item VALUES (41, 'new', 1, 1);"
        " ALTER TABLE item ENABLE ALWAYS TRIGGER ALL; COMMIT".replace(
            "ENABLE ALWAYS TRIGGER ALL", "ENABLE TRIGGER ALL"
        ),
    )
    said = verify(feeds, "items", code=1)["items"]
    assert found(said) == {(7, "stale", ("price",)), (8, "left over", ()), (41, "missing", ())}
    feeds.sync()
    assert verify(feeds)["items"]["differences"] == 0


def test_a_field_that_the_hash_leaves_out_may_differ(feeds: Synced) -> None:
    execute(feeds.dsn, "UPDATE item SET seen_at = now()")
    feeds.sync()
    assert verify(feeds, "groups")["groups"]["differences"] == 0
    execute(feeds.dsn, 'UPDATE cdc.feed_groups SET document = \'{"id":1,"of":2,"code":"?"}\' WHERE id = 1')
    assert found(verify(feeds, "groups", code=1)["groups"]) == {(1, "different", ("code", "seen_at"))}


def test_documents_that_wait_for_a_change_are_no_difference(feeds: Synced) -> None:
    execute(
        feeds.dsn,
        "UPDATE item SET price = price + 1 WHERE id < 5",
        "DELETE FROM item WHERE id = 6",
        "UPDATE brand SET name = 'renamed' WHERE id = 1",
        "UPDATE cdc.feed_items SET document = '{}' WHERE id = 20",
    )
    said = verify(feeds, "items", code=1)["items"]
    assert {each[0] for each in found(said)} == {20}  # of brand 3, which nothing reaches
    assert said["waiting"] == 4 + 1 + len({n for n in range(1, 41) if n % 3 == 0} - {3, 6})


def test_entities_in_the_backlog_and_those_that_are_set_aside_are_no_difference(feeds: Synced) -> None:
    execute(feeds.dsn, "UPDATE item SET price = 0")
    with feeds.feed_sync("items") as sync:
        sync._pace.most = 1  # pyright: ignore[reportPrivateUsage]
        sync._affected._limit = 2  # pyright: ignore[reportPrivateUsage]
        assert sync.run_pass()
    assert feeds.value("SELECT backlog_end > backlog_position FROM cdc.feed_state WHERE feed = 'items'")
    said = verify(feeds, "items")["items"]
    assert (said["differences"], said["waiting"]) == (0, 40)


def test_a_sample_and_a_time_limit_what_is_verified(feeds: Synced) -> None:
    assert verify(feeds, "items", "--sample", "7")["items"]["documents"] == 7
    time.sleep(0.01)
    moment = feeds.value(
        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    )
    feeds.sync("UPDATE item SET price = 3 WHERE id < 4")
    assert verify(feeds, "items", "--since", str(moment))["items"]["documents"] == 3


@pytest.mark.timeout(120 + TRAFFIC_SECONDS)
def test_random_traffic_makes_no_difference(feeds: Synced) -> None:
    """The daemon runs, writers write, and verification after verification finds nothing."""
    running = feeds.start("run")
    running.await_event("daemon_started")
    stop = threading.Event()

    def write() -> None:
        chance = random.Random(16)  # noqa: S311 # no secret
        with psycopg.connect(feeds.dsn, autocommit=True) as session:
            while not stop.wait(0.003):
                number = chance.randint(1, 45)
                statement = chance.choice(
                    [
                        f"UPDATE item SET price = {chance.randint(1, 2)} WHERE id = {number % 5}",
                        f"UPDATE item SET brand = {chance.randint(1, 3)} WHERE id = {number}",
                        f"DELETE FROM item WHERE id = {number}",
                        f"INSERT INTO item VALUES ({number}, 'n', 1, 1) ON CONFLICT DO NOTHING",
                        f"UPDATE brand SET name = '{chance.randint(1, 2)}' WHERE id = {number % 3 + 1}",
                    ]
                )
                session.execute(statement.encode())

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        rounds, waiting, until = 0, 0, time.monotonic() + TRAFFIC_SECONDS
        while rounds < 3 or not waiting or time.monotonic() < until:
            waiting += sum(each["waiting"] for each in verify(feeds).values())
            verify(feeds, "--sink", "file")
            rounds += 1
    finally:
        stop.set()
        for writer in writers:
            writer.join()
