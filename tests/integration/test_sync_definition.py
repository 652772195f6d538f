"""Whose definition of a feed counts: the one that a person installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from cdc_daemon.errors import FeedError
from tests.support.command import Feed
from tests.support.synced import ITEM_FEED, Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


def test_a_daemon_with_an_older_query_stops_the_feed_and_does_not_put_its_query_back(
    database: str, tmp_path: Path
) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old = Synced(tmp_path / "old", database)
    old.sync()
    changed = {"items": Feed("SELECT id, code FROM item")}
    new = Synced(tmp_path / "new", database, schema="SELECT", feeds=changed)
    new.sync()
    with pytest.raises(FeedError, match="not the configured one"):
        old.sync("UPDATE item SET code = 'other' WHERE id = 1")
    new.sync()
    documents = [record["data"] for record in new.records("items")]
    assert {"id": 1, "code": "other"} in documents
    assert all(document.keys() == {"id", "code"} for document in documents)


def test_an_install_of_the_changed_query_recomputes_the_feed(database: str, tmp_path: Path) -> None:
    shop = Synced(tmp_path, database, feeds={"items": ITEM_FEED})
    shop.sync()
    changed = Synced(tmp_path, database, schema="SELECT", feeds={"items": Feed("SELECT id, code FROM item")})
    assert len(changed.delivered_by()) == 5


def test_the_plan_of_one_feed_shows_what_an_install_of_its_changed_query_would_do(
    database: str, tmp_path: Path
) -> None:
    Synced(tmp_path, database, feeds={"items": ITEM_FEED, "others": ITEM_FEED}).sync()
    (tmp_path / "items.sql").write_text("SELECT id, code FROM item")
    config = str(tmp_path / "cdc.toml")
    told = CliRunner().invoke(main, ["--config", config, "plan", "items"], env={"CDC_DATABASE_DSN": database})
    assert told.exit_code == 0, told.stderr
    assert "replace  definition of feed items" in told.stdout
    assert "others" not in told.stdout
