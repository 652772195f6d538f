"""A database that was restored, copied or promoted: its cursors belong to another incarnation."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

RESTORED = "UPDATE cdc.feed_state SET incarnation = 'another cluster/1/1'"


def test_after_a_restore_everything_is_delivered_again_above_the_revisions_of_the_lost_future(
    database: str, tmp_path: Path
) -> None:
    shop = Synced(tmp_path, database)
    shop.sync()
    lost_future = max(record["revision"] for record in shop.records("items"))
    before = time.time_ns() // 1000
    again = shop.delivered_by(RESTORED)
    assert len(again) == 5
    # A receiver may hold any revision that the lost future gave out.
    assert min(record["revision"] for record in again) > before > lost_future
    assert shop.delivered_by() == []


def test_a_second_restore_of_one_backup_numbers_above_the_first(database: str, tmp_path: Path) -> None:
    shop = Synced(tmp_path, database)
    shop.sync()
    backup = shop.value("SELECT last_value FROM cdc.feed_items_revision")
    first = shop.delivered_by(RESTORED)
    # What the first restore has done is not in the backup.
    second = shop.delivered_by(f"SELECT setval('cdc.feed_items_revision', {backup})", RESTORED)
    assert max(record["revision"] for record in first) < min(record["revision"] for record in second)


@pytest.mark.timeout(30)
def test_a_restored_feed_without_documents_is_done_at_once(database: str, tmp_path: Path) -> None:
    shop = Synced(tmp_path, database)
    shop.sync()
    shop.sync("DELETE FROM item")
    assert shop.delivered_by("DELETE FROM cdc.feed_items", RESTORED) == []
