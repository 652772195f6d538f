"""A cluster of PostgreSQL 15 becomes one of 18 by pg_upgrade, and receivers end right."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.pg.system_user import give, run_as, server_user
from tests.support.cluster import Node, nodes
from tests.support.command import Command, Feed, execute

FEEDS = {"items": Feed("SELECT id, name FROM item")}


def upgraded(old: Node, folder: Path) -> Node:
    """A new cluster of the embedded version with all that the old one, which is stopped, had."""
    new = Node(folder, "embedded")
    # A start makes what surrounds the data; pg_upgrade wants a cluster with the old one's checksums.
    new.start()
    new.stop()
    user = server_user(new.data)
    programs = new._programs(user)
    new.binaries = programs
    work = folder / "work"
    for place in (work, folder / "fresh"):
        place.mkdir(mode=0o700)
        give(place, user)
    making = ("-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-data-checksums", "--no-sync")
    new.program("initdb", "-D", folder / "fresh", "--auth=trust", *making)
    binaries = ("-b", find_binaries("machine", only=True), "-B", programs)
    clusters = ("-d", old.data, "-D", folder / "fresh", *binaries, "-s", work, "-U", "postgres", "--no-sync")
    # It writes into the folder that it is called in.
    shell = " ".join(map(str, ("cd", work, "&&", programs / "pg_upgrade", *clusters)))
    done = run_as(["/bin/sh", "-c", shell], user)
    assert done.returncode == 0, done.stdout
    new.go_back_to(folder / "fresh")
    new.start()
    return new


@pytest.mark.timeout(300)
def test_after_pg_upgrade_each_document_goes_once_as_a_full_snapshot_and_again_on_the_way_back(
    tmp_path: Path,
) -> None:
    with nodes(1) as made:
        old = made[0]
        execute(
            old.dsn(),
            "CREATE TABLE item (id int PRIMARY KEY, name text)",
            "INSERT INTO item SELECT n, 'a' FROM generate_series(1, 20) AS n",
        )
        command = Command(tmp_path, old.dsn(), FEEDS)
        command.call("install")
        command.call("run", "--once")
        execute(old.dsn(), "UPDATE item SET name = 'b' WHERE id < 5", "DELETE FROM item WHERE id = 20")
        old.stop()  # the changes are captured and not delivered
        new = upgraded(old, old.directory.parent / "new")
        made.append(new)
        before = len(command.records("items"))
        command.dsn = new.dsn()
        command.configure()
        assert "Nothing to do" in command.call("install")
        command.call("run", "--once")
        command.assert_equal_to_the_query()
        assert len(command.records("items")) == before + 20  # 19 documents, and a delete
        execute(new.dsn(), "UPDATE item SET name = 'c' WHERE id = 7")
        command.call("run", "--once")
        assert len(command.records("items")) == before + 21
        command.assert_equal_to_the_query()
        # Back to the old cluster, which knows nothing of what the new one delivered. The witness does.
        new.stop()
        old.start()
        before = len(command.records("items"))
        command.dsn = old.dsn()
        command.configure()
        command.call("run", "--once")
        command.assert_equal_to_the_query()
        assert len(command.records("items")) == before + 20
        execute(old.dsn(), "UPDATE item SET name = 'd' WHERE id = 7")
        command.call("run", "--once")
        command.assert_equal_to_the_query()
        assert len(command.records("items")) == before + 21
