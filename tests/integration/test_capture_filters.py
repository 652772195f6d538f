"""Rows that no feed wants, by the constants in its query, are left out by capture: they log nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support.bed import Bed
from tests.support.command import Feed
from tests.support.filtered_shop import (
    SHOP,
    Connect,
    Session,
    daemon,
    entries,
    names,
    shop,
)
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

__all__ = ["daemon", "shop"]


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO value VALUES (1, 999, 0, 'other')",
        "INSERT INTO value VALUES (1, 73, 7, 'another store')",
        "INSERT INTO value VALUES (1, 7, 0) ON CONFLICT ON CONSTRAINT value_pkey DO UPDATE SET content = 'x'",
        "UPDATE value SET content = 'x' WHERE attribute_id <> 73",
        "UPDATE value SET content = 'x' WHERE attribute_id = 73 AND store_id = 1",
        "UPDATE value SET attribute_id = attribute_id + 1000 WHERE attribute_id = 80",
        "DELETE FROM value WHERE attribute_id <> 73",
    ],
)
def test_a_write_of_rows_that_no_feed_wants_writes_no_entry_and_takes_no_xid_for_it(
    write: str, daemon: Bed, shop: Session
) -> None:
    shop.execute(write.encode())
    assert entries(shop) == []
    assert shop.execute("SELECT xid FROM cdc.changelog_public_value").fetchall() == []
    daemon.assert_in_step()


def test_the_trigger_alone_takes_no_xid(daemon: Bed, shop: Session) -> None:
    """A statement that changes no row fires it too, and so does one whose rows are another's business."""
    shop.execute("CREATE TABLE copy (LIKE value)")
    with shop.transaction():
        shop.execute("UPDATE value SET content = 'x' WHERE attribute_id = -1")
        assert shop.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,)
    with shop.transaction():
        before = shop.execute("SELECT pg_current_xact_id()::text").fetchone()
        for _ in range(50):
            shop.execute("UPDATE value SET content = content || '!' WHERE attribute_id = 71")
        after = shop.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    # Others on this server take xids, too; a subtransaction a statement would be fifty more.
    assert before is not None
    assert after is not None
    assert int(after[0]) - int(before[0]) < 50


@pytest.mark.parametrize(
    ("write", "rows"),
    [
        ("INSERT INTO value VALUES (9, 73, 0, 'x'), (9, 74, 0, 'x'), (8, 73, 0, 'y')", [2]),
        ("UPDATE value SET content = 'x'", [4]),
        ("UPDATE value SET content = 'x' WHERE attribute_id = 73 AND product_id = 1", [1]),
        # Old or new: a row may begin to count, or cease to.
        ("UPDATE value SET attribute_id = 173 WHERE attribute_id = 73 AND store_id = 0", [4]),
        ("UPDATE value SET attribute_id = 73, product_id = 9 - product_id WHERE attribute_id = 72", [4]),
        ("UPDATE value SET product_id = 9 - product_id WHERE attribute_id = 73", [8]),
        ("UPDATE value SET attribute_id = NULL WHERE false", []),
        ("DELETE FROM value", [4]),
        ("TRUNCATE value", [None]),
    ],
)
def test_of_a_statement_those_rows_are_logged_that_a_feed_wants(
    write: str, rows: list[int], daemon: Bed, shop: Session
) -> None:
    shop.execute(write.encode())
    assert entries(shop) == rows
    daemon.assert_in_step()


def test_without_a_primary_key_each_side_is_looked_at(shop: Session, database: str, tmp_path: Path) -> None:
    shop.execute("ALTER TABLE value DROP CONSTRAINT value_pkey")
    daemon = Bed(tmp_path, database)
    daemon.add_feed("names", names(), key=["id"])
    daemon.install()
    daemon.assert_in_step()
    shop.execute("UPDATE value SET content = 'x' WHERE attribute_id = 80")
    assert entries(shop) == []
    shop.execute("DELETE FROM value WHERE attribute_id = 73 AND product_id > 2")
    shop.execute("UPDATE value SET attribute_id = 73 WHERE attribute_id = 72 AND product_id > 2")
    shop.execute("UPDATE value SET attribute_id = 1 WHERE attribute_id = 73 AND product_id = 4")
    assert entries(shop) == [2, 2, 1]
    daemon.assert_in_step()


