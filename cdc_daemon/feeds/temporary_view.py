"""Creates a temporary view of a query, to be rolled back, so that PostgreSQL resolves its names."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from cdc_daemon.errors import FeedError
from cdc_daemon.pg.statements import statement


def create_view(cursor: psycopg.Cursor[tuple[Any, ...]], name: str, text: str, feed: str) -> None:
    """Create one of the temporary views of `sql/queries/catalogue.sql` from a query's text.

    Args:
        cursor: in a transaction that will be rolled back.
        name: statement that creates the view.
        text: the query.
        feed: name of the feed, for errors.

    Raises:
        FeedError: PostgreSQL refuses the query.
    """
    query = sql.SQL(text)  # pyright: ignore[reportArgumentType] # the user's own SELECT is what is described
    create = statement(name, query=query)
    before = len(statement(name, query=sql.SQL("")).as_string(cursor))
    try:
        # binary: the extended protocol takes one statement only. As a simple query, `SELECT 1; DROP …` would
        # run both, and a COMMIT among them would end the transaction that must be rolled back.
        cursor.execute(create, binary=True)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise _refused(error, text, feed, before) from error


def _refused(error: psycopg.Error, text: str, feed: str, before: int) -> FeedError:
    where, at = f"feed {feed}", None
    position = error.diag.statement_position
    if position is not None and 0 <= (offset := int(position) - 1 - before) <= len(text):
        at = (text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
        where += f", line {at[0]}, column {at[1]}"
    what = error.diag.message_primary or str(error)
    hint = error.diag.message_hint
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        hint = (
            hint
            or "grant the daemon's role USAGE on the schemas and SELECT on the tables that the query reads"
        )
    elif isinstance(error, psycopg.errors.DuplicateColumn):
        hint = "two output columns have this name: rename one with AS"
    elif isinstance(error, psycopg.errors.SyntaxError) and "multiple commands" in what:
        what, hint = "the file holds several statements", "a feed's query is one SELECT, alone in its file"
    elif "data-modifying" in what:
        what, hint = (
            "the query changes data in WITH",
            "a feed's query reads: take INSERT, UPDATE and DELETE out",
        )
    return FeedError(
        what,
        where=where,
        hint=hint or "run the query in psql with the same search_path and mend it",
        at=at,
    )
