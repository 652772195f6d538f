"""Whether an error that a feed's query met is one of a row's values."""

from __future__ import annotations

from enum import Enum

import psycopg

LONGEST_REASON = 500
"""Characters of PostgreSQL's words that are kept."""


class Blame(Enum):
    """Attributes: `UNSURE`: the row if the query works for others, else the query or the server."""

    ROW = "row"
    UNSURE = "unsure"
    NOT_A_ROW = "not a row"


_NOT_A_ROW = frozenset(
    {
        *("08", "28", "57", "58"),  # the session, or the server that stops
        *("25", "40", "55"),  # transactions and locks that pass by themselves
        *("26", "34", "3B", "3D", "3F", "42"),  # names and rights: schema, table, column, function
        *("53", "72", "F0"),  # disk, memory, configuration
        "HV",  # another server's
    }
)
"""Classes of SQLSTATEs that no row's values cause, or none that can be told from another cause."""

_UNSURE = frozenset({"0A", "XX"})
"""A feature that is missing for a value of this kind, or for the statement; a page that can't be read."""


def blame(error: psycopg.Error) -> Blame:
    """What an error is of, by the class of its SQLSTATE.

    The classes of data (22), cardinality (21), constraints (23), limits (54), of functions (38, 39, P0), and
    those that functions make up are of a row.
    """
    if error.sqlstate is None:
        return Blame.NOT_A_ROW
    class_ = error.sqlstate[:2]
    if class_ in _NOT_A_ROW:
        return Blame.NOT_A_ROW
    return Blame.UNSURE if class_ in _UNSURE else Blame.ROW


def words(error: psycopg.Error) -> str:
    """PostgreSQL's message in one line, at most `LONGEST_REASON` characters."""
    text = " ".join((error.diag.message_primary or str(error)).split())
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"
