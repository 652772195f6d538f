"""What fires no trigger and changes documents all the same is noticed in the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Feed
from tests.support.synced import Synced

pytestmark = pytest.mark.migrated

PARTITIONED = """
CREATE TABLE item (id int PRIMARY KEY, code text) PARTITION BY RANGE (id);
CREATE TABLE item_low PARTITION OF item FOR VALUES FROM (0) TO (100);
INSERT INTO item SELECT n, 'c' || n FROM generate_series(1, 5) AS n;
"""
CODES = {"items": Feed("SELECT id, code FROM item")}


def test_a_column_rewritten_by_alter_type_using_is_noticed(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    feeds.sync("ALTER TABLE item ALTER COLUMN price TYPE numeric(10, 3) USING price * 2")
    assert feeds.documents("items")[1,]["price"] == "3.000"
    feeds.assert_equal_to_the_query()


def test_a_partition_that_is_attached_or_detached_is_noticed(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=PARTITIONED, feeds=CODES)
    feeds.sync()
    feeds.sync(
        "CREATE TABLE item_high (id int PRIMARY KEY, code text)",
        "INSERT INTO item_high VALUES (100, 'x'), (101, 'y')",
        "ALTER TABLE item ATTACH PARTITION item_high FOR VALUES FROM (100) TO (200)",
    )
    assert (100,) in feeds.documents("items")
    feeds.assert_equal_to_the_query()
    # Capture stands on the new leaf as well.
    feeds.sync("UPDATE item_high SET code = 'z' WHERE id = 100", "UPDATE item SET code = 'z' WHERE id = 101")
    feeds.assert_equal_to_the_query()
    feeds.sync("ALTER TABLE item DETACH PARTITION item_low")
    assert len(feeds.documents("items")) == 2
    feeds.assert_equal_to_the_query()


@pytest.mark.parametrize(
    "blinding",
    [
        "ALTER TABLE item DISABLE TRIGGER cdc_capture_update",
        "ALTER TABLE item DISABLE TRIGGER USER",
        "DROP TRIGGER cdc_capture_update ON item",
    ],
)
def test_a_trigger_that_was_switched_off_is_noticed_and_stands_again(
    database: str, tmp_path: Path, blinding: str
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    feeds.sync(blinding, "UPDATE item SET price = 40 WHERE id = 4")
    feeds.assert_equal_to_the_query()
    resyncs = feeds.resyncs()
    feeds.sync("UPDATE item SET price = 50 WHERE id = 5")
    feeds.assert_equal_to_the_query()
    assert feeds.resyncs() == resyncs


def test_a_changed_function_of_the_query_is_noticed(database: str, tmp_path: Path) -> None:
    body = "CREATE OR REPLACE FUNCTION shown(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT {} $$"
    feeds = Synced(
        tmp_path,
        database,
        schema=PARTITIONED + body.format("upper($1)"),
        feeds={"items": Feed("SELECT id, shown(code) AS code FROM item")},
    )
    feeds.sync()
    feeds.sync(body.format("lower($1) || '!'"))
    assert feeds.documents("items")[1,]["code"] == "c1!"
    feeds.assert_equal_to_the_query()


VIEWED = """
CREATE TABLE maker (id int PRIMARY KEY, name text);
CREATE TABLE item (id int PRIMARY KEY, maker_id int, code text);
INSERT INTO maker VALUES (1, 'one'), (2, 'two');
INSERT INTO item SELECT n, 1 + n % 2, 'c' || n FROM generate_series(1, 5) AS n;
CREATE VIEW made AS SELECT i.id, i.code AS shown FROM item AS i;
CREATE VIEW offer WITH (security_barrier) AS SELECT made.id, made.shown FROM made WHERE made.id < 100;
"""


def test_documents_follow_a_view_that_is_replaced_to_the_tables_that_it_reads_then(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database, schema=VIEWED, feeds={"items": Feed("SELECT id, shown FROM offer")})
    feeds.sync("UPDATE item SET code = 'x' WHERE id = 1")
    feeds.assert_equal_to_the_query()
    before = feeds.resyncs()
    feeds.sync("UPDATE item SET code = 'y' WHERE id = 1")
    assert feeds.resyncs() == before
    # A view behind the one that the query names; its new query reads one more table.
    feeds.sync(
        "CREATE OR REPLACE VIEW made AS "
        "SELECT i.id, m.name AS shown FROM item AS i JOIN maker AS m ON m.id = i.maker_id"
    )
    assert feeds.documents("items")[1,]["shown"] == "two"
    feeds.assert_equal_to_the_query()
    assert feeds.delivered_by("UPDATE maker SET name = 'three' WHERE id = 2")
    feeds.assert_equal_to_the_query()


@pytest.mark.parametrize(
    "alteration",
    [
        "CREATE OR REPLACE VIEW offer AS SELECT made.id, upper(made.shown) AS shown FROM made",
        "ALTER VIEW offer RESET (security_barrier)",
        "ALTER VIEW made RENAME TO formed",
        "ALTER VIEW made RENAME COLUMN shown TO seen",
    ],
)
def test_a_view_that_was_altered_leads_to_a_resync(database: str, tmp_path: Path, alteration: str) -> None:
    feeds = Synced(tmp_path, database, schema=VIEWED, feeds={"items": Feed("SELECT id, shown FROM offer")})
    feeds.sync()
    before = feeds.resyncs()
    feeds.sync(alteration)
    feeds.assert_equal_to_the_query()
    assert feeds.resyncs() != before


def test_what_changes_no_document_causes_no_resync(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    before = feeds.resyncs()
    records = feeds.delivered_by(
        "GRANT SELECT ON item TO PUBLIC",
        "ANALYZE item",
        "CREATE INDEX ON item (code)",
        "VACUUM FULL item",
        "VACUUM item",
        "REINDEX TABLE item",
        "CLUSTER item USING item_pkey",
        "ALTER TABLE item ADD COLUMN unused int DEFAULT 1",
    )
    assert records == []
    assert feeds.resyncs() == before
