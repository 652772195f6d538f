"""A new partition that an open transaction holds: it is told at once, passes go on, writers hardly wait."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

from tests.support.command import Command, Feed, eventually, execute
from tests.support.products import products

SCHEMA = (
    f"{products(5)};"
    "CREATE TABLE event (id int, day int, product_id int, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);"
    "CREATE TABLE event_0 PARTITION OF event FOR VALUES FROM (0) TO (10)"
)
QUERY = (
    "SELECT p.id, p.sku, (SELECT count(*) FROM event AS e WHERE e.product_id = p.id) AS events"
    " FROM product AS p"
)


def _assert_told(command: Command, holder: int) -> None:
    products = command.status()["products"]
    assert products["state"] == "partial"
    assert f"held by pid {holder}" in products["reason"]
    assert products["since"] is not None
    assert (products["lag_seconds"], products["unread"]) == (None, 0)


def test_a_new_partition_that_is_held_stops_neither_the_feed_nor_writers(
    database: str, tmp_path: Path
) -> None:
    execute(database, SCHEMA)
    command = Command(tmp_path, database, {"products": Feed(QUERY)})
    command.call("install")
    daemon = command.start()
    try:
        eventually("it arrives", lambda: command.documents("products") == command.query("products"))
        execute(database, "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (10) TO (20)")
        with psycopg.connect(database) as loader:
            loader.execute("INSERT INTO event_1 VALUES (0, 10, 1)")
            execute(database, "UPDATE product SET sku = 'B-5' WHERE id = 5")
            position = daemon.await_event("table_busy", feed="products")
            assert f"held by pid {loader.info.backend_pid}" in daemon.events[position - 1]["reason"]
            longest = 0.0
            for number in range(1, 30):
                started = time.monotonic()
                execute(database, f"INSERT INTO event VALUES ({number}, 11, {number % 5 + 1})")
                longest = max(longest, time.monotonic() - started)
                time.sleep(0.05)  # writers at a pace
            eventually(
                "changes arrive meanwhile",
                lambda: command.documents("products") == command.query("products"),
            )
            assert longest < 1.5
            _assert_told(command, loader.info.backend_pid)
            # A daemon that is started meanwhile goes on with what the former one captured.
            assert daemon.end() == 0, daemon.text()
            daemon = command.start()
            daemon.await_event("table_busy", feed="products")
            execute(database, "UPDATE product SET sku = 'B-4' WHERE id = 4")
            eventually(
                "changes arrive also at a daemon that has just started",
                lambda: command.documents("products") == command.query("products"),
            )
            _assert_told(command, loader.info.backend_pid)
            loader.commit()
        # What was written to the partition by its name is found once it is captured.
        eventually("all of it arrives", lambda: command.documents("products") == command.query("products"))
        assert "feed_stopped" not in daemon.text()
        eventually("all is captured", lambda: command.status()["products"]["state"] == "live")
        assert command.status()["products"]["since"] is None
        assert daemon.end() == 0, daemon.text()
    finally:
        command.close()
