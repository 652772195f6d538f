"""How key and entity columns are compared: by their types' own operators, each named with its schema.

A plain `=` is looked up through the search path, and so are IN, NOT IN, IS DISTINCT FROM and USING: beside a
user's query, a schema of the configured path could offer another one. For a type of an extension (citext) the
plain `=` of pg_catalog would be wrong as well: it compares the text.
"""

from __future__ import annotations

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.spelling import parameter

_AND = sql.SQL(" AND ")
_OR = sql.SQL(" OR ")
_COMMA = sql.SQL(", ")


def column(feed: FeedDefinition, name: str, alias: str) -> sql.Composable:
    """`alias.name`, as the operators of its type take it."""
    return feed.comparable(name, sql.Identifier(alias, name))


def _columns(feed: FeedDefinition, names: tuple[str, ...], alias: str) -> sql.Composed:
    return _COMMA.join(column(feed, name, alias) for name in names)


def same(feed: FeedDefinition, names: tuple[str, ...], left: str, right: str) -> sql.Composed:
    """`left.a = right.a AND …`."""
    return _AND.join(
        sql.SQL("{} {} {}").format(column(feed, name, left), feed.equal(name), column(feed, name, right))
        for name in names
    )


def equals(feed: FeedDefinition, name: str, alias: str, value: str) -> sql.Composed:
    """`alias.name = value`, the parameter of that name being the text of one."""
    return sql.SQL("{} {} {}").format(
        column(feed, name, alias), feed.equal(name), feed.comparable(name, parameter(feed, name, value))
    )


def among(
    feed: FeedDefinition, names: tuple[str, ...], alias: str, *, other: str, rows: sql.Composable
) -> sql.Composed:
    """Whether one of the rows has the values of `alias` in these columns, which are never NULL.

    Args:
        other: an alias for the rows.
        rows: what stands behind FROM, named `other`, with columns of the same names.
    """
    operators = {feed.operators(name)[0] for name in names}
    if len(operators) > 1:
        # One operator has to serve for a whole row. Looked up in a hash table only if the planner wants to.
        return sql.SQL("EXISTS (SELECT FROM {} WHERE {})").format(rows, same(feed, names, alias, other))
    # `(…) IN (SELECT …)`, which is looked up in a hash table, with the operator named.
    return sql.SQL("({}) {} ANY (SELECT {} FROM {})").format(
        _columns(feed, names, alias), feed.equal(names[0]), _columns(feed, names, other), rows
    )


def after(
    feed: FeedDefinition, names: tuple[str, ...], alias: str, values: dict[str, sql.Composed]
) -> sql.Composed:
    """Whether `alias` comes after some values in the order of these columns."""
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
