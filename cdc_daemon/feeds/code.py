"""Finds the code that may run with the daemon's rights, and the part that foreign owners own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from cdc_daemon.analysis.lint.function_bodies import names_in, symbols_in
from cdc_daemon.analysis.model.catalogue import Code, ForeignCode
from cdc_daemon.pg.search_path import schemas_in
from cdc_daemon.pg.statements import statement

Cursor = psycopg.Cursor[tuple[Any, ...]]


def read_code(
    cursor: Cursor,
    *,
    query: int,
    views: Iterable[int],
    functions: Iterable[int],
    relations: Iterable[int],
    text: str,
    path: list[str],
    schemas: Iterable[str],
) -> Code:
    """Return the user-defined code that a feed's query may run, and the part that foreign owners own.

    It follows functions into readable bodies, by the names in the bodies.

    Args:
        query: the temporary view of the query itself.
        views: views that it reads.
        functions: functions that it calls.
        relations: its source tables.
        text: the query as it was written.
        path: existing schemas of the query's search path.
        schemas: all schemas of the path, whether they exist or not.
    """
    views, functions, relations = set(views), set(functions), list(relations)
    while True:
        rules = [query, *views]
        types = _oids(cursor, "types", relations=relations, views=rules, functions=sorted(functions))
        bodies = _bodies(cursor, relations=relations, types=types, functions=sorted(functions))
        found, read = _named_in(cursor, bodies, path)
        found |= set(_oids(cursor, "called_by_views", views=sorted(read))) | bodies.keys()
        if found <= functions and read <= views:
            break
        functions |= found
        views |= read
    closure = {
        "views": sorted(views),
        "functions": sorted(functions),
        "types": types,
        "operators": _oids(cursor, "operators", views=rules),
    }
    texts = [text, *(body for body, _ in bodies.values())]
    names = {name for each in texts for name in names_in(each)}
    own_paths = [schema for _, own in bodies.values() for schema in schemas_in(own)]
    rows = cursor.execute(statement("foreign_code.foreign"), {**closure, "relations": relations}).fetchall()
    return Code(
        **{kind: tuple(oids) for kind, oids in closure.items()},
        foreign=tuple(ForeignCode(*row) for row in rows),
        names=tuple(sorted({name for _, name in names})),
        symbols=tuple(sorted({symbol for each in texts for symbol in symbols_in(each)})),
        schemas=tuple(sorted({*schemas, *own_paths, *(schema for schema, _ in names if schema)})),
    )


def _oids(cursor: Cursor, name: str, **parameters: list[int]) -> list[int]:
    return [oid for (oid,) in cursor.execute(statement(f"foreign_code.{name}"), parameters).fetchall()]


def _bodies(cursor: Cursor, **parameters: list[int]) -> Mapping[int, tuple[str, str]]:
    """Return body and own search path of each function that may run."""
    rows = cursor.execute(statement("foreign_code.functions"), parameters).fetchall()
    return {oid: (body, path) for oid, body, path in rows}


def _named_in(
    cursor: Cursor, bodies: Mapping[int, tuple[str, str]], path: list[str]
) -> tuple[set[int], set[int]]:
    """Return the functions and views that the names in these bodies may mean."""
    functions: set[int] = set()
    views: set[int] = set()
    for body, own_path in bodies.values():
        names = sorted(names_in(body), key=str)
        if not names:
            continue
        own = schemas_in(own_path)
        rows = cursor.execute(
            statement("foreign_code.named"),
            {
                "schemas": [schema for schema, _ in names],
                "names": [name for _, name in names],
                "path": own or path,
            },
        ).fetchall()
        functions |= {function for function, _ in rows if function is not None}
        views |= {view for _, view in rows if view is not None}
    return functions, views
