"""Compares key and entity columns by the operators of their types, each named with its schema.

PostgreSQL looks a plain `=` up through the search path, and also IN, NOT IN, IS DISTINCT FROM and USING. In a
statement with a user's query, a schema of the configured path could provide another operator. For a type of
an extension (citext) the plain `=` of pg_catalog would be wrong too, because it compares the text.
"""

from __future__ import annotations

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.text_form import parameter

_AND = sql.SQL(" AND ")
_OR = sql.SQL(" OR ")
_COMMA = sql.SQL(", ")


def column(feed: FeedDefinition, name: str, alias: str) -> sql.Composable:
    """Return `alias.name` in the type that its operators take."""
    return feed.comparable(name, sql.Identifier(alias, name))


def _columns(feed: FeedDefinition, names: tuple[str, ...], alias: str) -> sql.Composed:
    return _COMMA.join(column(feed, name, alias) for name in names)


def same(feed: FeedDefinition, names: tuple[str, ...], left: str, right: str) -> sql.Composed:
    """Return `left.a = right.a AND …` for all `names`."""
    return _AND.join(
        sql.SQL("{} {} {}").format(column(feed, name, left), feed.equal(name), column(feed, name, right))
        for name in names
    )


def equals(feed: FeedDefinition, name: str, alias: str, value: str) -> sql.Composed:
    """Return `alias.name = value`, where the parameter `value` is a text."""
    return sql.SQL("{} {} {}").format(
        column(feed, name, alias), feed.equal(name), feed.comparable(name, parameter(feed, name, value))
    )


def among(
    feed: FeedDefinition, names: tuple[str, ...], alias: str, *, other: str, rows: sql.Composable
) -> sql.Composed:
    """Return the condition that a row has the values of `alias` in these columns, which are never NULL.

    Args:
        other: alias of the rows.
        rows: the FROM item, with the alias `other` and columns of the same names.
    """
    operators = {feed.operators(name)[0] for name in names}
    if len(operators) > 1:
        # One operator must serve for a whole row. The planner may use a hash table or not.
        return sql.SQL("EXISTS (SELECT FROM {} WHERE {})").format(rows, same(feed, names, alias, other))
    # This is `(…) IN (SELECT …)` with a named operator. PostgreSQL uses a hash table for it.
    return sql.SQL("({}) {} ANY (SELECT {} FROM {})").format(
        _columns(feed, names, alias), feed.equal(names[0]), _columns(feed, names, other), rows
    )


def after(
    feed: FeedDefinition, names: tuple[str, ...], alias: str, values: dict[str, sql.Composed]
) -> sql.Composed:
    """Return the condition that `alias` comes after some values in the order of these columns."""
    comparable = {name: feed.comparable(name, value) for name, value in values.items()}
    if len({feed.operators(name) for name in names}) == 1:
        return sql.SQL("({}) {} ({})").format(
            _columns(feed, names, alias),
            feed.greater(names[0]),
            _COMMA.join(comparable[name] for name in names),
        )
    cases = [
        _AND.join(
            sql.SQL("{} {} {}").format(
                column(feed, name, alias),
                feed.greater(name) if name == last else feed.equal(name),
                comparable[name],
            )
            for name in names[:n]
        )
        for n, last in enumerate(names, start=1)
    ]
    return sql.SQL("({})").format(_OR.join(sql.SQL("({})").format(case) for case in cases))
