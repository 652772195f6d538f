"""Changes of the catalogue under a feed that rests, while the daemon runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.command import Command, Feed, Running, eventually, execute

SCHEMA = """
CREATE TABLE item (id int PRIMARY KEY, code text);
INSERT INTO item SELECT n, 'c' || n FROM generate_series(1, 20) AS n;
"""
NOTICED_SECONDS = 15.0
"""A look comes every second; a machine that is busy takes its time. Without looks it would be a minute."""


@pytest.fixture
def command(database: str, tmp_path: Path) -> Iterator[Command]:
    execute(database, SCHEMA)
    found = Command(
        tmp_path,
        database,
        {"items": Feed("SELECT id, code FROM item")},
        database="search_path = '\"$user\", early, public'",
    )
    found.call("install")
    yield found
    found.close()


def started(command: Command) -> Running:
    daemon = command.start()
    eventually("documents arrive", lambda: command.documents("items") == command.query("items"))
    daemon.await_event("resync_finished")
    return daemon


def triggers(database: str, table: str) -> object:
    with psycopg.connect(database) as session:
        row = session.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table]
        ).fetchone()
    return row and row[0]


def swap(database: str) -> None:
    execute(
        database,
        "CREATE TABLE item_new (LIKE item INCLUDING ALL)",
        "INSERT INTO item_new SELECT id, code || '!' FROM item WHERE id < 10",
        "BEGIN; ALTER TABLE item RENAME TO item_old; ALTER TABLE item_new RENAME TO item; COMMIT",
    )


def test_tables_swapped_by_name_are_noticed_while_the_feed_rests_and_the_old_one_loses_its_triggers(
    command: Command, database: str
) -> None:
    daemon = started(command)
    swapped_at = time.monotonic()
    swap(database)
    at = daemon.await_event("feed_changed", feed="items")
    assert time.monotonic() - swapped_at < NOTICED_SECONDS
    assert "table public.item is now public.item_old" in daemon.events[at - 1]["reason"]
    execute(database, "UPDATE item SET code = 'z' WHERE id = 3")
    eventually("documents follow", lambda: command.documents("items") == command.query("items"))
    assert triggers(database, "item") == 4
    eventually("the old table has none", lambda: triggers(database, "item_old") == 0)
    assert json.loads(command.call("status", "--json"))["drift"] == []


def test_a_table_dropped_and_made_anew_is_noticed_while_the_feed_rests(
    command: Command, database: str
) -> None:
    started(command)
    changed_at = time.monotonic()
    execute(
        database,
        "BEGIN; DROP TABLE item; CREATE TABLE item (id int PRIMARY KEY, code text);"
        "INSERT INTO item VALUES (1, 'x'), (30, 'y'); COMMIT",
    )
    eventually("documents follow", lambda: command.documents("items") == command.query("items"))
    assert time.monotonic() - changed_at < NOTICED_SECONDS


def test_a_table_that_shadows_the_querys_is_noticed_while_the_feed_rests(
    command: Command, database: str
) -> None:
    daemon = started(command)
    changed_at = time.monotonic()
    execute(
        database,
        "BEGIN; CREATE SCHEMA early;"
        "CREATE TABLE early.item AS SELECT id, code || '?' AS code FROM public.item; COMMIT",
    )
    at = daemon.await_event("feed_changed", feed="items")
    assert time.monotonic() - changed_at < NOTICED_SECONDS
    assert daemon.events[at - 1]["reason"] == "relation early.item is new"


def test_triggers_of_a_swapped_table_that_is_locked_are_left_and_told(
    command: Command, database: str
) -> None:
    daemon = started(command)
    swap(database)
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE item_old IN SHARE MODE")
        eventually("documents follow", lambda: command.documents("items") == command.query("items"))
        daemon.await_event("triggers_left", feed="items")
    daemon.end()
    assert "drop triggers on public.item_old" in command.call("status")
    command.call("install")
    assert triggers(database, "item_old") == 0
