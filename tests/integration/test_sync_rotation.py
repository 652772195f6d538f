"""Changelogs and logs are emptied when everybody has read them, and never before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from cdc_daemon.errors import FeedError
from tests.support.command import Feed, execute
from tests.support.synced import ITEM_FEED, Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

Connect = Callable[..., "psycopg.Connection[tuple[Any, ...]]"]
ENTRIES = "SELECT count(*) FROM cdc.changelog_public_item"
LOG = "SELECT count(*) FROM cdc.feed_items_log"


def test_what_everybody_has_read_is_emptied(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    feeds.sync("UPDATE item SET price = 3")
    assert feeds.value(ENTRIES) == 1
    assert feeds.value(LOG) == 10
    feeds.rotate()
    assert feeds.value(ENTRIES) == 0
    assert feeds.value(LOG) == 0
    feeds.sync("UPDATE item SET price = 4")
    feeds.assert_equal_to_the_query()


def test_what_a_feed_or_a_sink_has_not_read_stays(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    execute(database, "UPDATE item SET price = 3")
    feeds.rotate()
    assert feeds.value(ENTRIES) == 1
    with feeds.feed_sync() as sync:
        sync.run_pass()
    feeds.rotate()
    assert feeds.value(ENTRIES) == 0
    assert feeds.value(LOG) == 5
    feeds.sync()
    feeds.assert_equal_to_the_query()


def test_no_entry_of_an_open_writer_is_lost(database: str, connect: Connect, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    writer = connect(autocommit=False)
    writer.execute("UPDATE item SET price = 3 WHERE id = 1")
    feeds.sync("UPDATE item SET price = 4 WHERE id = 2")
    feeds.rotate()  # all that is visible was read: only the writer's lock keeps the segment
    assert feeds.value(ENTRIES) == 1
    writer.commit()
    feeds.rotate()
    assert feeds.value(ENTRIES) == 2
    feeds.sync()
    feeds.assert_equal_to_the_query()
    feeds.rotate()
    assert feeds.value(ENTRIES) == 0


def test_no_entry_of_a_prepared_transaction_is_lost(database: str, connect: Connect, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    writer = connect(autocommit=False)
    writer.execute("UPDATE item SET price = 3 WHERE id = 1")
    writer.execute("PREPARE TRANSACTION 'kept'")
    feeds.sync("UPDATE item SET price = 4 WHERE id = 2")
    feeds.rotate()
    execute(database, "COMMIT PREPARED 'kept'")
    feeds.sync()
    feeds.assert_equal_to_the_query()


def test_entries_of_a_stopped_feed_are_kept_until_it_gives_up_its_claim(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(
        tmp_path,
        database,
        feeds={
            "items": ITEM_FEED,
            "codes": Feed("SELECT id, code FROM item", ("code",), 'entity = ["id"]'),
        },
    )
    feeds.sync()
    with pytest.raises(FeedError):
        feeds.sync("UPDATE item SET code = 'c2' WHERE id = 1")
    feeds.rotate()
    assert feeds.value(ENTRIES) == 1
    execute(database, "UPDATE cdc.changelog_public_item SET changed_at = changed_at - interval '2 minutes'")
    with capture_logs() as told:
        feeds.rotate(changelog_limit_bytes=1)
    assert [event["feed"] for event in told if event["event"] == "feed_fell_behind"] == ["codes"]
    assert feeds.value(ENTRIES) == 0
    assert feeds.cursor("codes") is None
    assert feeds.cursor("items") is not None
    feeds.sync("UPDATE item SET code = 'c9' WHERE id = 2")
    feeds.assert_equal_to_the_query()


def test_a_sink_too_far_behind_scans_the_feed_and_arrives_at_the_same_state(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    with feeds.feed_sync() as sync:
        for price in range(10):
            execute(database, f"UPDATE item SET price = {price} WHERE id <= 3")
            sync.run_pass()
        execute(database, "DELETE FROM item WHERE id = 1")
        sync.run_pass()
        feeds.rotate(log_limit_rows=20)
        assert feeds.value(LOG) == 0
        # What comes while it scans is in the log again.
        execute(database, "UPDATE item SET code = 'late' WHERE id = 2")
        sync.run_pass()
    records = feeds.delivered_by()
    assert min((record["key"]["id"], record["op"]) for record in records) == (1, "delete")
    assert {record["key"]["id"] for record in records} == {1, 2, 3}  # 4 and 5 have not changed
    feeds.assert_equal_to_the_query()
