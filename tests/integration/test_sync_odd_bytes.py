"""A database in SQL_ASCII takes any bytes: one that is no UTF-8 stops no feed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cdc_daemon.pg.session import connect
from cdc_daemon.workers import control
from tests.support.command import Feed, execute
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server

ITEMS = """
CREATE TABLE item (id int PRIMARY KEY, body text, note text);
INSERT INTO item SELECT n, 'a', '' FROM generate_series(1, 20) AS n;
"""
BAD = r"UPDATE item SET note = convert_from('\xff'::bytea, 'SQL_ASCII'), body = 'b' WHERE id = 7"


@pytest.fixture
def any_bytes(database: str) -> Iterator[str]:
    """The connection string of a database that does not look at what bytes mean."""
    with psycopg.connect(database, autocommit=True) as session:
        name = f"{session.info.dbname}_bytes"
        quoted = sql.Identifier(name)
        session.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'").format(quoted)
        )
        yield make_conninfo(database, dbname=name)
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(quoted))


@pytest.mark.parametrize("options", ["", 'hash_exclude = ["note"]'])
def test_a_value_that_is_no_utf_8_sets_its_entity_aside(any_bytes: str, tmp_path: Path, options: str) -> None:
    feed = Feed("SELECT id, body, note FROM item", options=options)
    feeds = Synced(tmp_path, any_bytes, schema=ITEMS, feeds={"items": feed})
    feeds.sync()
    feeds.sync(BAD, "UPDATE item SET body = 'c' WHERE id = 8")
    with connect(any_bytes) as connection:
        [failed] = control.failed_entities(connection, ["items"])
    assert (failed.entity, failed.status) == (["7"], "22021")
    assert [feeds.documents("items")[key,]["body"] for key in (7, 8)] == ["a", "c"]
    execute(any_bytes, "UPDATE item SET note = '' WHERE id = 7")
    feeds.sync()
    feeds.assert_equal_to_the_query()
