"""A document that is too large is never stored, and never leaves the database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdc_daemon.pg.session import connect
from cdc_daemon.workers import control
from tests.support.command import Feed, execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

ITEMS = """
CREATE TABLE item (id int PRIMARY KEY, body text NOT NULL, other int NOT NULL DEFAULT 0);
INSERT INTO item SELECT n, 'short' FROM generate_series(1, 20) AS n;
"""
QUERY = "SELECT id, body, other FROM item"
LARGE = "UPDATE item SET body = repeat('x', 5000), other = 1 WHERE id = 7"


def limited(limit: int, more: str = "") -> dict[str, Feed]:
    return {"items": Feed(QUERY, options=f"max_document_bytes = {limit}\n{more}")}


def failed(feeds: Synced) -> list[tuple[str, str]]:
    """Entities and reasons."""
    with connect(feeds.dsn) as connection:
        return [
            (",".join(each.entity or ()), each.reason)
            for each in control.failed_entities(connection, list(feeds.feeds))
        ]


@pytest.mark.parametrize("more", ["", 'hash_exclude = ["id"]'])
def test_a_document_that_is_too_large_is_set_aside_and_the_last_one_stays(
    database: str, tmp_path: Path, more: str
) -> None:
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds=limited(2000, more))
    feeds.sync()
    before = feeds.documents("items")
    feeds.sync(LARGE, "UPDATE item SET body = 'new' WHERE id = 8")
    [(entity, reason)] = failed(feeds)
    assert entity == "7"
    assert reason.startswith("a document of 5,0")
    assert reason.endswith(" bytes is larger than max_document_bytes = 2,000")
    assert feeds.documents("items")[7,] == before[7,]
    assert feeds.documents("items")[8,]["body"] == "new"
    feeds.sync("UPDATE item SET other = 2 WHERE id IN (7, 8)", "DELETE FROM item WHERE id = 9")
    assert [entity for entity, _ in failed(feeds)] == ["7"]
    feeds.sync("UPDATE item SET body = 'shorter' WHERE id = 7")
    assert failed(feeds) == []
    feeds.assert_equal_to_the_query()


def test_a_first_sync_leaves_out_what_is_too_large(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=f"{ITEMS}{LARGE};", feeds=limited(2000))
    feeds.sync()
    assert [entity for entity, _ in failed(feeds)] == ["7"]
    assert len(feeds.documents("items")) == 19
    feeds.call("resync", "items", "--force", "--wait")
    assert [entity for entity, _ in failed(feeds)] == ["7"]


def test_other_documents_of_the_same_entity_go_on(database: str, tmp_path: Path) -> None:
    two = Feed("SELECT id, other, body FROM item", ("id",), 'entity = ["other"]\nmax_document_bytes = 2000')
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": two})
    feeds.sync()
    feeds.sync(
        "UPDATE item SET body = repeat('x', 5000) WHERE id = 7", "UPDATE item SET body = 'n' WHERE id = 8"
    )
    assert [entity for entity, _ in failed(feeds)] == ["0"]
    assert feeds.documents("items")[8,]["body"] == "n"


def test_what_is_stored_under_a_higher_limit_is_refused_and_not_read(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds=limited(100_000))
    feeds.sync()
    execute(database, LARGE, "UPDATE item SET body = 'new' WHERE id = 8")
    feeds.call("pause", "--sink", "file")
    feeds.sync()
    feeds.feeds = limited(2000)
    feeds.configure()
    feeds.call("resume", "--sink", "file")
    feeds.sync()
    assert feeds.documents("items")[7,]["body"] == "short"
    assert feeds.documents("items")[8,]["body"] == "new"
    with connect(database) as connection:
        [item] = control.failed_items(connection, ["items"])
    assert (item.status, item.key) == ("too large", '{"id": 7}')
    feeds.feeds = limited(100_000)
    feeds.configure()
    feeds.call("retry", "items")
    feeds.sync()
    feeds.assert_equal_to_the_query()


def test_the_daemon_never_holds_a_document_that_is_too_large(database: str, tmp_path: Path) -> None:
    sinks = "".join(
        f'[sinks.{name}]\ntype = "file"\npath = "{name}/{{feed}}.ndjson"\n' for name in ("file", "second")
    )
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": Feed(QUERY)}, sinks=sinks)
    without = _peak_bytes(feeds)
    execute(database, "UPDATE item SET body = repeat('x', 60000000) WHERE id IN (7, 8)")
    assert _peak_bytes(feeds) - without < 40_000_000
    assert [entity for entity, _ in failed(feeds)] == ["7", "8"]


def _peak_bytes(feeds: Synced) -> int:
    """The largest resident size of `run --once`."""
    arguments = [sys.executable, "-m", "cdc_daemon", "--config", str(feeds.config), "run", "--once"]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_maxrss * 1024
