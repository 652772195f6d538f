"""The hand-written shop over the pack's schema, as a template: a test's own copy costs milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "sql" / "commerce"
SHOP = ROOT / "tests" / "fixtures" / "commerce" / "shop.sql"


def scripts() -> list[Path]:
    """The pack's schema and the shop's rows, in order of execution: keys last, as in a load."""
    tables = sorted((SCHEMA / "tables").glob("*.sql"))
    return [SCHEMA / "functions.sql", *tables, SHOP, *sorted((SCHEMA / "keys").glob("*.sql"))]


def make(dsn: str) -> None:
    """The shop in an empty database."""
    with psycopg.connect(dsn) as connection:
        for script in scripts():
            connection.execute(script.read_bytes())


@contextmanager
def copied(dsn: str, template: str, name: str) -> Iterator[str]:
    """A copy of a database that nobody is connected to; dropped afterwards."""
    with psycopg.connect(dsn, autocommit=True) as administrator:
        administrator.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            yield make_conninfo(dsn, dbname=name)
        finally:
            administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
