"""Loads the shop into a database: tables, rows by COPY, then keys and indexes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from cdc_daemon.commerce.shop import Part, parts
from cdc_daemon.commerce.size import Size
from cdc_daemon.errors import CdcError
from cdc_daemon.pg.statements import sql_directory, statement

Session = psycopg.Connection[tuple[Any, ...]]


def create(connection: Session, size: Size, *, today: str) -> Iterator[Part]:
    """Create the shop. Yield each part after it was loaded.

    Args:
        connection: session in autocommit mode, in an empty database.
        today: see `shop.parts`.

    Raises:
        CdcError: the database has tables already.
    """
    row = connection.execute(statement("commerce.tables")).fetchone()
    if row and row[0]:
        raise CdcError(
            f"the database has tables already ({row[0]} is one)",
            where=f"database {connection.info.dbname}",
            hint="name an empty database: createdb shop, then CDC_DATABASE_DSN=dbname=shop",
        )
    _run(connection, "tables")
    for part in parts(size, today=today):
        with connection.transaction():
            _copy(connection, part)
        yield part
    _run(connection, "keys")
    _advance_identities(connection)
    connection.execute("VACUUM ANALYZE")


def create_tables(connection: Session) -> None:
    """Create the tables with their keys, without rows."""
    _run(connection, "tables")
    _run(connection, "keys")


def _run(connection: Session, folder: str) -> None:
    place = sql_directory() / "commerce"
    files = sorted((place / folder).glob("*.sql"))
    if folder == "keys":
        files.append(place / "functions.sql")
    for file in files:
        connection.execute(file.read_bytes())


def _copy(connection: Session, part: Part) -> None:
    with connection.cursor() as cursor:
        for target, lines in part.lines:
            into = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(target.table), sql.SQL(", ").join(map(sql.Identifier, target.columns))
            )
            with cursor.copy(into) as copy:
                copy.write("\n".join(lines) + "\n")


def _advance_identities(connection: Session) -> None:
    """Advance the identity sequences past the loaded rows, which came with their own numbers."""
    for (advance,) in connection.execute(statement("commerce.identities")).fetchall():
        connection.execute(advance)
