"""What the attacks start from: a shop, a daemon over it, and a role that may write and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from tests.conftest import Connect
from tests.security.attacker import SCHEMA, Attacker, Session
from tests.support.bed import Bed


@pytest.fixture
def shop(connect: Connect) -> Session:
    """A superuser's session in a database with two tables."""
    connection = connect()
    connection.execute(
        "CREATE TYPE mood AS ENUM ('calm', 'sad');"
        "CREATE TABLE product (id int PRIMARY KEY, sku text, state mood, found boolean, tg_op text,"
        " old_rows text, cdc_rows bigint, place point, price numeric);"
        "CREATE TABLE stock (product_sku text, state mood, quantity int, PRIMARY KEY (product_sku, state));"
        "INSERT INTO product SELECT n, 'sku' || n, 'calm', true, 'UPDATE', 'x', n, point(n, n), 1"
        " FROM generate_series(1, 5) AS n;"
        "INSERT INTO stock SELECT 'sku' || n, 'calm', n FROM generate_series(1, 5) AS n"
    )
    return connection


@pytest.fixture
def attacker(shop: Session, connect: Connect) -> Iterator[Attacker]:
    """A role with DML on the shop's tables and a schema of its own, first in its search path."""
    role = f"writer_{shop.info.dbname}"
    name = sql.Identifier(role)
    for text in (
        "CREATE ROLE {}",
        "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON product, stock TO {}",
        f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {{}}",
    ):
        shop.execute(sql.SQL(text).format(name))
    session = connect()
    session.execute(sql.SQL("SET SESSION AUTHORIZATION {}").format(name))
    session.execute(f"SET search_path = {SCHEMA}, pg_catalog, public; CREATE SEQUENCE ran")
    # The role that the capture function runs as has to see what is planted, too.
    session.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC; GRANT ALL ON SEQUENCE ran TO PUBLIC")
    yield Attacker(role, session)
    session.close()
    shop.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(name))


@pytest.fixture
def daemon(shop: Session, database: str, tmp_path: Path) -> Iterator[Bed]:
    """A daemon without feeds; whatever a test installs is taken away."""
    daemon = Bed(tmp_path, database)
    yield daemon
    assert daemon.uninstall() == []  # the owner role belongs to the server, not to the test's database