def test_what_is_written_to_a_partition_by_its_own_name_is_filtered_too(
    connect: Connect, database: str, tmp_path: Path
) -> None:
    shop = connect()
    shop.execute(
        "CREATE TABLE product (id int PRIMARY KEY, sku text); INSERT INTO product VALUES (1, 'a');"
        "CREATE TABLE value (content text, store_id int, product_id int, attribute_id smallint,"
        " PRIMARY KEY (product_id, attribute_id, store_id)) PARTITION BY LIST (attribute_id);"
        "CREATE TABLE value_rest PARTITION OF value DEFAULT;"
        "CREATE TABLE value_73 (product_id int NOT NULL, junk int, attribute_id smallint NOT NULL,"
        " store_id int NOT NULL, content text); ALTER TABLE value_73 DROP COLUMN junk;"
        "ALTER TABLE value ATTACH PARTITION value_73 FOR VALUES IN (73)"
    )
    daemon = Bed(tmp_path, database)
    daemon.add_feed("names", names(), key=["id"])
    daemon.install()
    daemon.assert_in_step()
    shop.execute("INSERT INTO value_rest (product_id, attribute_id, store_id) VALUES (1, 5, 0), (1, 6, 0)")
    shop.execute("UPDATE value_rest SET content = 'x'")
    assert entries(shop) == []
    shop.execute("INSERT INTO value_73 (product_id, attribute_id, store_id) VALUES (1, 73, 0), (1, 73, 1)")
    shop.execute("UPDATE value SET attribute_id = 5 WHERE store_id = 1 AND attribute_id = 73")
    assert entries(shop) == [1]
    daemon.assert_in_step()


def test_a_filter_s_column_that_is_renamed_or_gets_another_type_fails_no_write(
    daemon: Bed, shop: Session
) -> None:
    shop.execute("ALTER TABLE value ALTER COLUMN attribute_id TYPE text")
    shop.execute("UPDATE value SET content = 'x' WHERE attribute_id = '80'")
    assert entries(shop) == [None]
    shop.execute("ALTER TABLE value ALTER COLUMN attribute_id TYPE bigint USING attribute_id::bigint")
    shop.execute("UPDATE value SET content = 'y' WHERE attribute_id = 73")
    daemon.assert_in_step()
    shop.execute("ALTER TABLE value RENAME attribute_id TO attribute")
    shop.execute("UPDATE value SET content = 'z' WHERE attribute = 73")
    shop.execute("ALTER TABLE value RENAME attribute TO attribute_id")
    daemon.assert_in_step()
    shop.execute("TRUNCATE cdc.changelog_public_value")
    shop.execute("UPDATE value SET content = 'y' WHERE attribute_id = 80")
    assert entries(shop) == []


def test_a_virtual_generated_column_is_no_filter_and_no_link(
    connect: Connect, database: str, tmp_path: Path
) -> None:
    """It is NULL in what a trigger sees."""
    shop = connect()
    kind = "VIRTUAL" if shop.info.server_version >= 180000 else "STORED"  # VIRTUAL came with 18
    shop.execute(
        "CREATE TABLE item (id int PRIMARY KEY, kind int, note text, other int,"
        f" cheap boolean GENERATED ALWAYS AS (kind < 5) {kind},"
        f" fixed int GENERATED ALWAYS AS (7) {kind},"
        f" parent int GENERATED ALWAYS AS (other / 10) {kind})".encode()
    )
    daemon = Bed(tmp_path, database)
    daemon.add_feed("cheap", "SELECT id, note FROM item WHERE cheap AND fixed = 7 AND other > 0", key=["id"])
    daemon.add_feed(
        "parents", "SELECT parent, count(*) AS n FROM item WHERE other > 0 GROUP BY parent", key=["parent"]
    )
    daemon.install()
    daemon.assert_in_step()
    shop.execute("INSERT INTO item VALUES (1, 1, 'a', 11), (2, 9, 'b', 22), (3, 3, 'c', NULL)")
    daemon.assert_in_step()
    shop.execute("UPDATE item SET note = 'c', kind = 10 - kind, other = 33 - other")
    daemon.assert_in_step()
    row = shop.execute("SELECT filters::text LIKE '%%cheap%%' FROM cdc.source").fetchone()
    assert row == (kind == "STORED",)


