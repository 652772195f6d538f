"""Reads changelogs: the entries that became visible since a cursor, as a relation for each table."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg import sql

from cdc_daemon.capture.causes import MOST_CAUSES
from cdc_daemon.capture.source import Link, Source
from cdc_daemon.pg.session import collated, type_name
from cdc_daemon.pg.statements import statement


def delta(
    source: Source, links: tuple[str, ...], *, few: bool, most_entries: int | None = None
) -> sql.Composed:
    """Return a SELECT of the rows changed since `%(since)s` (a pg_snapshot), with links by their own names.

    It converts values that entries carry as text into the column's own type, never into another type.

    Args:
        source: the source table.
        links: names of the link columns to select.
        few: whether to plan for a few changed rows, and hold their entries in memory.
        most_entries: how many entries to read; None means all.
    """
    entries = statement(
        "changelog.few" if few else "changelog.many",
        changelog=sql.Identifier(source.changelog),
        unread=_unread(source, most_entries),
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
    """Return a link of an entry, as an array of the column's own type if an array type can read these texts.

    A cast of a text (`x::mood`, `x::mood[]`) may call a function of another role. Capture wrote the result of
    the type's output function. A column of a record made from JSON is read by the type's input function.
    """
    array = sql.Identifier("e", link.entry_column)
    if not link.in_arrays:
        return sql.Composed([array])
    return statement("changelog.typed_array", array=array, type=type_name(link.type))


def _value(link: Link) -> sql.Composed:
    """Return a value of an entry with the type and the collation of the column.

    An entry has no collation. With the database's collation, a value could miss rows that the column's
    collation calls equal, or order them differently.
    """
    value: sql.Composable = sql.Identifier("u", link.name)
    if link.as_text and not link.in_arrays:  # the type has no array type
        value = statement("changelog.typed", text=value, type=type_name(link.type))
    return collated(value, link.collation)


def summary(
    reads: Iterable[tuple[Source, tuple[str, ...]]],
    *,
    causes: bool = False,
    most_entries: int | None = None,
) -> sql.Composed:
    """Return a SELECT of (table, entries, rows, unknown, oldest changed_at) for entries since `%(since)s`.

    `unknown` is true if an entry can't name the changed rows, or lacks one of the links because it was
    written before an install added the link.

    Args:
        reads: each source table with the links that a feed needs.
        causes: whether to add columns for the number of transactions and for them, as `Cause.read` takes
            them, without the table.
        most_entries: how many entries to read of each table; None means all.
    """
    return sql.SQL("\nUNION ALL\n").join(
        statement(
            "changelog.summary_with_causes" if causes else "changelog.summary",
            **({"most": sql.Literal(MOST_CAUSES)} if causes else {}),
            table=sql.Literal(str(source.table)),
            unread=_unread(source, most_entries),
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


def _unread(source: Source, most_entries: int | None) -> sql.Composed:
    unread = statement("changelog.unread", changelog=sql.Identifier(source.changelog))
    if most_entries is None:
        return unread
    return statement("changelog.some", unread=unread, limit=sql.Literal(most_entries))
