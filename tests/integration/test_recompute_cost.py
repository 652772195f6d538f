"""What recomputing a few entities costs: their query once, and their own rows of the stored feed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Feed, Record
from tests.support.synced import ITEMS, Synced

pytestmark = pytest.mark.any_server

# Each call is counted, whatever becomes of the transaction.
COUNTED = """
CREATE SEQUENCE calls;
CREATE FUNCTION counted(code text) RETURNS text STABLE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('calls');
    RETURN upper(code);
END $$;
"""


def op(record: Record) -> str:
    return str(record["op"])


def test_an_output_column_is_computed_once_for_document_hash_and_key(database: str, tmp_path: Path) -> None:
    feed = Feed(
        "SELECT i.id, (SELECT counted(i.code)) AS name, i.note FROM item AS i",
        key=("id", "name"),
        options='hash_exclude = ["note"]\nreads = []\nentity = ["id"]',
    )
    feeds = Synced(tmp_path, database, schema=ITEMS + COUNTED, feeds={"items": feed})
    feeds.sync()
    before = feeds.value("SELECT last_value FROM calls")
    gone, record = sorted(feeds.delivered_by("UPDATE item SET code = 'other' WHERE id = 2"), key=op)
    assert (gone["key"]["name"], record["data"]["name"]) == ("C2", "OTHER")
    assert feeds.value(f"SELECT last_value - {before} FROM calls") == 1


def test_a_change_reads_its_own_rows_of_the_feed_however_many_the_planner_expects(
    database: str, tmp_path: Path
) -> None:
    """PostgreSQL expects a hundred pairs of every object: a million documents where there is one."""
    feed = Feed(
        "SELECT i.id, i.code, a.value || b.value || c.value AS text FROM item AS i"
        " CROSS JOIN LATERAL json_each_text(json_build_object('a', i.code)) AS a"
        " CROSS JOIN LATERAL json_each_text(json_build_object('b', i.note)) AS b"
        " CROSS JOIN LATERAL json_each_text(json_build_object('c', a.value)) AS c",
        key=("code",),
        options='entity = ["id"]',
    )
    feeds = Synced(tmp_path, database, feeds={"items": feed})
    feeds.sync(
        "INSERT INTO item SELECT n, 'c' || n, 1, '' FROM generate_series(6, 20000) AS n", "ANALYZE item"
    )
    feeds.sync("ANALYZE cdc.feed_items")
    rows_read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relid = 'cdc.feed_items'::regclass"
    feeds.await_statistics()
    before = feeds.value(rows_read)
    assert len(feeds.delivered_by("UPDATE item SET note = 'x' WHERE id = 7")) == 1
    feeds.await_statistics()
    assert feeds.value(rows_read) == before
