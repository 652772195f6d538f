"""A change of any table that a feed reads, alone, leads to exactly the documents that changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.commerce import shop
from tests.commerce.changes import CHANGES
from tests.commerce.pack import Documents, Pack, differences
from tests.support import servers

# Planning thirteen feeds takes seconds, on a loaded machine a minute.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def pack(
    server: servers.Server, shop_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pack]:
    """One pack for all tests of this module: each of them leaves the tables as they were."""
    with shop.copied(server.dsn, shop_template, f"test_{uuid4().hex[:16]}") as dsn, ExitStack() as stack:
        yield Pack(dsn, tmp_path_factory.mktemp("pack"), stack)


@pytest.fixture
def write(pack: Pack) -> Iterator[Callable[[str], Any]]:
    """Executes statements of which nothing cascades to another table; capture sees them all the same."""
    with psycopg.connect(pack.dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        yield lambda statement: connection.execute(statement.encode())


@pytest.mark.parametrize("table", list(CHANGES))
def test_an_insert_update_and_delete_of_one_table_sends_what_changed_and_nothing_else(
    pack: Pack, write: Callable[[str], Any], table: str
) -> None:
    feeds = [feed for feed, tables in pack.read.items() if table in tables]
    touched: set[str] = set()

    def step(statement: str) -> Any:
        before: dict[str, Documents] = {feed: pack.documents(feed) for feed in feeds}
        result = write(statement)
        assert result.rowcount == 1, statement
        for feed in feeds:
            wanted = differences(before[feed], pack.documents(feed))
            assert pack.sync(feed) == wanted, f"{feed}: {statement}"
            touched.update([feed] if wanted else [])
        return result

    for row in CHANGES[table]:
        write(f"CREATE TEMP TABLE kept AS SELECT * FROM {table} WHERE {row.where}")
        ((place,),) = step(f"UPDATE {table} SET {row.update} WHERE {row.where} RETURNING ctid")
        step(f"DELETE FROM {table} WHERE ctid = '{place}'")
        step(f"INSERT INTO {table} SELECT * FROM kept")
        write("DROP TABLE kept")
    assert touched == set(feeds)


def test_no_table_is_forgotten(pack: Pack) -> None:
    assert frozenset[str]().union(*pack.read.values()) == set(CHANGES)
