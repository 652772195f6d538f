"""`cdc-daemon commerce seed`: a shop that the thirteen feeds can be made of."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from cdc_daemon.commerce.load import create
from cdc_daemon.commerce.size import Size
from cdc_daemon.errors import CdcError
from cdc_daemon.pg.session import connect as pinned

pytestmark = pytest.mark.any_server

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]

CONFIG = Path(__file__).parents[2] / "config"
SIZE = Size(products=120, store_views=3, websites=2, customer_groups=4, orders=25)
TODAY = "2024-05-06"


@pytest.fixture
def shop(database: str) -> Iterator[Session]:
    with pinned(database, search_path="public", purpose="test") as connection:
        for _ in create(connection, SIZE, today=TODAY):
            pass
        yield connection


def test_every_commerce_feed_has_documents_with_unique_keys(shop: Session) -> None:
    feeds = tomllib.loads((CONFIG / "commerce.toml").read_text())["feeds"]
    for name, feed in feeds.items():
        query = sql.SQL((CONFIG / feed["query"]).read_text())
        keys = sql.SQL(", ").join(sql.Identifier("q", column) for column in feed["key"])
        count = sql.SQL("SELECT count(*), count(DISTINCT ({})) FROM (\n{}\n) AS q").format(keys, query)
        [(documents, distinct)] = shop.execute(count).fetchall()
        assert documents == distinct, name
        assert documents > 0, name


def test_what_is_inserted_next_meets_no_number_that_is_taken(shop: Session) -> None:
    inserted = shop.execute(
        "INSERT INTO catalog_product_entity (attribute_set_id, type_id, sku) VALUES (4, 'simple', 'NEW')"
        " RETURNING entity_id"
    ).fetchone()
    assert inserted == (SIZE.products + 1,)
    shop.execute("INSERT INTO sales_order (state, increment_id, store_id) VALUES ('new', 'NEW', 1)")


def test_a_database_that_has_tables_is_left_alone(database: str, connect: Connect) -> None:
    session = connect()
    session.execute("CREATE TABLE mine (id int)")
    with pytest.raises(CdcError, match=r"has tables already \(mine is one\)"):
        next(create(session, SIZE, today=TODAY))
    assert session.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'catalog%'").fetchone() == (0,)
