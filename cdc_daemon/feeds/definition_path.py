"""With which search path a query's definition means what the query means.

The server prints a definition (`pg_get_viewdef`) so that it can be read again with the same search path, here
pg_catalog alone: operators of other schemas are named with their schema. But IS DISTINCT FROM, NULLIF,
`CASE x WHEN` and USING have no place for a name: read again, they find the operator of pg_catalog. And
comparisons that a route adds (of keys, of grouped columns) are written without a schema. So the schemas of
all operators that a query needs follow pg_catalog in the path, and PostgreSQL is asked whether it finds the
same operators and functions as before.
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
    """The search path for a query's definition, its views' and what is derived from them.

    Args:
        cursor: in the transaction that made the query's temporary view; its search path is our own.
        definitions: of that view and of those that it reads, by oid.
        tables: the oids of the tables that they read.

    Returns:
        None if some definition would be read otherwise than the query was.
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
