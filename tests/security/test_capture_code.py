"""A capture function runs as the owner role: no code of another role may run inside of it."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from cdc_daemon.errors import FeedError
from cdc_daemon.workers.owner_role import default_owner
from tests.security.attacker import Attacker, Session
from tests.support.bed import Bed

PRODUCTS = """
SELECT p.id, p.sku, p.found, p.tg_op, p.old_rows, p.cdc_rows,
       (SELECT sum(s.quantity) FROM stock s WHERE s.product_sku = p.sku AND s.state = p.state) AS quantity
FROM product p
"""
WRITES = (
    "UPDATE product SET price = price + 1 WHERE id = 1",
    "UPDATE product SET price = price + 1",
    "INSERT INTO product (id) VALUES (6)",
    "DELETE FROM product WHERE id = 6",
)


def unknown_entries(shop: Session, table: str) -> int:
    row = shop.execute(
        sql.SQL("SELECT count(*) FROM {} WHERE rows IS NULL").format(
            sql.Identifier("cdc", f"changelog_public_{table}")
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("gone", ["DROP COLUMN sku CASCADE", "RENAME COLUMN sku TO code"])
def test_a_column_that_is_gone_is_not_read_as_a_function_of_the_writer(
    gone: str, daemon: Bed, shop: Session, attacker: Attacker
) -> None:
    daemon.add_feed("products", "SELECT sku, found FROM product", key=["sku"])
    daemon.install()
    attacker.plant("sku", "anyelement", "text", "'sku1'")
    # The trap works: this is how PostgreSQL reads a column that is not there.
    shop.execute(f"ALTER TABLE product {gone}".encode())
    assert attacker.session.execute("SELECT p.sku FROM product AS p LIMIT 1").fetchone() == ("sku1",)
    assert attacker.ran()
    for number, write in enumerate(WRITES, start=1):
        attacker.session.execute(write.encode())
        assert not attacker.ran()
        assert unknown_entries(shop, "product") == number
    shop.execute("UPDATE product SET price = 0")
    assert not attacker.is_superuser()


@pytest.mark.parametrize("column", ["found", "tg_op", "old_rows", "cdc_rows", "sku", "id"])
def test_a_column_that_is_gone_is_not_read_as_anything_else_of_its_name(
    column: str, daemon: Bed, shop: Session, attacker: Attacker
) -> None:
    daemon.add_feed("products", PRODUCTS, key=["id"])
    daemon.add_feed(
        "by_name", f"SELECT {column} AS name, count(*) FROM product GROUP BY {column}", key=["name"]
    )
    daemon.install()
    daemon.assert_in_step()
    type_ = {"found": "boolean", "cdc_rows": "bigint", "id": "int"}.get(column, "text")
    attacker.plant(column, "anyelement", type_, "NULL")
    shop.execute(f"ALTER TABLE product RENAME COLUMN {column} TO renamed".encode())
    before = unknown_entries(shop, "product")
    key = "renamed" if column == "id" else "id"
    for number, write in enumerate(
        (
            "UPDATE product SET price = price + 1",
            f"INSERT INTO product ({key}) VALUES (7)",
            f"DELETE FROM product WHERE {key} = 7",
        ),
        start=before + 1,
    ):
        attacker.session.execute(write.encode())
        assert not attacker.ran()
        assert unknown_entries(shop, "product") == number
    with pytest.raises(FeedError, match="does not exist"):
        daemon.run_once()
    shop.execute(f"ALTER TABLE product RENAME COLUMN renamed TO {column}".encode())
    daemon.assert_in_step()


def test_names_that_plpgsql_knows_are_captured_as_any_other(daemon: Bed, shop: Session) -> None:
    daemon.add_feed("products", PRODUCTS, key=["id"])
    for column in ("found", "tg_op", "old_rows", "cdc_rows"):
        daemon.add_feed(
            column, f"SELECT {column} AS name, count(*) FROM product GROUP BY {column}", key=["name"]
        )
    daemon.install()
    daemon.assert_in_step()
    for write in (
        "UPDATE product SET found = false, tg_op = 'DELETE', old_rows = 'y', cdc_rows = 9 WHERE id = 1",
        "UPDATE product SET found = NOT found, tg_op = tg_op || id, old_rows = old_rows || id, cdc_rows = id",
        "DELETE FROM product WHERE id = 2",
        "INSERT INTO product (id, sku, found, tg_op, old_rows, cdc_rows) VALUES (9, 'n', true, 'n', 'n', 77)",
    ):
        shop.execute(write.encode())
        daemon.assert_in_step()
    assert unknown_entries(shop, "product") == 0


def test_a_cast_of_an_enum_to_text_is_not_called(daemon: Bed, shop: Session, attacker: Attacker) -> None:
    shop.execute(sql.SQL("ALTER TYPE mood OWNER TO {}").format(sql.Identifier(attacker.role)))
    attacker.plant("told", "mood", "text", "'one text for all of them'")
    attacker.session.execute("CREATE CAST (mood AS text) WITH FUNCTION told(mood) AS ASSIGNMENT")
    assert attacker.session.execute("SELECT 'sad'::mood::text").fetchone() == ("one text for all of them",)
    assert attacker.ran()
    daemon.add_feed("products", PRODUCTS, key=["id"], accept=["foreign-code"])
    # Links of an enum, a primary key with one, and a condition on one that moves into capture.
    daemon.add_feed(
        "sad", "SELECT id, sku FROM product WHERE state = 'sad'", key=["id"], accept=["foreign-code"]
    )
    daemon.install()
    daemon.assert_in_step()
    for write in (
        "UPDATE product SET state = 'sad' WHERE id <= 2",
        "UPDATE product SET state = 'sad' WHERE id = 3",
        "UPDATE stock SET quantity = 10",
        "UPDATE stock SET state = 'sad' WHERE product_sku IN ('sku1', 'sku2')",
        "DELETE FROM product WHERE state = 'calm'",
        "INSERT INTO product (id, sku, state) VALUES (7, 'sku1', NULL), (8, 'sku1', 'sad')",
    ):
        attacker.session.execute(write.encode())
        assert not attacker.ran()
        daemon.assert_in_step()
    for table in ("product", "stock"):
        assert unknown_entries(shop, table) == 0


def test_a_cast_of_text_to_an_enum_does_not_change_a_link_on_its_way_back(
    daemon: Bed, shop: Session, attacker: Attacker
) -> None:
    shop.execute(sql.SQL("ALTER TYPE mood OWNER TO {}").format(sql.Identifier(attacker.role)))
    attacker.plant("other", "text", "mood", "'calm'")
    attacker.session.execute("CREATE CAST (text AS mood) WITH FUNCTION other(text)")
    shop.execute("UPDATE product SET state = 'sad'; UPDATE stock SET state = 'sad'")
    daemon.add_feed("products", PRODUCTS, key=["id"], accept=["foreign-code"])
    daemon.install()
    daemon.assert_in_step()
    for write in (
        "UPDATE stock SET quantity = 10 WHERE product_sku = 'sku1'",
        "UPDATE stock SET quantity = quantity + 1",
        "DELETE FROM stock WHERE product_sku = 'sku2'",
    ):
        attacker.session.execute(write.encode())
        daemon.assert_in_step()
        assert not attacker.ran()


@pytest.mark.parametrize("column", ["sku", "id"])
def test_a_column_that_gets_another_type_is_not_converted_by_that_types_casts(
    column: str, daemon: Bed, shop: Session, attacker: Attacker
) -> None:
    daemon.add_feed("products", "SELECT id, sku FROM product WHERE sku <> 'sku5' AND id <> 77", key=["id"])
    daemon.add_feed(
        "by_name", f"SELECT {column} AS name, count(*) FROM product GROUP BY {column}", key=["name"]
    )
    daemon.install()
    type_ = "int" if column == "id" else "text"
    attacker.session.execute(
        "CREATE TYPE odd AS ENUM ('sku1', 'sku2', 'sku3', 'sku4', 'sku5', '1', '2', '3', '4', '5')"
    )
    attacker.plant("plain", "odd", type_, "'7'")
    attacker.session.execute(f"CREATE CAST (odd AS {type_}) WITH FUNCTION plain(odd) AS IMPLICIT".encode())
    shop.execute(f"ALTER TABLE product ALTER {column} TYPE evil.odd USING {column}::text::evil.odd".encode())
    for number, write in enumerate(
        ("UPDATE product SET price = 2", "UPDATE product SET price = 3 WHERE place <@ '((0,0),(1,1))'::box"),
        start=1,
    ):
        attacker.session.execute(write.encode())
        assert not attacker.ran()
        assert unknown_entries(shop, "product") == number


OWNERS_ATTEMPTS = (
    "CREATE OR REPLACE FUNCTION cdc.capture_public_product() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE FUNCTION cdc.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE cdc.mine (id int)",
    "ALTER FUNCTION cdc.capture_public_product() RENAME TO mine",
    "CREATE TRIGGER mine AFTER INSERT ON product EXECUTE FUNCTION cdc.capture_public_product()",
    "CREATE TRIGGER mine AFTER INSERT ON cdc.feed_state EXECUTE FUNCTION cdc.capture_public_product()",
    "SELECT FROM product",
    "SELECT FROM cdc.feed_state",
    "DELETE FROM cdc.changelog_public_product",
    "GRANT CREATE ON SCHEMA cdc TO CURRENT_USER",
)


@pytest.mark.parametrize("attempt", OWNERS_ATTEMPTS)
def test_the_owner_role_can_neither_replace_its_functions_nor_make_anything(
    attempt: str, daemon: Bed, shop: Session
) -> None:
    daemon.add_feed("products", "SELECT id, sku FROM product", key=["id"])
    daemon.install()
    shop.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(default_owner(shop))))
    try:
        if attempt.startswith("GRANT"):
            shop.execute(attempt.encode())  # PostgreSQL warns: no right was granted
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                shop.execute("CREATE TABLE cdc.mine (id int)")
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                shop.execute(attempt.encode())
    finally:
        shop.execute("RESET ROLE")
