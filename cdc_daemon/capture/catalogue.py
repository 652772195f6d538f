"""Reads the catalogue for capture: types of links, partitions and children, installed objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cdc_daemon.analysis.model.catalogue import Table, TableName
from cdc_daemon.analysis.model.conditions import columns_of, loads
from cdc_daemon.capture.names import CaptureNames
from cdc_daemon.capture.source import Link, Source
from cdc_daemon.errors import InstallError
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


def read_source(
    connection: Connection,
    table: Table,
    *,
    names: CaptureNames,
    links: Iterable[str],
    columns: Iterable[str],
    filters: Iterable[str] | None = None,
    context: bool = False,
) -> Source:
    """Return how a source table must be captured.

    Args:
        names: names of its changelog and its capture function.
        links, columns: names of the link columns and used columns of all feeds together.
        filters: conditions (JSON), of which a captured row fulfils at least one; None captures every row.
        context: whether entries carry the application_name and the session user of the writer.
    """
    named = [table.columns[name] for name in sorted(set(links))]
    conditions = None if filters is None else tuple(loads(each) for each in sorted(filters))
    filtered = {name for condition in conditions or () for name in columns_of(condition)}
    read = [table.columns[name] for name in {*links, *table.primary_key, *filtered}]
    spelled = sorted({spelling for column in read for spelling in (column.type, column.carried_as)})
    types = {
        spelling: (internal, in_arrays)
        for spelling, internal, in_arrays in connection.execute(
            statement("capture.types"), {"types": spelled}
        )
    }
    inputs: dict[str, set[str]] = {}
    for generated, source in connection.execute(statement("capture.virtual_inputs"), {"relation": table.oid}):
        inputs.setdefault(generated, set()).add(source)
    above = connection.execute(statement("capture.above"), {"relation": table.oid}).fetchall()
    # An UPDATE of these moves a row into the partition or out of it.
    distributing = {name for *_, keys in above for name in keys}
    moving = set(table.columns) if None in distributing else distributing
    compared: set[str] = set()
    for name in {*columns, *(column.name for column in named), *moving}:
        compared |= inputs.get(name, {name})
    return Source(
        table=table.name,
        relation=table.oid,
        names=names,
        links=tuple(
            Link(
                column.name,
                column.type,
                types[column.carried_as][0],
                column.as_text,
                column.as_text and types[column.type][1],
                column.collation,
            )
            for column in named
        ),
        columns=tuple(sorted(compared)),
        primary_key=tuple((name, table.columns[name].as_text) for name in table.primary_key),
        leaves=tuple(
            TableName(schema, name)
            for schema, name in connection.execute(statement("capture.leaves"), {"relation": table.oid})
        ),
        partitioned=tuple(TableName(schema, name) for schema, name, partition, _ in above if partition),
        inherited=tuple(TableName(schema, name) for schema, name, partition, _ in above if not partition),
        filters=conditions,
        context=context,
        types=tuple(sorted((column.name, types[column.type][0]) for column in read if not column.as_text)),
        collations=tuple(
            sorted(
                (name, table.columns[name].collation)
                for name in filtered
                if table.columns[name].as_text and table.columns[name].collation
            )
        ),
    )


@dataclass(frozen=True)
class InstalledTrigger:
    """A trigger on a source table. `always`: whether it also fires in a session of replica role."""

    always: bool
    function: str


@dataclass(frozen=True)
class Captured:
    """The record of an earlier install about a source table; empty if the table is not captured.

    Attributes:
        body: md5 of the body of its function.
        changelog, function: names of its changelog and its function.
        filters: conditions (JSON), of which a captured row fulfils at least one; None captures every row.
        context: whether entries carry the application_name and the session user of the writer.
    """

    links: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    body: str = ""
    filters: frozenset[str] | None = frozenset()
    changelog: str = ""
    function: str = ""
    context: bool = False


@dataclass(frozen=True)
class Installed:
    """The installed objects; empty before the first install.

    Attributes:
        functions: md5 of the body of each capture function.
        owners: owner of each capture function.
        changelogs: types of the columns of each changelog or segment.
    """

    schema: bool = False
    sources: Mapping[TableName, Captured] = field(default_factory=dict[TableName, Captured])
    functions: Mapping[str, str] = field(default_factory=dict[str, str])
    owners: Mapping[str, str] = field(default_factory=dict[str, str])
    triggers: Mapping[tuple[TableName, str], InstalledTrigger] = field(
        default_factory=dict[tuple[TableName, str], InstalledTrigger]
    )
    changelogs: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])


def schema_exists(connection: Connection) -> bool:
    """Whether this database has an installed schema cdc."""
    row = connection.execute(statement("capture.schema_exists")).fetchone()
    return bool(row and row[0])


def require_schema(connection: Connection) -> None:
    """Check that schema cdc exists.

    Raises:
        InstallError: it does not exist, or no longer exists.
    """
    if not schema_exists(connection):
        raise InstallError(
            "nothing is installed in this database", where=own_schema.shown(), hint="run `cdc-daemon install`"
        )


def read_installed(connection: Connection) -> Installed:
    """Return all objects of capture in this database."""
    if not schema_exists(connection):
        return Installed()
    changelogs: dict[str, dict[str, str]] = {}
    for changelog, column, type_ in connection.execute(statement("capture.installed_links")):
        changelogs.setdefault(changelog, {})[column] = type_
    functions = connection.execute(statement("capture.installed_functions")).fetchall()
    return Installed(
        schema=True,
        sources={
            TableName(schema, table): Captured(
                tuple(links),
                tuple(columns),
                body,
                None if filters is None else frozenset(filters),
                changelog,
                function,
                context,
            )
            for (
                schema,
                table,
                links,
                columns,
                body,
                filters,
                changelog,
                function,
                context,
            ) in connection.execute(statement("capture.installed_sources"))
        },
        functions={name: body for name, body, _ in functions},
        owners={name: owner for name, _, owner in functions},
        triggers={
            (TableName(schema, table), trigger): InstalledTrigger(always, function)
            for schema, table, trigger, always, function in connection.execute(
                statement("capture.installed_triggers")
            )
        },
        changelogs=changelogs,
    )


def recorded_names(connection: Connection) -> dict[TableName, CaptureNames]:
    """Return the names that earlier installs chose for source tables, without names that two tables share."""
    if not schema_exists(connection):
        return {}
    return {
        TableName(schema, table): CaptureNames(changelog, function)
        for schema, table, changelog, function in connection.execute(statement("capture.recorded_names"))
    }


def unwritable(connection: Connection, owner: str) -> frozenset[str]:
    """Return the changelogs to which the role, if it exists, can't add entries. Schema cdc must exist."""
    rows = connection.execute(statement("capture.unwritable"), {"owner": owner}).fetchall()
    return frozenset(changelog for (changelog,) in rows)
