"""Reading changelogs: what became visible since a cursor, and the delta of one table as a relation."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from cdc_daemon.capture.source import Link, Source
from cdc_daemon.pg.session import collated, type_name
from cdc_daemon.pg.statements import statement


def delta(source: Source, links: tuple[str, ...], *, few: bool) -> sql.Composed:
    """A SELECT of the changed rows since `%(since)s` (a pg_snapshot), links under their own names.

    Values that entries carry as text are turned back into the column's own type: never into another one.

    Args:
        few: plan for a few changed rows, and hold their entries in memory.
    """
    entries = statement(
        "changelog.few" if few else "changelog.many",
        changelog=sql.Identifier(source.changelog),
        unread=_unread(source),
    )
    carried = {link.name: link for link in source.links}
    chosen = [carried[name] for name in links]
    if not chosen:
        return statement("changelog.delta_without_links", entries=entries)
    return statement(
        "changelog.delta",
        entries=entries,
        arrays=sql.SQL(", ").join(map(_array, chosen)),
        names=sql.SQL(", ").join(sql.Identifier(link.name) for link in chosen),
        columns=sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(_value(link), sql.Identifier(link.name)) for link in chosen
        ),
    )


def _array(link: Link) -> sql.Composed:
    """One link of an entry, as an array of the column's own type where there is one that reads these texts.

    A cast of a text (`x::mood`, `x::mood[]`) may be a function that somebody made for it. Capture wrote what
    the type's output function gives; a column of a record made of JSON is read by the type's input function.
    """
    array = sql.Identifier("e", link.entry_column)
    if not link.in_arrays:
        return sql.Composed([array])
    return statement("changelog.typed_array", array=array, type=type_name(link.type))


def _value(link: Link) -> sql.Composed:
    """One value of an entry as the column has it: of its type, and compared by its collation.

    An entry holds no collation. Compared by the database's, a value would miss rows that are equal to it, or
    order otherwise, by the column's.
    """
    value: sql.Composable = sql.Identifier("u", link.name)
    if link.as_text and not link.in_arrays:  # no array can be of the type
        value = statement("changelog.typed", text=value, type=type_name(link.type))
    return collated(value, link.collation)


def summary(reads: Iterable[tuple[Source, tuple[str, ...]]]) -> sql.Composed:
    """A SELECT of (table, entries, rows, unknown, oldest changed_at) since `%(since)s`, where there are any.

    `unknown` is true where an entry can't say which rows changed, or lacks one of the links that are read: it
    was written before an install added them.

    Args:
        reads: each source table with the links that one feed needs of it.
    """
    return sql.SQL("\nUNION ALL\n").join(
        statement(
            "changelog.summary",
            table=sql.Literal(str(source.table)),
            unread=_unread(source),
            unknown=sql.SQL(" OR ").join(
                [
                    sql.SQL("e.rows IS NULL"),
                    *(
                        sql.SQL("{} IS NULL").format(sql.Identifier("e", link.entry_column))
                        for link in source.links
                        if link.name in links
                    ),
                ]
            ),
        )
        for source, links in reads
    )


def _unread(source: Source) -> sql.Composed:
    return statement("changelog.unread", changelog=sql.Identifier(source.changelog))
