"""The watch over the catalogue reads, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.pg.session import connect
from cdc_daemon.workers import catalogue_watch
from cdc_daemon.workers.catalogue_watch import CatalogueWatch
from cdc_daemon.workers.planning import plan_feed
from tests.support.command import Feed, execute
from tests.support.synced import ITEMS, Synced

pytestmark = pytest.mark.any_server

OTHER = "CREATE TABLE other (id int PRIMARY KEY, code text);"


def test_a_look_names_feeds_that_are_new_and_all_of_them_when_something_moved(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_watch, "LOOK_SECONDS", 0.0)
    feeds = Synced(
        tmp_path,
        database,
        schema=ITEMS + OTHER,
        feeds={"items": Feed("SELECT id, code FROM item"), "others": Feed("SELECT id, code FROM other")},
    )
    with connect(database) as session:
        watched = {"items": plan_feed(session, feeds.settings, "items").dependencies}
        watch = CatalogueWatch(lambda: dict(watched))
        session.execute("SET default_transaction_read_only = on")  # so it can't have an xid either
        assert watch.moved(session) == ["items"]
        assert watch.moved(session) == []
        execute(database, "ALTER TABLE other ALTER code TYPE varchar", "UPDATE item SET code = 'z'")
        assert watch.moved(session) == []
        execute(database, "ALTER TABLE item ALTER code TYPE varchar")
        assert watch.moved(session) == ["items"]
        session.execute("SET default_transaction_read_only = off")
        watched["others"] = plan_feed(session, feeds.settings, "others").dependencies
        session.execute("SET default_transaction_read_only = on")
        assert watch.moved(session) == ["others"]
        execute(database, "ALTER TABLE other RENAME TO another")
        assert watch.moved(session) == ["items", "others"]
