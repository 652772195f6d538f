"""Where names without a schema are found: in pg_catalog, but for the statements that hold a user's query.

A search path decides which operator `a = b` is. A role that may create in one of its schemas can put an
operator or a function there that fits better than PostgreSQL's own and runs with the rights of the session.
So no session of the daemon has the configured path. Only the statements that hold a user's query see it, and
in these everything but the query is named with its schema.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

from psycopg import sql

from cdc_daemon.pg.session import OWN_PATH, Session, with_temporary_last
from cdc_daemon.pg.statements import statement

_SCHEMA = re.compile(r'"((?:[^"]|"")*)"|([^\s,"]+)')


@contextmanager
def names_found_in(connection: Session, schemas: str) -> Generator[None]:
    """Execute statements with another search path than the session's; inside a transaction.

    Args:
        schemas: as in `SET search_path`.

    Yields:
        Execute inside and fetch afterwards: then all is sent at once, and the path costs no round trip.
    """
    if schemas == OWN_PATH:
        yield
        return
    with connection.pipeline():
        find_names(connection, schemas)
        yield
        find_names(connection, OWN_PATH)


def found_in(schemas: str, *statements: sql.Composed) -> tuple[sql.Composed, ...]:
    """The same for a script, where nothing must be written to the screen.

    Returns:
        The statements between two that set the path for the rest of the transaction.
    """
    return (_set(schemas), *statements, _set(OWN_PATH))


def schemas_in(search_path: str) -> list[str]:
    """The schemas that a search path names, as the catalogue spells them, whether they exist or not."""
    return [quoted.replace('""', '"') or plain.lower() for quoted, plain in _SCHEMA.findall(search_path)]


def _set(schemas: str) -> sql.Composed:
    named = [*schemas_in(schemas), "pg_temp"]
    return statement("session.set_path", schemas=sql.SQL(", ").join(map(sql.Identifier, named)))


def find_names(connection: Session, schemas: str, *, temporary_first: bool = False) -> None:
    """Set the search path for the rest of a transaction.

    Args:
        temporary_first: a temporary table is meant where another one has its name.
    """
    path = schemas if temporary_first else with_temporary_last(schemas)
    connection.execute(statement("session.find_names"), {"schemas": path})
