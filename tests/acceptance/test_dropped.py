"""A feed, or the whole schema, is dropped while a daemon runs: it says so and makes nothing anew."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import FILE_SINK, Command, eventually, execute
from tests.support.shop import FEEDS


def test_a_feed_that_another_configuration_dropped_stops_with_the_reason_and_the_others_go_on(
    command: Command, database: str, tmp_path: Path
) -> None:
    daemon = command.start()
    eventually("it arrives", lambda: command.documents("products") == command.query("products"))
    dropped = next(name for name in FEEDS if name != "products")
    (tmp_path / "other").mkdir()
    other = Command(tmp_path / "other", database, {"products": FEEDS["products"]}, sinks=FILE_SINK)
    refused = other.call("install", code=1)
    assert "create" not in refused
    other.call("install", "--drop-feeds")
    position = daemon.await_event("feed_stopped", feed=dropped)
    while "is not installed any more" not in daemon.events[position - 1]["reason"]:
        position = daemon.await_event("feed_stopped", after=position, feed=dropped)
    execute(database, "UPDATE product SET price = 77 WHERE id = 3")
    eventually("the change arrives", lambda: command.documents("products") == command.query("products"))
    assert daemon.end() == 0, daemon.text()
    assert "worker_given_up" not in daemon.text()


def test_a_daemon_whose_schema_was_removed_ends_and_says_what_to_do(command: Command) -> None:
    daemon = command.start()
    eventually("it arrives", lambda: command.documents("products") == command.query("products"))
    execute(command.dsn, "DROP SCHEMA cdc CASCADE")  # by hand: `uninstall` refuses while a daemon works
    assert daemon.process.wait(60) != 0
    daemon._join()
    assert "please report it" not in daemon.text()
    assert "run `cdc-daemon install`" in daemon.text()
    assert "feed products: missing" in command.call("status")  # it was not made anew
