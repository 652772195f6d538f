"""Reads what PostgreSQL knows about a feed's query, as the catalogue for the analysis."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from cdc_daemon.analysis.model.catalogue import (
    Catalogue,
    Column,
    FeedQuery,
    ForeignKey,
    Function,
    Output,
    Table,
    TableName,
    View,
)
from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.code import read_code
from cdc_daemon.feeds.definition_path import definition_path
from cdc_daemon.feeds.temporary_view import create_view
from cdc_daemon.pg.search_path import find_names, schemas_in
from cdc_daemon.pg.session import OWN_PATH, Connection
from cdc_daemon.pg.statements import statement

_VOLATILITY: Mapping[str, Any] = {"i": "immutable", "s": "stable", "v": "volatile"}
_KIND: Mapping[str, Any] = {"f": "function", "a": "aggregate", "w": "window"}


def describe(
    connection: Connection,
    *,
    feed: str,
    text: str,
    key: Sequence[str],
    entity: Sequence[str],
    search_path: str,
    reads: Sequence[str] | None = None,
) -> tuple[FeedQuery, Catalogue]:
    """Resolve a feed's query on the server and read its dependencies. Changes nothing.

    Args:
        connection: session in autocommit mode, outside of a transaction. It is left as it was.
        text: the user's SELECT.
        key, entity: output columns, by name.
        search_path: schemas in which the query finds its tables, as in `SET search_path`.
        reads: tables that the feed declares for its functions, as a query would name them; None if it
            declares nothing.

    Raises:
        FeedError: PostgreSQL rejects the query (with line and column in `text`), or a key or entity column is
            not among its outputs.
    """
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=tuple_row) as cursor:
        role = _reader(cursor, feed)
        find_names(connection, search_path)
        path, user = cursor.execute(statement("foreign_code.path")).fetchall()[0]
        declared = _declared(cursor, feed, reads or ())
        create_view(cursor, "catalogue.create_view", text, feed)
        # If the search path has only pg_catalog, the definition has the schema of every other name.
        find_names(connection, OWN_PATH, temporary_first=True)
        view, definition = cursor.execute(statement("catalogue.definition")).fetchall()[0]
        outputs = tuple(
            Output(*row)
            for row in cursor.execute(
                statement("catalogue.outputs", collation=statement("catalogue.collation")), {"view": view}
            ).fetchall()
        )
        check_outputs(feed, outputs, key=key, entity=entity)
        recorded = cursor.execute(statement("catalogue.dependencies"), {"view": view}).fetchall()
        depended: dict[int, list[str]] = {oid: columns or [] for oid, columns, _ in recorded}
        views = {
            oid: View(TableName(schema, name), oid, text_, tuple(names), readable)
            for oid, schema, name, text_, names, readable in cursor.execute(
                statement("catalogue.views"), {"relations": list(depended)}
            ).fetchall()
        }
        functions = tuple(
            _function(*row)
            for row in cursor.execute(statement("catalogue.functions"), {"views": [view, *views]}).fetchall()
        )
        # A user-defined function may read the table whose rows it returns.
        calls = any(each.kind == "function" and each.schema != "pg_catalog" for each in functions)
        row_types = frozenset(oid for oid, _, read in recorded if not read and not calls)
        used = {oid: columns for oid, columns in depended.items() if oid not in views}
        tables = _tables(cursor, {**{oid: list[str]() for oid in declared}, **used})
        named_types = tuple(
            name
            for (name,) in cursor.execute(
                statement("catalogue.named_types"), {"views": [view, *views]}
            ).fetchall()
        )
        schemas = [user if schema == "$user" else schema for schema in schemas_in(search_path)]
        creators = [
            (schema, stands, tuple(roles))
            for schema, stands, roles in cursor.execute(
                statement("catalogue.creators"), {"schemas": schemas, "relations": list(tables)}
            ).fetchall()
        ]
        domains = {
            name: (collation, deterministic)
            for name, collation, deterministic in cursor.execute(
                statement("catalogue.collated_domains")
            ).fetchall()
        }
        code = read_code(
            cursor,
            query=view,
            views=views,
            functions=(each.oid for each in functions),
            relations=tables,
            text=text,
            path=path,
            schemas=schemas,
        )
        derived_path = definition_path(
            cursor, feed, {view: definition, **{oid: each.definition for oid, each in views.items()}}, used
        )
    catalogue = Catalogue(
        tables={table.name: table for table in tables.values()},
        functions=functions,
        dependencies={
            tables[oid].name: frozenset(columns)
            for oid, columns in depended.items()
            if oid in tables and oid not in row_types
        },
        views={each.name: each for each in views.values()},
        role=role,
        code=code,
        named_types=named_types,
        collated_domains=domains,
        creators={schema: roles for schema, stands, roles in creators if stands},
        makers={schema: roles for schema, stands, roles in creators if not stands},
    )
    query = FeedQuery(
        feed,
        text,
        definition,
        outputs,
        tuple(key),
        tuple(entity),
        None if reads is None else tuple(tables[oid].name for oid in declared),
        derived_path,
    )
    return query, catalogue


def _reader(cursor: psycopg.Cursor[tuple[Any, ...]], feed: str) -> str:
    """Return the reading role, quoted.

    Raises:
        FeedError: the role may not create temporary views.
    """
    role, temporary, database = cursor.execute(statement("catalogue.reader")).fetchall()[0]
    if not temporary:
        raise FeedError(
            f"the role {role} may not create temporary views in database {database}, which describe a query",
            where=f"feed {feed}",
            hint=f"GRANT TEMPORARY ON DATABASE {database} TO {role}",
        )
    return str(role)


def _declared(cursor: psycopg.Cursor[tuple[Any, ...]], feed: str, names: Sequence[str]) -> list[int]:
    found: list[int] = []
    for name, oid in cursor.execute(statement("catalogue.declared"), {"names": list(names)}).fetchall():
        if oid is None:
            raise FeedError(
                f"`reads` names {name}, which is no table that the role can see",
                where=f"feed {feed}",
                hint='write "schema.table" as in a query',
            )
        found.append(oid)
    return list(dict.fromkeys(found))


def _function(
    schema: str,
    name: str,
    volatility: str,
    kind: str,
    many: bool,
    oid: int,
    arguments: list[str],
    language: str,
    body: str,
    reads: list[tuple[str, str]] | None,
    extension: str | None,
    executable: bool,
) -> Function:
    return Function(
        schema,
        name,
        _VOLATILITY[volatility],
        _KIND[kind],
        oid,
        returns_set=many,
        arguments=tuple(arguments),
        language=language,
        body=body,
        reads=tuple(TableName(*each) for each in reads or ()),
        extension=extension,
        executable=executable,
    )


def check_outputs(feed: str, outputs: Sequence[Output], *, key: Iterable[str], entity: Iterable[str]) -> None:
    """Check that key and entity are output columns.

    Raises:
        FeedError: one is not. The hint names the nearest output column.
    """
    names = [output.name for output in outputs]
    for role, columns in (("key", key), ("entity", entity)):
        for name in columns:
            if name in names:
                continue
            folded = {each.lower(): each for each in names}
            near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.0)
            meant = folded[near[0]] if near else None
            hint = f'did you mean "{meant}"?' if meant else "the query has no output columns"
            if meant and meant == name.lower():
                hint += f' PostgreSQL folds unquoted names: write AS "{name}" to keep the capitals'
            raise FeedError(
                f'{role} column "{name}" is not among the query\'s outputs ({", ".join(names)})',
                where=f"feed {feed}",
                hint=hint,
            )


def _tables(cursor: psycopg.Cursor[tuple[Any, ...]], used: Mapping[int, Sequence[str]]) -> dict[int, Table]:
    """Return relations by oid.

    Args:
        used: columns that the query uses, as far as PostgreSQL recorded them.
    """
    relations = {"relations": list(used)}
    columns: dict[int, dict[str, Column]] = {}
    unreadable: set[tuple[int, str]] = set()
    for (
        oid,
        name,
        type_,
        carried_as,
        not_null,
        virtual,
        compared_as,
        readable,
        collation,
        deterministic,
    ) in cursor.execute(
        statement("catalogue.columns", collation=statement("catalogue.collation")), relations
    ).fetchall():
        columns.setdefault(oid, {})[name] = Column(
            name, type_, carried_as, not_null, virtual, compared_as or "", collation, deterministic
        )
        if not readable:
            unreadable.add((oid, name))
    unique: dict[int, list[tuple[str, ...]]] = {}
    numbered: dict[int, list[tuple[int, ...]]] = {}
    primary: dict[int, tuple[str, ...]] = {}
    for oid, is_primary, covers, names, numbers in cursor.execute(
        statement("catalogue.unique_keys"), relations
    ).fetchall():
        if covers:
            unique.setdefault(oid, []).append(tuple(names))
        if is_primary:
            primary[oid] = tuple(names)
        numbered.setdefault(oid, []).append(tuple(numbers))
    indexes: dict[int, list[tuple[str, ...]]] = {}
    expressions: dict[int, list[str]] = {}
    for oid, names, expression in cursor.execute(statement("catalogue.indexes"), relations).fetchall():
        indexes.setdefault(oid, []).append(tuple(names))
        if expression is not None:
            expressions.setdefault(oid, []).append(expression)
    foreign: dict[int, list[ForeignKey]] = {}
    for oid, schema, table, own, referenced, key in cursor.execute(
        statement("catalogue.foreign_keys"), relations
    ).fetchall():
        foreign.setdefault(oid, []).append(
            ForeignKey(tuple(own), TableName(schema, table), tuple(referenced), key)
        )
    rows: dict[int, float] = dict(cursor.execute(statement("statistics.rows"), relations).fetchall())
    return {
        oid: Table(
            name=TableName(schema, name),
            oid=oid,
            columns=columns.get(oid, {}),
            primary_key=primary.get(oid, ()),
            unique_keys=tuple(unique.get(oid, ())),
            numbered_keys=tuple(numbered.get(oid, ())),
            foreign_keys=tuple(foreign.get(oid, ())),
            kind=kind,
            indexes=tuple(indexes.get(oid, ())),
            readable=whole
            or bool(used[oid] and not any((oid, column) in unreadable for column in used[oid])),
            row_security=row_security,
            unlogged=unlogged,
            foreign_parts=tuple(foreign_parts),
            index_expressions=tuple(expressions.get(oid, ())),
            partitioned=partitioned,
            rows=number if (number := rows.get(oid, -1)) >= 0 else None,
        )
        for (
            oid,
            schema,
            name,
            kind,
            whole,
            row_security,
            unlogged,
            foreign_parts,
            partitioned,
        ) in cursor.execute(statement("catalogue.relations"), relations).fetchall()
    }
