"""The daemon is killed, stopped and doubled while people write; the documents are right in the end."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time

import psycopg

from tests.support.command import Command, assert_revisions_grow, eventually, execute
from tests.support.shop import writers

KILLS = 8


def assert_all_is_right(command: Command) -> None:
    command.call("run", "--once")
    command.assert_equal_to_the_query()
    for feed in command.feeds:
        assert_revisions_grow(command.records(feed))


def test_killed_at_random_moments_under_concurrent_writes_it_loses_nothing(command: Command) -> None:
    moments = random.Random(1)  # noqa: S311 # chooses when to kill
    rest = threading.Event()
    with writers(command.dsn, 11, 12):
        for _ in range(KILLS):
            daemon = command.start()
            daemon.await_event("daemon_started")
            # Half of the kills hit the start (plan, install, first pass), half the work that follows.
            rest.wait(moments.uniform(0, 1.2))
            daemon.kill()
    assert_all_is_right(command)


def test_sigterm_ends_it_in_time_with_exit_code_0_and_nothing_is_lost(command: Command) -> None:
    with writers(command.dsn, 21, 22):
        daemon = command.start()
        daemon.await_event("batch_delivered", feed="products")
        daemon.await_event("batch_delivered", feed="categories")
        asked = time.monotonic()
        assert daemon.end(signal.SIGTERM) == 0, daemon.text()
        assert time.monotonic() - asked < 30  # drain_seconds
        stopped = daemon.await_event("daemon_stopped")
        assert daemon.events[stopped - 1]["unstopped"] == []
    assert_all_is_right(command)


def test_a_second_sigint_leaves_at_once(command: Command) -> None:
    daemon = command.start()
    daemon.await_event("batch_delivered", feed="products")
    # A pass that can't end: it waits for the lock of a table that is being altered, for 2 s at a time.
    with psycopg.connect(command.dsn) as altering:
        altering.execute("LOCK TABLE category IN ACCESS EXCLUSIVE MODE")
        execute(command.dsn, "UPDATE product SET price = 1 WHERE id = 1")
        eventually(
            "a pass waits for the table",
            lambda: (
                altering.execute(
                    "SELECT FROM pg_locks WHERE NOT granted AND relation = 'category'::regclass"
                ).fetchone()
                is not None
            ),
        )
        daemon.process.send_signal(signal.SIGINT)
        daemon.await_event("daemon_stopping")
        asked = time.monotonic()
        assert daemon.end(signal.SIGINT) == 130, daemon.text()
        assert time.monotonic() - asked < 5  # of 30 s that the first one grants
    assert_all_is_right(command)


def test_two_daemons_share_the_feeds_and_one_may_die(command: Command) -> None:
    with writers(command.dsn, 31, 32):
        first, second = command.start(), command.start()
        for daemon in (first, second):
            daemon.await_event("daemon_started")
        first.await_event("feed_planned", feed="products")
        second.await_event("feed_planned", feed="products")
        threading.Event().wait(1)  # both at work on the same feeds, which is what is tested
        first.kill()
        # What the dead one held goes over to the other.
        behind = len(second.events)
        second.await_event("batch_delivered", after=behind, feed="products")
        third = command.start()
        third.await_event("feed_planned", feed="categories")
        assert second.end() == 0
        behind = len(third.events)
        third.await_event("batch_delivered", after=behind, feed="products")
        assert third.end() == 0
    assert_all_is_right(command)


def test_a_torn_last_line_of_the_file_is_repaired(command: Command) -> None:
    command.call("run", "--once")
    whole = command.file("products").read_bytes()
    execute(command.dsn, "UPDATE product SET price = 2 WHERE id = 1")
    # As a crash leaves it: half a record that the cursor does not count.
    command.file("products").write_bytes(whole + whole.splitlines()[0][:40])
    command.call("run", "--once")
    content = command.file("products").read_bytes()
    assert content.startswith(whole)
    assert len(content[len(whole) :].splitlines()) == 1
    assert_all_is_right(command)


def test_uninstall_refuses_while_a_daemon_works_on_the_database(command: Command) -> None:
    daemon = command.start()
    daemon.await_event("batch_delivered", feed="products")

    refused = subprocess.run(
        command.arguments("uninstall", "--yes"), capture_output=True, text=True, timeout=60, check=False
    )

    assert refused.returncode == 1
    assert "a daemon works on it" in refused.stderr
    assert "stop it first" in refused.stderr
    daemon.end()
    assert "nothing of cdc-daemon is left" in command.call("uninstall", "--yes")
