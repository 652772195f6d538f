"""Decides whether an error of a feed's query is due to the values of a row."""

from __future__ import annotations

from enum import Enum

import psycopg

LONGEST_REASON = 500
"""Characters of PostgreSQL's message that are stored."""


class ErrorCause(Enum):
    """The cause of an error.

    `UNSURE`: the row if the query works for others, else the query or the server.
    """

    ROW = "row"
    UNSURE = "unsure"
    NOT_A_ROW = "not a row"


_NOT_A_ROW = frozenset(
    {
        *("08", "28", "57", "58"),  # the session, or the server that stops
        *("25", "40", "55"),  # transactions and locks that pass by themselves
        *("26", "34", "3B", "3D", "3F", "42"),  # names and rights: schema, table, column, function
        *("53", "72", "F0"),  # disk, memory, configuration
        "HV",  # errors of another server
    }
)
"""Classes of SQLSTATEs that a row's values don't cause, or that have other causes too."""

_UNSURE = frozenset({"0A", "XX"})
"""A missing feature, for this kind of value or for the statement; an unreadable page."""


def cause_of(error: psycopg.Error) -> ErrorCause:
    """Return the cause of an error, by the class of its SQLSTATE.

    Errors of a row have the classes of data (22), cardinality (21), constraints (23), limits (54), functions
    (38, 39, P0), and those that functions define.
    """
    if error.sqlstate is None:
        return ErrorCause.NOT_A_ROW
    class_ = error.sqlstate[:2]
    if class_ in _NOT_A_ROW:
        return ErrorCause.NOT_A_ROW
    return ErrorCause.UNSURE if class_ in _UNSURE else ErrorCause.ROW


def message_of(error: psycopg.Error) -> str:
    """Return PostgreSQL's message in one line, at most `LONGEST_REASON` characters."""
    text = " ".join((error.diag.message_primary or str(error)).split())
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"
