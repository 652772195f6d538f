"""The objects to create, replace or drop, so that capture is as the feeds need it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence

from psycopg import sql

from cdc_daemon import __version__
from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.conditions import dumps
from cdc_daemon.capture import body
from cdc_daemon.capture.catalogue import Captured, Installed, InstalledTrigger, unwritable
from cdc_daemon.capture.source import Link, Source
from cdc_daemon.capture.triggers import Trigger, wanted_triggers
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import rendered, statement


def steps(
    connection: Connection, wanted: Sequence[Source], installed: Installed, *, owner: str | None
) -> Iterator[Step]:
    """Yield steps that create and replace objects that differ from the needed ones. `removals` drops others.

    The changelog comes before the function that fills it, and the function before the triggers that call it.
    So a crash between two transactions leaves nothing that fails a user's write.

    Args:
        owner: NOLOGIN role that becomes the owner of the capture functions; None keeps the installing role.
    """
    triggers = wanted_triggers(wanted, installed)
    mended = unwritable(connection, owner) if owner and installed.schema else frozenset[str]()
    for source in wanted:
        text = body.render(source).as_string(connection)
        yield from _changelog(source, installed, owner)
        if owner and source.changelog in mended and source.changelog in installed.changelogs:
            yield Step("replace", f"rights on {own_schema.name()}.{source.changelog}", _grants(source, owner))
        yield from _function(connection, source, installed, text, owner)
        yield from _triggers(triggers[source], installed)


def removals(
    installed: Installed, *, keep: Sequence[Source], keep_tables: Collection[TableName] = ()
) -> Iterator[Step]:
    """Yield steps that drop objects which no feed needs. Triggers come first: they call the functions.

    Args:
        keep_tables: source tables whose objects all stay.
    """
    untouched = [installed.sources[table] for table in keep_tables if table in installed.sources]
    untouched_functions = {source.function for source in untouched}
    kept = {
        (trigger.table, trigger.name)
        for triggers in wanted_triggers(keep, installed).values()
        for trigger in triggers
    }
    by_table: dict[TableName, list[str]] = {}
    for (table, trigger), present in installed.triggers.items():
        if (table, trigger) not in kept and present.function not in untouched_functions:
            by_table.setdefault(table, []).append(trigger)
    for table, triggers in by_table.items():
        yield _dropped(table, triggers)
    functions = {source.function for source in keep} | untouched_functions
    for function in installed.functions:
        if function not in functions:
            yield Step(
                "drop",
                f"function {own_schema.name()}.{function}",
                (rendered("capture.drop_function", function=sql.Identifier(function)),),
            )
    tables = {source.table for source in keep}.union(keep_tables)
    changelogs = {source.changelog for source in keep} | {source.changelog for source in untouched}
    for table, captured in installed.sources.items():
        statements: list[sql.Composed] = []
        if captured.changelog not in changelogs:
            statements.append(rendered("changelog.drop", changelog=sql.Identifier(captured.changelog)))
        if table not in tables:
            forget = {"schema": sql.Literal(table.schema), "table": sql.Literal(table.name)}
            statements.append(statement("capture.forget_source", **forget))
        if statements:
            yield Step("drop", f"changelog {own_schema.name()}.{captured.changelog}", tuple(statements))


def strays(connection: Connection) -> Iterator[Step]:
    """Yield steps that drop triggers of tables whose names other tables have now.

    No feed reads their entries.
    """
    for schema, name, triggers in connection.execute(statement("capture.stray_triggers")).fetchall():
        yield _dropped(TableName(schema, name), triggers)


def _dropped(table: TableName, triggers: Iterable[str]) -> Step:
    return Step(
        "drop",
        f"triggers on {table}",
        tuple(
            rendered("capture.drop_trigger", trigger=sql.Identifier(trigger), table=sql.Identifier(*table))
            for trigger in triggers
        ),
        locks=table,
    )


def stamp(text: str) -> sql.Literal:
    """Return the COMMENT of an object: the program and its version, and a digest of the definition."""
    return sql.Literal(f"cdc-daemon {__version__} {hashlib.sha256(text.encode()).hexdigest()[:16]}")


def _changelog(source: Source, installed: Installed, owner: str | None) -> Iterator[Step]:
    columns = installed.changelogs.get(source.changelog)
    if columns is None:
        statements = [
            rendered("changelog.changelog", changelog=sql.Identifier(source.changelog)),
            *(_add_link(source, link) for link in source.links),
        ]
        for segment in source.segments:
            statements += [
                rendered(
                    "changelog.segment",
                    segment=sql.Identifier(segment),
                    changelog=sql.Identifier(source.changelog),
                ),
                rendered(
                    "changelog.segment_number",
                    segment=sql.Identifier(segment),
                    sequence=sql.Literal(
                        f"{own_schema.name()}.{sql.Identifier(source.sequence).as_string()}"
                    ),
                ),
            ]
        statements.append(
            rendered(
                "capture.comment_table",
                table=sql.Identifier(source.changelog),
                comment=stamp(" ".join(f"{link.name} {link.carried_as}" for link in source.links)),
            )
        )
        if owner:
            statements += _grants(source, owner)
        yield Step("create", f"changelog {own_schema.name()}.{source.changelog}", tuple(statements))
        return
    for link in source.links:
        present = columns.get(link.entry_column)
        if present is None:
            yield Step(
                "create",
                f"link {link.name} of {own_schema.name()}.{source.changelog}",
                (_add_link(source, link),),
            )
        elif not _carries(present, link):
            yield Step(
                "replace",
                f"link {link.name} of {own_schema.name()}.{source.changelog}",
                (
                    rendered(
                        "changelog.drop_link",
                        changelog=sql.Identifier(source.changelog),
                        link=sql.Identifier(link.entry_column),
                    ),
                    _add_link(source, link),
                ),
            )


def _grants(source: Source, owner: str) -> tuple[sql.Composed, ...]:
    first, second = source.segments
    return (
        rendered(
            "changelog.grant_writer",
            first=sql.Identifier(first),
            second=sql.Identifier(second),
            owner=sql.Identifier(owner),
        ),
        rendered(
            "changelog.grant_sequence",
            sequence=sql.Identifier(source.sequence),
            owner=sql.Identifier(owner),
        ),
    )


def _carries(array: str, link: Link) -> bool:
    """Whether a changelog column of this type (as format_type spells it) can carry the link."""
    return array == ("text[]" if link.as_text else f"{link.type}[]")


def _add_link(source: Source, link: Link) -> sql.Composed:
    return rendered(
        "changelog.add_link",
        changelog=sql.Identifier(source.changelog),
        link=sql.Identifier(link.entry_column),
        type=sql.SQL(link.carried_as),  # pyright: ignore[reportArgumentType] # pg_catalog.<typname>
    )


def _function(
    connection: Connection, source: Source, installed: Installed, text: str, owner: str | None
) -> Iterator[Step]:
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    present = installed.functions.get(source.function)
    links = tuple(link.name for link in source.links)
    filters = None if source.filters is None else sorted(map(dumps, source.filters))
    matter = None if filters is None else frozenset(filters)
    wanted = Captured(
        links, source.columns, digest, matter, source.changelog, source.function, source.context
    )
    owned = owner is None or installed.owners.get(source.function) == owner
    if owned and present == digest and installed.sources.get(source.table) == wanted:
        return
    function = sql.Identifier(source.function)
    statements = [
        rendered(
            "capture.function",
            function=function,
            settings=rendered("capture.pinned_path") if source.pinned else sql.SQL(""),
            body=_quoted(text),
        ),
        rendered("capture.revoke", function=function),
        rendered("capture.comment_function", function=function, comment=stamp(text)),
        statement(
            "capture.record_source",
            schema=sql.Literal(source.table.schema),
            table=sql.Literal(source.table.name),
            relation=sql.Literal(source.relation),
            changelog=sql.Literal(source.changelog),
            function=sql.Literal(source.function),
            links=_text_array(links),
            columns=_text_array(source.columns),
            filters=sql.SQL("NULL") if filters is None else _text_array(filters),
            body=sql.Literal(digest),
            context=sql.Literal(source.context),
        ),
    ]
    if owner and installed.owners.get(source.function) != owner:
        statements[1:1] = _given(function, owner, connection)
    recorded = installed.sources.get(source.table)
    if recorded is not None and present != recorded.body:
        # Another body was there, which may have missed changes. After the repair the fingerprint is as
        # before, so only a resync of every feed that reads the table finds these changes.
        statements.append(statement("capture.invalidate_readers", table=sql.Literal(str(source.table))))
    yield Step(
        "create" if present is None else "replace",
        f"function {own_schema.name()}.{source.function}",
        tuple(statements),
    )


def _given(function: sql.Identifier, owner: str, connection: Connection) -> list[sql.Composed]:
    """Return statements that make `owner` the owner of a capture function, which runs with its rights.

    The role has CREATE on schema cdc only for these three statements, so it can't replace the function later.
    If the configured owner is the installing role itself, it owns the schema and keeps its rights.
    """
    role = sql.Identifier(owner)
    give = rendered("capture.owner", function=function, owner=role)
    if owner == connection.info.user:
        return [give]
    return [
        rendered("capture.let_owner_create", owner=role),
        give,
        rendered("capture.keep_owner_from_creating", owner=role),
    ]


def _quoted(text: str) -> sql.Composable:
    """Return the body as a dollar-quoted text, readable in a script, unless the body contains the mark."""
    if "$capture$" in text:
        return sql.Literal(text)
    return sql.SQL(f"$capture${text}$capture$")  # pyright: ignore[reportArgumentType] # rendered from sql/objects


def _text_array(names: Iterable[str]) -> sql.Composed:
    return sql.SQL("ARRAY[{}]::pg_catalog.text[]").format(sql.SQL(", ").join(map(sql.Literal, names)))


def _triggers(triggers: Iterable[Trigger], installed: Installed) -> Iterator[Step]:
    for trigger in triggers:
        table, function = trigger.table, trigger.function
        present = installed.triggers.get((table, trigger.name))
        if present == InstalledTrigger(always=True, function=function):
            continue
        where = {"trigger": sql.Identifier(trigger.name), "table": sql.Identifier(*table)}
        statements = [
            rendered(f"capture.trigger_{trigger.event}", **where, function=sql.Identifier(function)),
            rendered("capture.enable_always", **where),
            rendered("capture.comment_trigger", **where, comment=stamp(function + trigger.event)),
        ]
        if present is not None and present.function == function:
            statements = statements[1:2]
        elif present is not None:
            statements.insert(0, rendered("capture.drop_trigger", **where))
        yield Step(
            "create" if present is None else "replace",
            f"trigger {trigger.name} on {table}",
            tuple(statements),
            table,
        )
