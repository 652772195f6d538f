"""The way to the database loses every packet, or a daemon is frozen: noticed, said, and gone on from."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cdc_daemon.workers.lease import MARGIN_SECONDS
from tests.receivers.wire import Wire, wired
from tests.support.command import Command, Running, eventually, execute
from tests.support.shop import FEEDS, SCHEMA

SILENCE_SECONDS = 3.0
NOTICED_SECONDS = SILENCE_SECONDS + 7.0
"""And the watcher's pause, the retransmission timer's coarseness, a slow machine."""


@pytest.fixture
def wire(database: str) -> Iterator[Wire]:
    where = conninfo_to_dict(database)
    with wired(Path(f"{where['host']}/.s.PGSQL.{where['port']}")) as found:
        yield found


@pytest.fixture
def command(database: str, tmp_path: Path) -> Iterator[Command]:
    execute(database, SCHEMA)
    found = Command(tmp_path, database, FEEDS, database=f"silence_seconds = {SILENCE_SECONDS}")
    found.call("install")
    yield found
    found.close()


def started(command: Command, wire: Wire, database: str) -> Running:
    """A daemon that reaches the database over the wire, and has delivered."""
    command.dsn = make_conninfo(database, host=wire.host, port=str(wire.port), sslmode="disable")
    command.configure(
        database=f"silence_seconds = {SILENCE_SECONDS}\nconnect_timeout_seconds = 2",
        daemon="drain_seconds = 2",
    )
    daemon = command.start(through=wire.command)
    command.dsn = database
    eventually("both feeds arrive", lambda: command.documents("products") == command.query("products"))
    return daemon


def test_lost_packets_are_noticed_within_seconds_and_the_daemon_goes_on_when_they_come_again(
    command: Command, wire: Wire, database: str
) -> None:
    daemon = started(command, wire, database)
    wire.pull()
    execute(database, "UPDATE product SET price = 3")
    pulled_at = time.monotonic()
    daemon.await_event("database_lost")
    assert time.monotonic() - pulled_at < NOTICED_SECONDS
    wire.plug()
    daemon.await_event("database_reconnected")
    eventually("the change arrives", lambda: command.documents("products") == command.query("products"))
    assert daemon.end() == 0, daemon.text()


def test_a_stop_takes_no_longer_than_drain_seconds_while_nothing_answers(
    command: Command, wire: Wire, database: str
) -> None:
    daemon = started(command, wire, database)
    wire.pull()
    asked_at = time.monotonic()
    assert daemon.end() == 0, daemon.text()
    assert time.monotonic() - asked_at < 2 + 8  # and a slow machine


def test_another_daemon_takes_a_feed_over_from_one_that_is_frozen_in_a_pass(
    command: Command, database: str
) -> None:
    # A lock on a table that only the recomputation reads holds the first daemon in the middle of its pass.
    first = command.start()
    eventually("both feeds arrive", lambda: command.documents("products") == command.query("products"))
    # In the middle of a delivery it would hold the lease for as long as the sink may take, which is longer.
    eventually("no delivery is under way", lambda: _has_short_leases(database))
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE cdc.feed_products IN ACCESS EXCLUSIVE MODE")
        execute(database, "UPDATE product SET price = 4")
        eventually("it waits in its pass", lambda: _waits_in_a_pass(database))
        first.process.send_signal(signal.SIGSTOP)
        holder.rollback()
    second = command.start()
    try:
        frozen_at = time.monotonic()
        eventually("the change arrives", lambda: command.documents("products") == command.query("products"))
        # The transaction of a frozen process is abandoned after twice the silence.
        assert time.monotonic() - frozen_at < 2 * SILENCE_SECONDS + 7
        assert "old_writers_awaited" not in second.text()
    finally:
        first.process.send_signal(signal.SIGCONT)
    first.await_event("database_lost")
    assert first.end() == 0, first.text()
    assert second.end() == 0, second.text()


def _has_short_leases(database: str) -> bool:
    with psycopg.connect(database) as session:
        row = session.execute(
            "SELECT bool_and(f.revision = s.revision AND"
            " (s.leased_until > now() + %s * interval '1 s') IS NOT TRUE)"
            " FROM cdc.sink_state AS s JOIN cdc.feed_state AS f ON f.feed = s.feed",
            [MARGIN_SECONDS],
        ).fetchone()
        return row is not None and bool(row[0])


def _waits_in_a_pass(database: str) -> bool:
    with psycopg.connect(database) as session:
        return bool(
            session.execute(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock' AND application_name = 'cdc-daemon: feed products'"
            ).fetchone()
        )


def test_a_feed_whose_row_another_daemon_holds_does_not_wait_for_old_writers(
    command: Command, database: str
) -> None:
    first = command.start()
    eventually("both feeds arrive", lambda: command.documents("products") == command.query("products"))
    assert first.end() == 0
    with psycopg.connect(database) as writer, psycopg.connect(database) as holder:
        writer.execute("UPDATE product SET price = price WHERE id = 1")  # open for hours
        holder.execute("SELECT FROM cdc.feed_state WHERE feed = 'products' FOR UPDATE")
        second = command.start()
        second.await_event("feed_planned", feed="products")
        held = threading.Event()
        held.wait(1.0)  # it tries for the row meanwhile
        holder.rollback()
        execute(database, "UPDATE product SET price = 5 WHERE id = 2")
        began_at = time.monotonic()
        eventually("the change arrives", lambda: command.documents("products") == command.query("products"))
        assert time.monotonic() - began_at < 10
        assert "old_writers_awaited" not in second.text()
        assert second.end() == 0
