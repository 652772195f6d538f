"""A server that is promoted, rewound or set back, with real standbys and backups: every target ends right."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Node, dsn_of_all, nodes
from tests.support.command import Command, Feed, Record, eventually, execute

FEEDS = {"items": Feed("SELECT id, name FROM item")}
ITEMS = (
    "CREATE TABLE item (id int PRIMARY KEY, name text)",
    "INSERT INTO item SELECT n, 'a' FROM generate_series(1, 20) AS n",
)


@pytest.fixture
def pair() -> Iterator[list[Node]]:
    with nodes(2) as made:
        execute(made[0].dsn(), *ITEMS)
        made[1].begin_as_standby_of(made[0])
        yield made


@pytest.fixture
def node() -> Iterator[Node]:
    with nodes(1) as made:
        execute(made[0].dsn(), *ITEMS)
        yield made[0]


@pytest.fixture
def command(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Command]:
    found = "pair" if "pair" in request.fixturenames else "node"
    made = request.getfixturevalue(found)
    command = Command(tmp_path, dsn_of_all(made if isinstance(made, list) else [made]), FEEDS)
    command.call("install")
    yield command
    command.close()


def is_delivered(command: Command) -> bool:
    return command.documents("items") == command.query("items")


def caught_up(standby: Node, primary: Node) -> bool:
    position = execute_one(primary, "SELECT pg_current_wal_lsn()::text")
    return execute_one(standby, f"SELECT pg_last_wal_replay_lsn() >= '{position}'") is True


def execute_one(node: Node, text: str) -> object:
    import psycopg

    with psycopg.connect(node.dsn(), autocommit=True) as connection:
        row = connection.execute(text.encode()).fetchone()
    return row[0] if row else None


def repeated(records: list[Record]) -> int:
    """How many records came in a revision in which they had come before."""
    keys = [(str(record["key"]), record["revision"]) for record in records]
    return len(keys) - len(set(keys))


@pytest.mark.timeout(300)
def test_a_planned_failover_sends_nothing_again(pair: list[Node], command: Command) -> None:
    first, second = pair
    daemon = command.start()
    execute(command.dsn, "UPDATE item SET name = 'b' WHERE id < 5")
    eventually("it is delivered", lambda: is_delivered(command))
    before = len(command.records("items"))
    first.stop()
    second.promote()
    daemon.await_event("incarnation_continued", feed="items")
    execute(command.dsn, "UPDATE item SET name = 'c' WHERE id = 7")
    eventually("the change is delivered", lambda: is_delivered(command))
    assert len(command.records("items")) == before + 1


def test_a_failover_that_lost_what_was_delivered_is_noticed_by_a_running_daemon(
    pair: list[Node], command: Command
) -> None:
    first, second = pair
    daemon = command.start()
    eventually("it is delivered", lambda: is_delivered(command))
    eventually("the standby has followed", lambda: caught_up(second, first))
    second.stop()
    execute(
        command.dsn,
        "UPDATE item SET name = 'lost'",
        "INSERT INTO item VALUES (100, 'lost')",
        "DELETE FROM item WHERE id = 3",
    )
    eventually("the tail is delivered", lambda: is_delivered(command))
    first.crash()
    second.start()
    second.promote()
    daemon.await_event("feed_changed", feed="items")
    eventually("what was lost is taken back", lambda: is_delivered(command))
    assert command.documents("items")[(3,)] == {"id": 3, "name": "a"}
    assert repeated(command.records("items")) == 0


@pytest.mark.timeout(300)
def test_an_old_primary_that_was_rewound_is_promoted_again(pair: list[Node], command: Command) -> None:
    first, second = pair
    daemon = command.start()
    eventually("it is delivered", lambda: is_delivered(command))
    eventually("the standby has followed", lambda: caught_up(second, first))
    second.stop()
    execute(command.dsn, "UPDATE item SET name = 'lost'", "INSERT INTO item VALUES (100, 'lost')")
    eventually("the tail is delivered", lambda: is_delivered(command))
    first.crash()
    second.start()
    second.promote()
    daemon.await_event("feed_changed", feed="items")
    execute(command.dsn, "UPDATE item SET name = 'second' WHERE id = 5")
    eventually("what was lost is taken back", lambda: is_delivered(command))
    changed = daemon.await_event("feed_changed", feed="items")
    daemon.await_event("snapshot_ended", after=changed, feed="items")
    first.rewind_to(second)
    execute(command.dsn, "UPDATE item SET name = 'both' WHERE id = 6")
    eventually("the change is delivered", lambda: is_delivered(command))
    eventually("the old primary has followed", lambda: caught_up(first, second))
    before = len(command.records("items"))
    second.stop()
    first.promote()
    daemon.await_event("incarnation_continued", feed="items")
    execute(command.dsn, "UPDATE item SET name = 'third' WHERE id = 7")
    eventually("the change is delivered", lambda: is_delivered(command))
    # Nothing was lost this time: nothing is sent again.
    assert len(command.records("items")) == before + 1
    assert repeated(command.records("items")) == 0


def test_what_was_lost_and_never_delivered_makes_no_redelivery(pair: list[Node], command: Command) -> None:
    first, second = pair
    command.call("run", "--once")
    eventually("the standby has followed", lambda: caught_up(second, first))
    before = len(command.records("items"))
    second.stop()
    execute(first.dsn(), "UPDATE item SET name = 'lost' WHERE id = 1")
    first.crash()
    second.start()
    second.promote()
    command.call("run", "--once")
    assert is_delivered(command)
    assert len(command.records("items")) == before


def test_another_daemon_that_may_have_delivered_makes_a_redelivery(
    pair: list[Node], command: Command, tmp_path: Path
) -> None:
    first, second = pair
    command.call("run", "--once")
    execute(command.dsn, "INSERT INTO cdc.daemon (id) VALUES ('of another state_dir/1')")
    eventually("the standby has followed", lambda: caught_up(second, first))
    before = len(command.records("items"))
    first.stop()
    second.promote()
    command.call("run", "--once")
    assert is_delivered(command)
    assert len(command.records("items")) == before + 20


@pytest.mark.timeout(300)
def test_a_storage_snapshot_that_is_restored_in_place_is_noticed(
    node: Node, command: Command, tmp_path: Path
) -> None:
    command.call("run", "--once")
    node.stop()
    node.keep_copy(tmp_path / "copy")
    for name in ("first", "second"):  # a second restore of one copy is another incarnation again
        node.start()
        execute(
            command.dsn,
            f"UPDATE item SET name = '{name}' WHERE id < 9",
            f"INSERT INTO item VALUES (100, '{name}')",
            "DELETE FROM item WHERE id = 12",
        )
        command.call("run", "--once")
        assert is_delivered(command)
        node.stop()
        node.go_back_to(tmp_path / "copy")
        node.start()
        command.call("run", "--once")
        assert is_delivered(command)
        assert repeated(command.records("items")) == 0
        node.stop()


@pytest.mark.timeout(300)
def test_a_base_backup_that_is_restored_to_an_earlier_moment_is_noticed(
    node: Node, command: Command, tmp_path: Path
) -> None:
    command.call("run", "--once")
    backup = node.directory / "backup"
    backup.mkdir(mode=0o700)
    shutil.chown(backup, user=node.data.owner(), group=node.data.group())
    node.program("pg_basebackup", "-D", backup, "-d", node.dsn(), "-c", "fast", "-X", "stream")
    execute(command.dsn, "UPDATE item SET name = 'later'", "INSERT INTO item VALUES (100, 'later')")
    command.call("run", "--once")
    node.stop()
    node.go_back_to(backup)
    (node.data / "recovery.signal").touch()
    shutil.chown(node.data / "recovery.signal", user=node.data.owner(), group=node.data.group())
    with (node.data / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            "restore_command = 'false'\nrecovery_target = 'immediate'\nrecovery_target_action = 'promote'\n"
        )
    node.start()
    eventually("it takes writes", lambda: execute_one(node, "SELECT pg_is_in_recovery()") is False)
    command.call("run", "--once")
    assert is_delivered(command)
    assert repeated(command.records("items")) == 0


def test_pg_restore_in_place_is_noticed_also_by_a_daemon_that_has_seen_nothing(
    node: Node, command: Command, tmp_path: Path
) -> None:
    command.call("run", "--once")
    dump = node.directory / "dump"
    node.program("pg_dump", "-Fc", "-d", node.dsn(), "-f", "/tmp/" + dump.parent.parent.name)  # noqa: S108
    execute(command.dsn, "UPDATE item SET name = 'later'", "INSERT INTO item VALUES (100, 'later')")
    command.call("run", "--once")
    restore = ("pg_restore", "--clean", "--if-exists", "-d", node.dsn())
    node.program(*restore, "/tmp/" + dump.parent.parent.name)  # noqa: S108
    shutil.rmtree(tmp_path / "state")
    command.call("install")
    command.call("run", "--once")
    assert is_delivered(command)
    assert repeated(command.records("items")) == 0
