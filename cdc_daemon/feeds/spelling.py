"""Values of key and entity columns as text, and text as such values, without casts that users made.

The server looks `x::text` and `text::mood` up in pg_cast: the owner of an enum or a composite type can put a
function there. It would run as the daemon, and could spell two values alike. Nobody can replace the output
and input functions of a type. Only a superuser can make a cast between types of pg_catalog, and those cost
less: they stay.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.pg.session import collated
from cdc_daemon.pg.statements import statement

_COMMA = sql.SQL(", ")


def as_text(feed: FeedDefinition, name: str, value: sql.Composable) -> sql.Composed:
    """The text of a value of an output column's type."""
    if feed.is_built_in(name):
        return sql.SQL("{}::pg_catalog.text").format(value)
    return statement("feed.as_text", value=value)


def texts(feed: FeedDefinition, names: tuple[str, ...], *, of: str) -> sql.Composed:
    """Columns of the rows `of` as text: how keys and entities travel, whatever their types."""
    return _COMMA.join(as_text(feed, name, sql.Identifier(of, name)) for name in names)


def collated_columns(feed: FeedDefinition, names: tuple[str, ...], *, of: str) -> sql.Composed:
    """Columns of the rows `of` under their names, told apart by the collations of the output columns.

    Values that came another way may have another collation: two entities could be one to it.
    """
    return _COMMA.join(
        sql.SQL("{} AS {}").format(
            collated(sql.Identifier(of, name), feed.collation(name)), sql.Identifier(name)
        )
        for name in names
    )


def from_text(feed: FeedDefinition, name: str, text: sql.Composable) -> sql.Composed:
    """The value that a text (an expression of type text) stands for."""
    if feed.is_built_in(name):
        value: sql.Composable = sql.SQL("{}::{}").format(text, feed.type_of(name))
    else:
        value = statement("feed.from_text", text=text, type=feed.type_of(name))
    return collated(value, feed.collation(name))


def parameter(feed: FeedDefinition, name: str, parameter: str) -> sql.Composed:
    """The value of a parameter (a `str`)."""
    value: sql.Composable = sql.Placeholder(parameter)
    if feed.is_built_in(name):
        value = sql.SQL("{}::pg_catalog.text").format(value)
    # Otherwise psycopg leaves the type of a str open: the server reads it by the input function of the type
    # named here.
    return collated(sql.SQL("{}::{}").format(value, feed.type_of(name)), feed.collation(name))


def array_parameter(feed: FeedDefinition, name: str, parameter: str) -> sql.Composed:
    """The values of a parameter that `array` made, to be compared."""
    values: sql.Composable = sql.Placeholder(parameter)
    if feed.is_built_in(name):
        values = sql.SQL("{}::pg_catalog.text[]").format(values)
    return collated(sql.SQL("{}::{}[]").format(values, feed.comparison_type(name)), feed.collation(name))


def array(feed: FeedDefinition, name: str, values: Sequence[str]) -> list[str] | str:
    """Texts of one column as a parameter: a list, or as PostgreSQL writes an array, its type left open."""
    if feed.is_built_in(name):
        return list(values)
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
