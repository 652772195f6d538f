"""Databases with the hand-written shop in them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.commerce import shop
from tests.support import servers


@pytest.fixture(scope="session")
def shop_template(server: servers.Server) -> Iterator[str]:
    """The name of a database with the shop, to be copied; this worker's own."""
    with server.fresh_database() as dsn:
        shop.make(dsn)
        yield str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def database(server: servers.Server, shop_template: str) -> Iterator[str]:
    """The connection string of a fresh copy of the shop, a superuser's; dropped afterwards."""
    with shop.copied(server.dsn, shop_template, f"test_{uuid4().hex[:16]}") as dsn:
        yield dsn
