"""Converts values of key and entity columns to text and back, without user-defined casts.

The server looks `x::text` and `text::mood` up in pg_cast, where the owner of an enum or a composite type can
add a function. It would run as the daemon, and could give two values the same text. No user can replace the
output and input functions of a type. Only a superuser can create a cast between types of pg_catalog, so such
casts are used: they are faster.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.pg.session import collated
from cdc_daemon.pg.statements import statement

_COMMA = sql.SQL(", ")


def as_text(feed: FeedDefinition, name: str, value: sql.Composable) -> sql.Composed:
    """Return the text of a value of an output column's type."""
    if feed.is_built_in(name):
        return sql.SQL("{}::pg_catalog.text").format(value)
    return statement("feed.as_text", value=value)


def texts(feed: FeedDefinition, names: tuple[str, ...], *, of: str) -> sql.Composed:
    """Return columns of the rows `of` as text, the form in which keys and entities are passed on."""
    return _COMMA.join(as_text(feed, name, sql.Identifier(of, name)) for name in names)


def collated_columns(feed: FeedDefinition, names: tuple[str, ...], *, of: str) -> sql.Composed:
    """Return columns of the rows `of` by their names, with the collations of the output columns.

    Values from another source may have another collation, by which two entities could be equal.
    """
    return _COMMA.join(
        sql.SQL("{} AS {}").format(
            collated(sql.Identifier(of, name), feed.collation(name)), sql.Identifier(name)
        )
        for name in names
    )


def from_text(feed: FeedDefinition, name: str, text: sql.Composable) -> sql.Composed:
    """Return the value of a text (an expression of type text)."""
    if feed.is_built_in(name):
        value: sql.Composable = sql.SQL("{}::{}").format(text, feed.type_of(name))
    else:
        value = statement("feed.from_text", text=text, type=feed.type_of(name))
    return collated(value, feed.collation(name))


def parameter(feed: FeedDefinition, name: str, parameter: str) -> sql.Composed:
    """Return the value of a parameter (a `str`)."""
    value: sql.Composable = sql.Placeholder(parameter)
    if feed.is_built_in(name):
        value = sql.SQL("{}::pg_catalog.text").format(value)
    # Otherwise psycopg does not give a str a type, and the server reads it by the input function of the type
    # named here.
    return collated(sql.SQL("{}::{}").format(value, feed.type_of(name)), feed.collation(name))


def array_parameter(feed: FeedDefinition, name: str, parameter: str) -> sql.Composed:
    """Return the values of a parameter made by `array`, for comparisons."""
    values: sql.Composable = sql.Placeholder(parameter)
    if feed.is_built_in(name):
        values = sql.SQL("{}::pg_catalog.text[]").format(values)
    return collated(sql.SQL("{}::{}[]").format(values, feed.comparison_type(name)), feed.collation(name))


def array(feed: FeedDefinition, name: str, values: Sequence[str]) -> list[str] | str:
    """Return texts of a column as a parameter: a list, or an array in PostgreSQL's form, without a type."""
    if feed.is_built_in(name):
        return list(values)
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
