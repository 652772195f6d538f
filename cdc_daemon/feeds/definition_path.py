"""Finds the search path with which a query's definition has the same meaning as the query.

The server prints a definition (`pg_get_viewdef`) so that it can be read again with the same search path,
which is pg_catalog here. It names operators of other schemas with their schema. But IS DISTINCT FROM, NULLIF,
`CASE x WHEN` and USING have no place for a name, so they find the operator of pg_catalog when read again. In
addition, routes add comparisons (of keys, of grouped columns) without a schema. So the path has pg_catalog,
followed by the schemas of all operators that the query needs. PostgreSQL then confirms that it finds the same
operators and functions as before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import psycopg

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.temporary_view import create_view
from cdc_daemon.pg.search_path import find_names
from cdc_daemon.pg.session import OWN_PATH
from cdc_daemon.pg.statements import statement

Cursor = psycopg.Cursor[tuple[Any, ...]]


def definition_path(
    cursor: Cursor, feed: str, definitions: Mapping[int, str], tables: Collection[int]
) -> str | None:
    """Return the search path for the definitions of a query and its views, and for derived statements.

    Args:
        cursor: in the transaction with the query's temporary view; its search path is our own.
        definitions: definitions of that view and of the views that it reads, by oid.
        tables: oids of the tables that they read.

    Returns:
        The path, or None if a definition would get another meaning than the query.
    """
    schemas = cursor.execute(
        statement("catalogue.operator_schemas"), {"views": list(definitions), "relations": list(tables)}
    ).fetchall()
    path = ", ".join([OWN_PATH, *(schema for (schema,) in schemas)])
    same = all(_reads_the_same(cursor, feed, path, view, text) for view, text in definitions.items())
    return path if same else None


def _reads_the_same(cursor: Cursor, feed: str, path: str, view: int, definition: str) -> bool:
    before = _reads_as(cursor, view)
    try:
        with cursor.connection.transaction(force_rollback=True):
            find_names(cursor.connection, path, temporary_first=True)
            create_view(cursor, "catalogue.create_understood", definition, feed)
            ((again, _),) = cursor.execute(statement("catalogue.understood_definition")).fetchall()
            return _reads_as(cursor, again) == before
    except FeedError:
        return False


def _reads_as(cursor: Cursor, view: int) -> str:
    ((found,),) = cursor.execute(statement("catalogue.reads_as"), {"view": view}).fetchall()
    return str(found)
