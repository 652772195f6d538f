"""Capture runs with other rights than the writer's, and the writer can't turn that to use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.support.bed import Bed
from tests.support.planted import plant

pytestmark = pytest.mark.any_server

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]


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
def daemon(shop: Session, database: str, tmp_path: Path) -> Iterator[Bed]:
    daemon = Bed(tmp_path, database)
    daemon.add_feed(
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


def test_a_writer_without_any_right_on_schema_cdc_can_write(daemon: Bed, writer: Session) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("SELECT FROM cdc.changelog_public_item")
    for write in WRITES:
        writer.execute(write.encode())
        daemon.assert_in_step()


def test_nobody_but_a_trigger_can_call_a_capture_function(daemon: Bed, writer: Session) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("SELECT cdc.capture_public_item()")
    daemon.assert_in_step()


def test_what_a_writer_plants_in_its_search_path_is_never_called(
    daemon: Bed, writer: Session, shop: Session
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
