"""Whatever statement changes a source table, the documents follow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bed import Bed

pytestmark = pytest.mark.migrated

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]

SHOP = """
CREATE TABLE product (id int PRIMARY KEY, sku text UNIQUE, name text, note text);
CREATE TABLE price (
    product_id int REFERENCES product ON DELETE CASCADE ON UPDATE CASCADE, tier int, amount numeric,
    PRIMARY KEY (product_id, tier)
);
INSERT INTO product SELECT n, 'sku-' || n, 'name ' || n FROM generate_series(1, 20) AS n;
INSERT INTO price SELECT n, t, n + t FROM generate_series(1, 20) AS n, generate_series(1, 2) AS t;
"""
PRODUCTS = """
SELECT p.id, p.sku, p.name,
       (SELECT json_agg(r.amount ORDER BY r.tier) FROM price AS r WHERE r.product_id = p.id) AS prices
FROM product AS p
"""


@pytest.fixture
def shop(connect: Connect) -> psycopg.Connection[tuple[Any, ...]]:
    connection = connect()
    connection.execute(SHOP)
    return connection


@pytest.fixture
def daemon(shop: psycopg.Connection[Any], database: str, tmp_path: Path) -> Bed:
    daemon = Bed(tmp_path, database)
    daemon.add_feed("products", PRODUCTS, key=["id"])
    daemon.install()
    daemon.assert_in_step()
    return daemon


WRITES = {
    "insert": "INSERT INTO product VALUES (100, 'x', 'new'); INSERT INTO price VALUES (100, 1, 9.90)",
    "update": "UPDATE product SET name = 'other' WHERE id < 5; UPDATE price SET amount = 0 WHERE tier = 2",
    "delete": "DELETE FROM price WHERE product_id = 3",
    "a cascading delete": "DELETE FROM product WHERE id IN (1, 2)",
    "a cascading update": "UPDATE product SET id = id + 1000 WHERE id < 4",
    "an upsert that inserts and updates": (
        "INSERT INTO price SELECT n, 1, 77 FROM generate_series(1, 3) AS n"
        " UNION ALL SELECT 4, 9, 77 ON CONFLICT (product_id, tier) DO UPDATE SET amount = EXCLUDED.amount"
    ),
    "an upsert that changes the link": (
        "INSERT INTO product VALUES (5, 'y', 'z') ON CONFLICT (id) DO UPDATE SET id = 505"
    ),
    "a changed primary key": "UPDATE price SET product_id = 7, tier = 8 WHERE product_id = 6 AND tier = 1",
    "writing CTEs": (
        "WITH gone AS (DELETE FROM price WHERE product_id = 9 RETURNING *)"
        " INSERT INTO price SELECT 10, tier + 5, amount FROM gone"
    ),
    "a savepoint rolled back": (
        "BEGIN; UPDATE product SET name = 'kept' WHERE id = 1; SAVEPOINT s;"
        " UPDATE product SET name = 'undone' WHERE id = 2; ROLLBACK TO s;"
        " UPDATE product SET name = 'kept too' WHERE id = 3; COMMIT"
    ),
    "a subtransaction": (
        "DO $$BEGIN BEGIN UPDATE product SET name = 'undone' WHERE id = 1; RAISE 'no'; EXCEPTION WHEN OTHERS"
        " THEN UPDATE product SET name = 'kept' WHERE id = 2; END; END$$"
    ),
    "truncate": "TRUNCATE price",
    "truncate cascade": "TRUNCATE product CASCADE",
    "a replica's session": (
        "SET session_replication_role = replica; UPDATE product SET name = 'r' WHERE id = 1; RESET ALL"
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_documents_follow(write: str, daemon: Bed, shop: psycopg.Connection[Any]) -> None:
    before = daemon.queried_texts("products")
    shop.execute(write.encode())
    assert daemon.queried_texts("products") != before
    daemon.assert_in_step()


def test_rows_that_swap_their_keys_swap_their_documents(daemon: Bed, shop: psycopg.Connection[Any]) -> None:
    shop.execute(
        "ALTER TABLE price DROP CONSTRAINT price_pkey, ADD PRIMARY KEY (product_id, tier) DEFERRABLE"
    )
    daemon.install()
    daemon.assert_in_step()
    shop.execute("UPDATE price SET product_id = 3 - product_id WHERE product_id IN (1, 2)")
    daemon.assert_in_step()
    assert b'"prices":[3, 4]' in daemon.delivered_texts("products")["[1]"]


def test_copied_rows_are_delivered(daemon: Bed, shop: psycopg.Connection[Any]) -> None:
    with shop.cursor().copy("COPY product (id, sku, name) FROM STDIN") as copy:
        for number in range(2000, 4500):
            copy.write_row((number, f"c-{number}", "copied"))
    daemon.assert_in_step()
    assert len(daemon.delivered_texts("products")) == 2520


def test_merge_is_captured_in_all_that_it_does(daemon: Bed, shop: psycopg.Connection[Any]) -> None:
    if shop.info.server_version < 150000:
        with pytest.raises(psycopg.errors.SyntaxError):  # MERGE came with 15
            shop.execute("MERGE INTO price USING product ON false WHEN MATCHED THEN DELETE")
        return
    shop.execute(
        "MERGE INTO price AS r USING (VALUES (1, 1), (2, 1), (3, 7)) AS w (id, tier)"
        " ON r.product_id = w.id AND r.tier = w.tier"
        " WHEN MATCHED AND w.id = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET amount = 5"
        " WHEN NOT MATCHED THEN INSERT VALUES (w.id, w.tier, 6)"
    )
    daemon.assert_in_step()
    documents = daemon.delivered_texts("products")
    assert b'"prices":[3]' in documents["[1]"]
    assert b'"prices":[5, 4]' in documents["[2]"]
    assert b'"prices":[4, 5, 6]' in documents["[3]"]


def test_what_a_prepared_transaction_wrote_is_delivered_once_it_is_committed(
    daemon: Bed, shop: psycopg.Connection[Any], connect: Connect
) -> None:
    shop.execute(
        "BEGIN; UPDATE product SET name = 'prepared' WHERE id = 1; PREPARE TRANSACTION 'order-of-goods'"
    )
    connect().execute("UPDATE product SET name = 'after' WHERE id = 2")
    daemon.assert_in_step()
    assert b"prepared" not in daemon.delivered_texts("products")["[1]"]
    assert b"after" in daemon.delivered_texts("products")["[2]"]
    shop.execute("COMMIT PREPARED 'order-of-goods'")
    daemon.assert_in_step()
    assert b"prepared" in daemon.delivered_texts("products")["[1]"]


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [
        ("numeric", "1.0", "1.00"),
        ("float8", "0", "-0"),
        ("interval", "1 day", "24 hours"),
        ("numeric[]", "{1.0}", "{1.00}"),
        ("jsonb", '{"a": 1.0}', '{"a": 1.00}'),
        ("json", '{"a":1}', '{"a": 1}'),
        ("char(3)", "a", "b"),
        ("point", "(1,2)", "(1,3)"),
    ],
)
def test_a_change_that_equality_does_not_see_is_captured(
    column: str, before: str, after: str, connect: Connect, database: str, tmp_path: Path
) -> None:
    shop = connect()
    shop.execute(f"CREATE TABLE item (id int PRIMARY KEY, value {column})".encode())
    shop.execute(f"INSERT INTO item VALUES (1, '{before}')".encode())
    daemon = Bed(tmp_path, database)
    daemon.add_feed("items", "SELECT id, value::text AS value FROM item", key=["id"])
    daemon.install()
    daemon.assert_in_step()
    old = daemon.delivered_texts("items")
    shop.execute(f"UPDATE item SET value = '{after}'".encode())
    daemon.assert_in_step()
    assert daemon.delivered_texts("items") != old