QUERIES = {
    "left joins": "SELECT p.id, n.content AS name, c.content AS color FROM product AS p"
    " LEFT JOIN value AS n ON n.product_id = p.id AND n.attribute_id = 1 AND n.store_id = 0"
    " LEFT JOIN value AS c ON c.product_id = p.id AND c.attribute_id = 2 AND c.store_id = 1",
    "one or a list": "SELECT p.id, (SELECT json_agg(v.content ORDER BY v.attribute_id, v.store_id) FROM value"
    " AS v WHERE v.product_id = p.id AND (v.attribute_id IN (1, 2) AND v.store_id = 0 OR v.content IS NULL))"
    " AS contents FROM product AS p",
    "without": "SELECT p.id, p.sku FROM product AS p WHERE NOT EXISTS"
    " (SELECT FROM value AS v WHERE v.product_id = p.id AND v.attribute_id = 1 AND v.store_id <> 0)",
    "newest": "SELECT p.id, t.attribute_id, t.content FROM product AS p LEFT JOIN LATERAL"
    " (SELECT v.attribute_id, v.content FROM value AS v WHERE v.product_id = p.id AND v.attribute_id > 1"
    " AND v.content <> 'b' ORDER BY v.attribute_id DESC, v.store_id LIMIT 1) AS t ON true",
    "grouped": "SELECT v.product_id AS id, count(*) AS n, max(v.content) AS content FROM value AS v"
    " WHERE v.attribute_id BETWEEN 1 AND 2 GROUP BY v.product_id HAVING count(*) > 1",
    "unmatched": "SELECT p.id, v.attribute_id, v.store_id FROM product AS p LEFT JOIN value AS v"
    " ON v.product_id = p.id AND v.attribute_id = 3 AND v.store_id = 1 WHERE v.content IS NULL",
}


def random_write(chance: random.Random) -> str:
    product, attribute, store = chance.randint(1, 5), chance.randint(1, 3), chance.randint(0, 1)
    content = chance.choice(["'a'", "'b'", "'c'", "NULL"])
    conditions = [f"product_id = {product}", f"attribute_id = {attribute}", f"store_id = {store}"]
    where = " AND ".join(chance.sample(conditions, chance.choice([1, 2, 2, 3])))
    insert = f"INSERT INTO value VALUES ({product}, {attribute}, {store}, {content}) ON CONFLICT"
    key = f"product_id = {product}, attribute_id = {attribute}, store_id = {store}"
    free = f"NOT EXISTS (SELECT FROM value WHERE {key.replace(',', ' AND')})"
    one = f"ctid = (SELECT ctid FROM value WHERE {where} ORDER BY content LIMIT 1)"
    return chance.choice(
        [
            f"{insert} DO NOTHING",
            f"{insert} ON CONSTRAINT value_pkey DO UPDATE SET content = {content}",
            f"UPDATE value SET content = {content} WHERE {where}",
            f"UPDATE value SET {key} WHERE {one} AND {free}",
            f"UPDATE value SET {key}, content = {content} WHERE {one} AND {free}",
            f"DELETE FROM value WHERE {where}",
            f"INSERT INTO product VALUES ({product}, {content}) ON CONFLICT DO NOTHING",
            f"DELETE FROM product WHERE id = {product}",
        ]
    )


@pytest.mark.parametrize("name", QUERIES)
def test_after_random_writes_the_documents_are_those_of_the_query(
    name: str, database: str, connect: Connect, tmp_path: Path
) -> None:
    chance = random.Random(name)  # noqa: S311 # the same writes each time
    schema = SHOP + "DELETE FROM value; DELETE FROM product WHERE id > 3"
    shop = Synced(tmp_path, database, schema=schema, feeds={"f": Feed(QUERIES[name])})
    shop.sync()
    writer = connect(autocommit=False)
    stored = "SELECT document::text FROM cdc.feed_f WHERE NOT deleted ORDER BY 1"
    wanted = f"SELECT row_to_json(q)::text FROM ({QUERIES[name]}) AS q ORDER BY 1"
    written, logged = 0, 0
    with shop.feed_sync("f") as sync:
        for _ in range(60):
            for _ in range(chance.choice([1, 1, 2, 5])):
                statement = random_write(chance)
                if chance.random() < 0.2:
                    writer.execute("SAVEPOINT s")
                    writer.execute(statement.encode())
                    writer.execute("ROLLBACK TO s")
                else:
                    written += writer.execute(statement.encode()).rowcount > 0 and " value " in statement
            writer.commit()
            done = sync.run_pass()
            assert done is not None
            logged += done.delta.entries
            assert writer.execute(stored).fetchall() == writer.execute(wanted.encode()).fetchall()
            writer.commit()
    assert 0 < logged < written
