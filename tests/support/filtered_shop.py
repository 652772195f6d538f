"""A shop with many attributes of which a feed wants one, and what capture wrote of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bed import Bed

Session = psycopg.Connection[tuple[Any, ...]]


Connect = Callable[..., Session]


NAME = 73


COLOR = 80


SHOP = """
CREATE TABLE product (id int PRIMARY KEY, sku text);
CREATE TABLE value (
    product_id int, attribute_id smallint, store_id int, content text,
    PRIMARY KEY (product_id, attribute_id, store_id)
);
INSERT INTO product SELECT n, 'sku-' || n FROM generate_series(1, 4) AS n;
INSERT INTO value
SELECT n, a, s, n || '-' || a || '-' || s
FROM generate_series(1, 4) AS n, generate_series(70, 99) AS a, generate_series(0, 1) AS s;
"""


def names(attribute: int = NAME) -> str:
    return (
        "SELECT p.id, v.content FROM product AS p LEFT JOIN value AS v"
        f" ON v.product_id = p.id AND v.attribute_id = {attribute} AND v.store_id = 0"
    )


@pytest.fixture
def shop(connect: Connect) -> Session:
    connection = connect()
    connection.execute(SHOP)
    return connection


@pytest.fixture
def daemon(shop: Session, database: str, tmp_path: Path) -> Bed:
    daemon = Bed(tmp_path, database)
    daemon.add_feed("names", names(), key=["id"])
    daemon.install()
    daemon.assert_in_step()
    return daemon


def entries(session: Session) -> list[Any]:
    """Rows of each entry about values."""
    query = "SELECT rows FROM cdc.changelog_public_value ORDER BY version_id"
    return [row[0] for row in session.execute(query).fetchall()]


def filters(session: Session) -> object:
    """The conditions under which values are captured; None: all are."""
    row = session.execute("SELECT filters FROM cdc.source WHERE table_name = 'value'").fetchone()
    assert row is not None
    return row[0]
