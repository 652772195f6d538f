"""Changelogs that an earlier version named: they stay, unless two tables share one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.capture.names import CaptureNames
from cdc_daemon.workers import planning
from tests.support.command import Feed, execute
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server

SCHEMA = """
CREATE SCHEMA my_shop;
CREATE SCHEMA my;
CREATE TABLE my_shop."order" (id int PRIMARY KEY, value text);
CREATE TABLE my.shop_order_8d22097d (id int PRIMARY KEY, value text);
INSERT INTO my_shop."order" VALUES (1, 'a');
INSERT INTO my.shop_order_8d22097d VALUES (1, 'a');
"""

FIRST = Feed('SELECT id, value FROM my_shop."order"')
SECOND = Feed("SELECT id, value FROM my.shop_order_8d22097d")


def _as_before(table: TableName, recorded: object) -> CaptureNames:
    """As earlier versions named them: eight digits where a schema's name holds `_`."""
    digest = hashlib.sha256("\0".join(table).encode()).hexdigest()[:8] if "_" in table.schema else ""
    plain = "_".join([*table, *([digest] if digest else [])])
    return CaptureNames(f"changelog_{plain}", f"capture_{plain}")


def test_a_changelog_keeps_the_name_that_an_earlier_version_gave_it(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(planning, "names_of", _as_before)
        feeds = Synced(tmp_path, database, schema=SCHEMA, feeds={"first": FIRST})
        feeds.sync()
    feeds.install()
    feeds.sync("UPDATE my_shop.\"order\" SET value = 'b'")
    assert feeds.value("SELECT changelog FROM cdc.source") == "changelog_my_shop_order_8d22097d"
    assert feeds.resyncs() == 1, "the first sync and no other"
    feeds.assert_equal_to_the_query()


def test_tables_that_shared_a_changelog_get_one_each(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(planning, "names_of", _as_before)
        feeds = Synced(tmp_path, database, schema=SCHEMA, feeds={"first": FIRST})
        feeds.sync()
        feeds.feeds["second"] = SECOND
        feeds.configure()
        feeds.install()
        assert feeds.value("SELECT count(DISTINCT changelog) FROM cdc.source") == 1
    execute(database, "UPDATE my_shop.\"order\" SET value = 'b'")
    feeds.install()
    assert feeds.value("SELECT count(DISTINCT changelog) FROM cdc.source") == 2
    assert feeds.value("SELECT to_regclass('cdc.changelog_my_shop_order_8d22097d')") is None
    feeds.sync(
        "UPDATE my.shop_order_8d22097d SET value = 'c'", "INSERT INTO my_shop.\"order\" VALUES (2, 'd')"
    )
    feeds.assert_equal_to_the_query()
