"""More feeds and deliveries than sessions: each gets its turn, and the database keeps its room."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.command import FILE_SINK, Command, Feed, eventually, execute
from tests.support.products import products

FEEDS = {f"feed_{n:02}": Feed(f"SELECT id, price + {n} AS price FROM product") for n in range(12)}


@pytest.fixture
def command(database: str, tmp_path: Path) -> Iterator[Command]:
    execute(database, products(5))
    found = Command(tmp_path, database, FEEDS, daemon="sessions = 6")
    found.call("install")
    yield found
    found.close()


def sessions(database: str) -> int:
    with psycopg.connect(database) as session:
        row = session.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'cdc-daemon%'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_twelve_feeds_and_deliveries_work_with_six_sessions(command: Command, database: str) -> None:
    daemon = command.start()
    most = 0

    def are_equal() -> bool:
        nonlocal most
        most = max(most, sessions(database))
        return all(command.documents(feed) == command.query(feed) for feed in FEEDS)

    eventually("every feed arrives", are_equal, seconds=60)
    execute(database, "UPDATE product SET price = 100 WHERE id = 3")
    eventually("the change arrives in every feed", are_equal)
    assert most <= 6
    assert daemon.end() == 0, daemon.text()
    assert "feed_stopped" not in daemon.text()


def test_deliveries_that_a_sink_keeps_waiting_hold_no_session(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=len(FEEDS)) as deaf:  # nobody accepts or answers
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/{{feed}}"
        deaf_sink = f'[sinks.deaf]\ntype = "http"\nurl = "{url}"\ntimeout_seconds = 60\n'
        command.configure(daemon="sessions = 6", sinks=FILE_SINK + deaf_sink)
        command.call("install")
        daemon = command.start()
        eventually(
            "every feed arrives at the other sink",
            lambda: all(command.documents(feed) == command.query(feed) for feed in FEEDS),
            seconds=60,
        )
        daemon.kill()
