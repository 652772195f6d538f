"""The small shop that the benchmarks measure with."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from bench import shop
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.session import connect as connect_pinned
from demo.proof import query_documents

pytestmark = pytest.mark.any_server

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]
FEEDS: dict[str, dict[str, Any]] = tomllib.loads((shop.FOLDER / "cdc.toml").read_text("utf-8"))["feeds"]
PRODUCTS = 200


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A session with the daemon's settings, in a shop."""
    with connect_pinned(database, search_path="public") as opened:
        shop.load(opened, products=PRODUCTS)
        yield opened


def documents(connection: Connection, feed: str) -> dict[str, bytes]:
    settings = FEEDS[feed]
    return query_documents(connection, (shop.FOLDER / settings["query"]).read_text("utf-8"), settings["key"])


def test_the_same_seed_gives_the_same_shop(connection: Connection, connect: Connect) -> None:
    first = {feed: documents(connection, feed) for feed in FEEDS}
    other = connect()
    other.execute("DROP SCHEMA public CASCADE")
    other.execute("CREATE SCHEMA public")
    shop.load(other, products=PRODUCTS)
    assert {feed: documents(connection, feed) for feed in FEEDS} == first


def test_another_seed_gives_another_shop(connection: Connection, connect: Connect) -> None:
    first = documents(connection, "prices")
    other = connect()
    other.execute("DROP SCHEMA public CASCADE")
    other.execute("CREATE SCHEMA public")
    shop.load(other, products=PRODUCTS, seed=2)
    assert documents(connection, "prices") != first


@pytest.mark.parametrize("feed", list(FEEDS))
def test_every_key_is_unique_and_every_kind_of_document_is_there(connection: Connection, feed: str) -> None:
    query = (shop.FOLDER / FEEDS[feed]["query"]).read_text("utf-8")
    row = connection.execute(f"SELECT count(*) FROM (\n{query}\n) AS q".encode()).fetchone()
    assert row is not None
    assert row[0] == len(documents(connection, feed)) > 0


@pytest.mark.parametrize("feed", list(FEEDS))
def test_entities_are_pushed_down_to_an_index(database: str, feed: str) -> None:
    with connect_pinned(database, search_path="public") as connection:
        shop.load(connection, products=20_000)
        settings = FEEDS[feed]
        query = (shop.FOLDER / settings["query"]).read_text("utf-8")
        (entity,) = settings["entity"]
        plan = connection.execute(
            f'EXPLAIN SELECT * FROM (\n{query}\n) AS q WHERE "{entity}" = ANY (%s::bigint[])'.encode(),
            ([7, 9],),
        )
        scanned = [text for (text,) in plan if "Seq Scan on product " in text or "Seq Scan on price " in text]
    assert not scanned
