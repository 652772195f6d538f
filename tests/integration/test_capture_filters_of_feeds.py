"""Filters of capture when feeds come, change and go: wider at once, and narrower when nobody needs more."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from cdc_daemon.capture.writers import Writers
from tests.support.bed import Bed
from tests.support.command import Feed
from tests.support.filtered_shop import (
    COLOR,
    SHOP,
    Connect,
    Session,
    daemon,
    entries,
    filters,
    names,
    shop,
)
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

__all__ = ["daemon", "shop"]


def test_a_second_feed_widens_the_filter_and_one_that_goes_narrows_it(daemon: Bed, shop: Session) -> None:
    daemon.add_feed("colors", names(COLOR), key=["id"])
    steps = [step.what for step in daemon.install()]
    assert "function cdc.capture_public_value" in steps
    daemon.assert_in_step()
    shop.execute("UPDATE value SET content = 'both' WHERE attribute_id IN (73, 80)")
    assert entries(shop) == [8]
    daemon.assert_in_step()
    assert daemon.install() == []
    # A use without a filter takes all.
    daemon.add_feed(
        "all",
        "SELECT product_id, attribute_id, store_id, content FROM value",
        key=["product_id", "attribute_id", "store_id"],
    )
    daemon.install()
    assert filters(shop) is None
    daemon.assert_in_step()
    shop.execute("UPDATE value SET content = 'every' WHERE attribute_id = 99")
    daemon.assert_in_step()
    daemon.drop_feeds("all", "names")
    daemon.install()
    shop.execute("TRUNCATE cdc.changelog_public_value")
    shop.execute("UPDATE value SET content = 'color' WHERE attribute_id IN (73, 80, 99)")
    assert entries(shop) == [4]
    daemon.assert_in_step()


def test_daemons_with_different_feeds_leave_each_other_what_they_need(
    daemon: Bed, shop: Session, database: str, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Bed(tmp_path / "other", database)
    other.add_feed("colors", names(COLOR), key=["id"])
    other.assert_in_step()  # installs what its feed lacks, and takes nothing away
    for round_ in range(3):
        shop.execute(f"UPDATE value SET content = '{round_}' WHERE attribute_id IN (73, 80)".encode())
        daemon.assert_in_step()
        other.assert_in_step()
    shop.execute("TRUNCATE cdc.changelog_public_value")
    shop.execute("UPDATE value SET content = 'x' WHERE attribute_id = 90")
    assert entries(shop) == []


def test_a_changed_query_brings_documents_that_capture_had_left_out(daemon: Bed, shop: Session) -> None:
    shop.execute("UPDATE value SET content = 'unseen' WHERE attribute_id = 80")
    daemon.add_feed("names", names(COLOR), key=["id"])
    daemon.install()
    daemon.assert_in_step()
    assert b"unseen" in daemon.delivered_texts("names")["[1]"]


def test_a_feed_that_needs_more_rows_than_were_captured_for_it_is_resynced_and_no_other(
    daemon: Bed, shop: Session
) -> None:
    def cursor() -> bool:
        row = shop.execute("SELECT cursor IS NOT NULL FROM cdc.feed_state").fetchone()
        assert row is not None
        return bool(row[0])

    remembered = shop.execute("SELECT filters FROM cdc.feed_state").fetchone()
    assert remembered is not None
    [mine] = remembered[0]["public.value"]

    def remember(*conditions: str) -> None:
        shop.execute("UPDATE cdc.feed_state SET filters = %s", (json.dumps({"public.value": conditions}),))

    another = '["is null","content"]'
    remember(mine, another)
    assert [step.what for step in daemon.install()] == ["definition of feed names"]
    assert cursor()  # narrower: nothing is lacking
    remember(another)
    daemon.install()
    assert not cursor()
    daemon.assert_in_step()
    assert cursor()
    shop.execute("UPDATE cdc.feed_state SET filters = '{}'")
    daemon.install()
    assert cursor()  # every row was captured before


def test_a_writer_that_still_runs_the_narrower_filter_is_awaited(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    shop = Synced(tmp_path, database, schema=SHOP, feeds={"names": Feed(names())})
    shop.sync()
    writer = connect(autocommit=False)
    writer.execute("UPDATE value SET content = 'late' WHERE attribute_id = 80 AND product_id = 1")
    shop.feeds["colors"] = Feed(names(COLOR))
    shop.configure()
    shop.install()
    waited: list[Writers] = []
    gave_up = threading.Event()
    with shop.feed_sync("colors") as sync:
        assert sync.begin(pause=lambda _: bool(waited), waiting=waited.append) is None
        writer.commit()
        assert sync.begin(pause=gave_up.wait, waiting=waited.append) == 4
    assert len(waited) == 1
    shop.sync()
    shop.assert_equal_to_the_query()


def test_an_install_brings_filters_to_an_installation_without_them_and_loses_nothing(
    daemon: Bed, shop: Session
) -> None:
    unfiltered = "SELECT product_id, attribute_id, store_id, content FROM value"
    daemon.add_feed("all", unfiltered, key=["product_id", "attribute_id", "store_id"])
    daemon.install()
    daemon.assert_in_step()
    daemon.drop_feeds("all")
    shop.execute(
        "DROP TABLE cdc.feed_all, cdc.feed_all_log, cdc.backlog_all CASCADE;"
        " DELETE FROM cdc.feed_state WHERE feed = 'all';"
        # As the migration that brought filters leaves what was installed before it.
        " UPDATE cdc.source SET filters = NULL; UPDATE cdc.feed_state SET filters = '{}'"
    )
    shop.execute("UPDATE value SET content = 'between' WHERE attribute_id IN (73, 80)")
    assert entries(shop)[-1] == 16
    before = shop.execute("SELECT count(*) FROM cdc.resync").fetchone()
    assert daemon.read_status().drift
    steps = [step.what for step in daemon.install()]
    assert "function cdc.capture_public_value" in steps
    assert daemon.install() == []
    assert daemon.read_status().drift == []
    shop.execute("UPDATE value SET content = 'another' WHERE attribute_id = 80")
    assert entries(shop)[-1] == 16
    daemon.assert_in_step()
    assert shop.execute("SELECT count(*) FROM cdc.resync").fetchone() == before
    shop.execute("UPDATE value SET content = 'after' WHERE attribute_id = 73")
    daemon.assert_in_step()
