"""Search paths: pg_catalog for all statements, except those that contain a user's query.

The search path decides which operator `a = b` means. A role that may create objects in one of its schemas can
create an operator or a function that fits better than PostgreSQL's own, and that runs with the rights of the
session. So no session of the daemon has the configured path. Only statements with a user's query see it, and
in these all other names have a schema.
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
    """Execute the statements of the block with another search path, inside a transaction.

    Execute inside the block and fetch after it. Then all statements are sent together, and the path costs no
    round trip.

    Args:
        schemas: the path, as in `SET search_path`.
    """
    if schemas == OWN_PATH:
        yield
        return
    with connection.pipeline():
        find_names(connection, schemas)
        yield
        find_names(connection, OWN_PATH)


def found_in(schemas: str, *statements: sql.Composed) -> tuple[sql.Composed, ...]:
    """Return the statements for a script with another search path. The additional statements print nothing.

    Returns:
        The statements, between two statements that set the path for the rest of the transaction.
    """
    return (_set(schemas), *statements, _set(OWN_PATH))


def schemas_in(search_path: str) -> list[str]:
    """Return the schemas of a search path, as the catalogue spells them, whether they exist or not."""
    return [quoted.replace('""', '"') or plain.lower() for quoted, plain in _SCHEMA.findall(search_path)]


def _set(schemas: str) -> sql.Composed:
    named = [*schemas_in(schemas), "pg_temp"]
    return statement("session.set_path", schemas=sql.SQL(", ").join(map(sql.Identifier, named)))


def find_names(connection: Session, schemas: str, *, temporary_first: bool = False) -> None:
    """Set the search path for the rest of a transaction.

    Args:
        temporary_first: whether a temporary table hides another table of the same name.
    """
    path = schemas if temporary_first else with_temporary_last(schemas)
    connection.execute(statement("session.find_names"), {"schemas": path})
