"""A database that was restored, copied or promoted: its cursors belong to another history."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.synced import Synced

RESTORED = "UPDATE cdc.feed_state SET history = 'another cluster/1/1'"


def test_after_a_restore_everything_is_delivered_again_above_the_revisions_of_the_lost_future(
    database: str, tmp_path: Path
) -> None:
    shop = Synced(tmp_path, database)
    shop.sync()
    lost_future = max(record["revision"] for record in shop.records("items"))
    again = shop.delivered_by(RESTORED)
    assert len(again) == 5
    # A receiver may hold any revision that the lost future gave out: the epoch stands in higher bits.
    assert min(record["revision"] for record in again) > 1 << 40 > lost_future
    assert shop.delivered_by() == []


def test_a_second_restore_begins_another_epoch(database: str, tmp_path: Path) -> None:
    shop = Synced(tmp_path, database)
    shop.sync()
    first = shop.delivered_by(RESTORED)
    second = shop.delivered_by(RESTORED)
    assert {record["revision"] >> 40 for record in first} == {1}
    assert {record["revision"] >> 40 for record in second} == {2}


@pytest.mark.timeout(30)
def test_a_restored_feed_without_documents_is_done_at_once(database: str, tmp_path: Path) -> None:
    shop = Synced(tmp_path, database)
    shop.sync()
    shop.sync("DELETE FROM item")
    assert shop.delivered_by("DELETE FROM cdc.feed_items", RESTORED) == []
