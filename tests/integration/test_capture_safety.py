"""Capture runs with other rights than the writer's, and the writer can't turn that to use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.support.daemon import Daemon

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]

# Everything that a body names, and what PostgreSQL looks up by itself for other spellings of the same.
SHADOWS = """
CREATE SCHEMA evil;
CREATE TABLE evil.called (what text);
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT INSERT ON evil.called TO PUBLIC;
CREATE FUNCTION evil.trap(what text) RETURNS void LANGUAGE sql AS
    $$INSERT INTO evil.called VALUES (what || ' as ' || current_user)$$;
CREATE FUNCTION evil.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('unnest'); RETURN; END$$;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('clock_timestamp'); RETURN NULL; END$$;
CREATE FUNCTION evil.pg_current_xact_id() RETURNS xid8 LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('pg_current_xact_id'); RETURN NULL; END$$;
CREATE FUNCTION evil.date_part(text, timestamptz) RETURNS float8 LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('date_part'); RETURN 0; END$$;
CREATE FUNCTION evil.gather(state anyarray, value anynonarray) RETURNS anyarray LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('array_agg'); RETURN state; END$$;
CREATE AGGREGATE evil.array_agg(anynonarray) (SFUNC = evil.gather, STYPE = anyarray, INITCOND = '{}');
CREATE FUNCTION evil.either(state boolean, value boolean) RETURNS boolean LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('bool_or'); RETURN state; END$$;
CREATE AGGREGATE evil.bool_or(boolean) (SFUNC = evil.either, STYPE = boolean);
CREATE FUNCTION evil.counted(state bigint) RETURNS bigint LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('count'); RETURN 0; END$$;
CREATE AGGREGATE evil.count(*) (SFUNC = evil.counted, STYPE = bigint, INITCOND = '0');
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.trap('type text') IS NOT NULL);
CREATE DOMAIN evil.int8 AS pg_catalog.int8 CHECK (evil.trap('type int8') IS NOT NULL);
CREATE DOMAIN evil.bool AS pg_catalog.bool CHECK (evil.trap('type bool') IS NOT NULL);
"""

OPERATORS = [
    (operator, left, left)
    for left in ("integer", "bigint", "pg_catalog.text", "boolean", "numeric", "uuid")
    for operator in ("=", "<>", ">", "-", "+", "%", "/")
] + [("||", "anyarray", "anyarray"), ("||", "anyarray", "anynonarray"), ("*<>", "record", "record")]


def plant(session: Session) -> None:
    session.execute(SHADOWS.encode())
    for number, (operator, left, right) in enumerate(OPERATORS):
        array = left == "anyarray"
        result = "anyarray" if array else "boolean"
        value = "$1" if array else "false"
        session.execute(
            f"CREATE FUNCTION evil.operator_{number}({left}, {right}) RETURNS {result} LANGUAGE plpgsql AS"
            f" $$BEGIN PERFORM evil.trap('{operator}'); RETURN {value}; END$$;"
            f" CREATE OPERATOR evil.{operator} (FUNCTION = evil.operator_{number}, LEFTARG = {left},"
            f" RIGHTARG = {right})".encode()
        )


@pytest.fixture
def shop(connect: Connect) -> Session:
    connection = connect()
    connection.execute(
        "CREATE TABLE item (id int PRIMARY KEY, code text, size uuid, tags text[]);"
        " CREATE TABLE part (item_id int, tag text, amount numeric);"
        " INSERT INTO item SELECT n, 'c' FROM generate_series(1, 1200) AS n"
    )
    return connection


@pytest.fixture
def writer(shop: Session, connect: Connect) -> Iterator[Session]:
    """A role that may write the shop's tables and nothing else."""
    role = f"writer_{uuid4().hex[:12]}"
    shop.execute(f"CREATE ROLE {role}; GRANT ALL ON item, part TO {role}".encode())
    session = connect()
    session.execute(f"SET SESSION AUTHORIZATION {role}".encode())
    yield session
    session.close()
    shop.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


@pytest.fixture
def daemon(shop: Session, database: str, tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, database)
    daemon.feed(
        "items",
        "SELECT i.id, i.code, i.size, i.tags, (SELECT sum(p.amount) FROM part AS p"
        " WHERE p.item_id = i.id AND p.tag = i.code) AS amount FROM item AS i",
        key=["id"],
    )
    daemon.install()
    daemon.assert_in_step()
    yield daemon
    assert daemon.uninstall() == []  # the owner role belongs to the server, not to the test's database


WRITES = (
    "INSERT INTO item VALUES (5000, 'n'); INSERT INTO part VALUES (1, 'c', 1.0), (2, 'c', 2)",
    "UPDATE item SET code = 'd' WHERE id OPERATOR(pg_catalog.=) 3",
    "UPDATE item SET code = 'e'",
    "UPDATE item SET id = id OPERATOR(pg_catalog.+) 10000 WHERE id OPERATOR(pg_catalog.<) 5",
    "UPDATE part SET item_id = 7",
    "DELETE FROM item WHERE id OPERATOR(pg_catalog.>) 12000; DELETE FROM part",
    "TRUNCATE item, part",
)


def test_a_writer_without_any_right_on_schema_cdc_can_write(daemon: Daemon, writer: Session) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("SELECT FROM cdc.changelog_public_item")
    for write in WRITES:
        writer.execute(write.encode())
        daemon.assert_in_step()


def test_nobody_but_a_trigger_can_call_a_capture_function(daemon: Daemon, writer: Session) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("SELECT cdc.capture_public_item()")
    daemon.assert_in_step()


def test_what_a_writer_plants_in_its_search_path_is_never_called(
    daemon: Daemon, writer: Session, shop: Session
) -> None:
    plant(shop)
    writer.execute("SET search_path = evil, pg_catalog, public")
    # The traps do go off for who is not careful: else the test would show nothing.
    writer.execute("SELECT count(*), array_agg(1), 1 = 1")
    assert len(shop.execute("SELECT DISTINCT what FROM evil.called").fetchall()) == 3
    shop.execute("TRUNCATE evil.called")
    for write in WRITES:
        writer.execute(write.encode())
        assert shop.execute("SELECT what FROM evil.called").fetchall() == []
        daemon.assert_in_step()
    unknown = shop.execute("SELECT count(*) FROM cdc.changelog_public_item WHERE rows IS NULL").fetchone()
    assert unknown == (1,)  # the TRUNCATE: nothing else failed inside capture
