"""Whoever may write to one table, and nothing more, writes values that stop no feed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg import sql

from cdc_daemon.pg.session import connect
from cdc_daemon.workers import control
from tests.support.command import Feed
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

ITEMS = """
CREATE TABLE item (id int PRIMARY KEY, sku text NOT NULL, weight text, extra json, body text);
INSERT INTO item SELECT n, 'A-' || n, n::text, '{}', '' FROM generate_series(1, 200) AS n;
"""
FEED = Feed("SELECT sku, weight::numeric AS weight, extra, body FROM item", ("sku",))
ATTACKS: dict[str, LiteralString] = {
    "a value that the query can't cast": "UPDATE item SET weight = 'heavy' WHERE id = 7",
    "a key that no index holds": (
        "UPDATE item SET sku = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 200) AS n)"
        " WHERE id = 7"
    ),
    "a document of 50 MB": "UPDATE item SET body = repeat('x', 50000000) WHERE id = 7",
    "a NUL in json": r"""UPDATE item SET extra = '{"a":"\u0000"}' WHERE id = 7""",
    "half a surrogate pair in json": r"""UPDATE item SET extra = '{"a":"\ud83d"}' WHERE id = 7""",
}
PASSING = {"a NUL in json", "half a surrogate pair in json"}


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Iterator[Synced]:
    found = Synced(tmp_path, database, schema=ITEMS, feeds={"items": FEED})
    found.sync()
    with connect(database, search_path="public") as session:
        writer = _writer(session.info.dbname)
        session.execute(sql.SQL("CREATE ROLE {}").format(writer))
        session.execute(sql.SQL("GRANT SELECT, UPDATE ON item TO {}").format(writer))
        yield found
        session.execute(sql.SQL("DROP OWNED BY {}").format(writer))
        session.execute(sql.SQL("DROP ROLE {}").format(writer))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_writer_cannot_stop_a_feed(feeds: Synced, attack: str) -> None:
    _write(feeds, ATTACKS[attack])
    feeds.sync("UPDATE item SET weight = '1000' WHERE id = 8")
    assert str(feeds.documents("items")["A-8",]["weight"]) == "1000"
    # The second version is compared with the first one.
    _write(feeds, "UPDATE item SET body = body || '.' WHERE id = 7")
    feeds.sync("UPDATE item SET weight = '1001' WHERE id = 8")
    assert str(feeds.documents("items")["A-8",]["weight"]) == "1001"
    with connect(feeds.dsn) as session:
        assert len(control.failed_entities(session, ["items"])) == (attack not in PASSING)
    _write(feeds, "UPDATE item SET sku = 'A-7', weight = '7', extra = '{}', body = 'healed' WHERE id = 7")
    feeds.sync()
    feeds.assert_equal_to_the_query()


def _writer(database: str) -> sql.Identifier:
    """Roles belong to the whole server, on which other tests run."""
    return sql.Identifier(f"writer_{database}")


def _write(feeds: Synced, statement: LiteralString) -> None:
    with connect(feeds.dsn, search_path="public") as session, session.transaction():
        session.execute(sql.SQL("SET LOCAL ROLE {}").format(_writer(session.info.dbname)))
        session.execute(sql.SQL(statement))
