"""`resync` in all its forms, and what `status` tells."""

from __future__ import annotations

from tests.support.command import Command, assert_revisions_grow, eventually, execute, key_of


def revisions(command: Command, feed: str) -> dict[tuple[object, ...], int]:
    return {key_of(record): record["revision"] for record in command.records(feed)}


def test_with_nothing_changed_it_delivers_nothing(command: Command) -> None:
    command.call("run", "--once")
    before = command.file("products").read_bytes()
    said = command.call("resync", "products", "--wait")
    assert "60 entities recomputed" in said
    command.call("run", "--once")
    assert command.file("products").read_bytes() == before


def test_it_delivers_what_really_differs(command: Command) -> None:
    command.call("run", "--once")
    execute(
        command.dsn,
        # Behind the daemon's back: the stored document is not what the query yields.
        "UPDATE cdc.feed_products SET document = '{}', hash = 'x' WHERE id = 3",
    )
    before = len(command.records("products"))
    command.call("resync", "products", "--wait")
    command.call("run", "--once")
    assert [key_of(record) for record in command.records("products")[before:]] == [(3,)]
    command.assert_equal_to_the_query()


def test_forced_it_delivers_every_document_again_with_a_higher_revision(command: Command) -> None:
    command.call("run", "--once")
    before = revisions(command, "products")
    others = command.file("categories").read_bytes()
    command.call("resync", "products", "--force", "--wait")
    command.call("run", "--once")
    after = revisions(command, "products")
    assert after.keys() == before.keys()
    assert all(after[key] > max(before.values()) for key in before)
    assert len(command.records("products")) == 2 * len(before)
    assert command.file("categories").read_bytes() == others
    command.assert_equal_to_the_query()


def test_by_key_only_those_documents_are_delivered(command: Command) -> None:
    command.call("run", "--once")
    before = len(command.records("products"))
    command.call("resync", "products", "--by-key", "id=5", "--force", "--wait")
    command.call("run", "--once")
    assert [key_of(record) for record in command.records("products")[before:]] == [(5,)]


def test_killed_in_the_middle_it_resumes(command: Command) -> None:
    execute(
        command.dsn,
        "INSERT INTO product SELECT n, 'product ' || n, 1 + n % 5, n FROM generate_series(1001, 9000) AS n",
    )
    command.configure(daemon="batch_entities = 100\nmax_pass_entities = 100000")
    command.call("run", "--once")
    before = revisions(command, "products")
    execute(command.dsn, "DELETE FROM product WHERE id = 8999")
    command.call("resync", "products", "--force")
    queued = command.status()["products"]
    assert queued["state"] == "not followed"
    assert queued["backlog"] == len(before) - 1 or queued["backlog"] == len(before)
    daemon = command.start()
    daemon.await_event("pass_finished", feed="products", kind="backlog")
    daemon.kill()
    left = command.status()["products"]["backlog"]
    assert 0 < left < queued["backlog"]
    command.call("run", "--once")
    assert command.status()["products"]["backlog"] == 0
    after = revisions(command, "products")
    assert all(after[key] > max(before.values()) for key in before)
    assert_revisions_grow(command.records("products"))
    command.assert_equal_to_the_query()


def test_the_status_tells_what_is_unread_how_old_it_is_and_why_a_feed_stopped(command: Command) -> None:
    assert command.status()["products"]["state"] == "new"
    command.call("run", "--once")
    live = command.status()["products"]
    assert (live["state"], live["rows"], live["unread"], live["lag_seconds"]) == (
        "not followed",
        60,
        0,
        0,
    )
    assert live["sinks"]["file"]["undelivered"] == 0
    assert live["sinks"]["file"]["delivered"] == 60
    execute(command.dsn, "UPDATE product SET price = 0 WHERE id = 1")
    behind = command.status()["products"]
    assert behind["unread"] == 1
    assert behind["lag_seconds"] > 0
    execute(command.dsn, "ALTER TABLE stock RENAME COLUMN quantity TO amount")
    daemon = command.start()
    daemon.await_event("feed_stopped", feed="products")
    # The feed that does not read the table goes on.
    eventually("categories is read", lambda: command.status()["categories"]["unread"] == 0)
    stopped = command.status()
    assert stopped["products"]["state"] == "stopped"
    assert "quantity" in stopped["products"]["reason"]
    assert stopped["products"]["retry_at"] > stopped["products"]["since"]
    assert stopped["products"]["unread"] == 1
    assert stopped["categories"]["state"] == "live"
    execute(command.dsn, "ALTER TABLE stock RENAME COLUMN amount TO quantity")
    daemon.await_event("feed_repaired", feed="products")
    assert daemon.end() == 0
    command.call("run", "--once")
    command.assert_equal_to_the_query()
