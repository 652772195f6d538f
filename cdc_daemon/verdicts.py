"""Every verdict that a feed's query can get. Configurations that accept a verdict rely on its name.

`docs/reference.md` has the same list. A test compares both with the verdicts that the package gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Accepting(StrEnum):
    """The consequence if a feed accepts a verdict (`accept` in its section)."""

    AS_IT_IS = "the query is run as it is"
    UNWATCHED = "the dependency is not watched: its changes reach no document until a row changes or a resync"
    NEVER = "it can't be accepted: the statement that recomputes could not be run"


@dataclass(frozen=True)
class VerdictName:
    """The meaning of a verdict.

    Attributes:
        meaning: the text in the reference.
        refused: whether the verdict refuses the feed unless it is accepted; otherwise it is a warning.
        accepting: the consequence if the feed accepts it.
    """

    meaning: str
    refused: bool = False
    accepting: Accepting = Accepting.AS_IT_IS


VERDICTS: dict[str, VerdictName] = {
    "several-statements": VerdictName(
        "The file holds several statements.", refused=True, accepting=Accepting.NEVER
    ),
    "data-modifying": VerdictName(
        "The query writes: INSERT, UPDATE, DELETE or MERGE in a WITH.",
        refused=True,
        accepting=Accepting.NEVER,
    ),
    "locking": VerdictName(
        "FOR UPDATE, FOR SHARE and similar clauses would lock your rows while the daemon computes documents.",
        refused=True,
    ),
    "volatile-function": VerdictName("A function may return another value at every call.", refused=True),
    "clock": VerdictName(
        "The query reads the clock, but no row changes when time passes. Allowed with an output column "
        "`_refresh_at`, for clocks that stand still within a transaction.",
        refused=True,
    ),
    "clock-decides": VerdictName(
        "The clock decides whether a row exists, or its key. Refused also with `_refresh_at`, because a row "
        "that does not exist can't say when it will. Also refused if the analysis does not understand the "
        "query, because then it can't tell.",
        refused=True,
    ),
    "function-reads": VerdictName(
        "A function reads tables, or may read tables, that the feed does not declare (`reads`).",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "reaches-outside": VerdictName(
        "A function reads data outside of this database (dblink and similar functions).",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "materialized-view": VerdictName(
        "The contents of a materialised view change at REFRESH, which fires no trigger.",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "foreign-table": VerdictName(
        "Rows of a foreign table, or of a foreign partition, change on another server, where our triggers "
        "don't fire.",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "system-catalogue": VerdictName(
        "PostgreSQL allows no trigger on a system catalogue or a sequence. The query reads one, itself or by "
        "a built-in function.",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "temporary-table": VerdictName(
        "A temporary table exists for one session only.", refused=True, accepting=Accepting.UNWATCHED
    ),
    "row-security": VerdictName(
        "Row security of a table applies to the daemon's role; even a policy `USING (true)` counts.",
        refused=True,
    ),
    "no-right": VerdictName(
        "The daemon's role lacks a right: SELECT on a table, EXECUTE on a function.", refused=True
    ),
    "foreign-code": VerdictName(
        "Code that runs with the daemon's rights belongs to a role without these rights, which could "
        "replace the code.",
        refused=True,
    ),
    "open-search-path": VerdictName(
        "Roles that you need not trust may create objects in a schema of `database.search_path`. The query "
        "could call their operators or functions with the daemon's rights.",
        refused=True,
    ),
    "unjudged": VerdictName(
        "A check of the query failed by a bug in cdc-daemon, which the message asks you to report. So it is "
        "unknown whether the check would refuse the query.",
        refused=True,
    ),
    "unadvised": VerdictName(
        "Warnings may be missing, by a bug in cdc-daemon, which the message asks you to report."
    ),
    "stable-function": VerdictName(
        "A function of an extension, of text search or of a newer PostgreSQL is STABLE: it may depend on "
        "more than its arguments."
    ),
    "session-value": VerdictName("A function returns a value of the daemon's session, not of a row."),
    "unlogged-table": VerdictName("A crash empties an unlogged table, without firing a trigger."),
    "unordered-aggregate": VerdictName(
        "An aggregate without ORDER BY takes its rows in any order, and the daemon delivers every difference."
    ),
    "ties": VerdictName("An ORDER BY leaves ties; the server chooses their order."),
    "equal-spellings": VerdictName(
        "GROUP BY, DISTINCT or UNION shows one of several spellings that a nondeterministic collation calls "
        "equal; the server chooses which."
    ),
    "limit-without-order": VerdictName(
        "LIMIT, FETCH or DISTINCT ON without ORDER BY lets the server choose the rows."
    ),
    "float-sum": VerdictName("A sum of real or double precision depends on the order of its rows."),
    "star": VerdictName("A star or a whole row includes every column, also columns that are added later."),
    "missing-index": VerdictName(
        "A step of a route, or the recomputation, reads a whole table that may be large."
    ),
    "unnamed-output": VerdictName(
        "An output column has no name: PostgreSQL names it `?column?`, and so does the document."
    ),
    "unnamed-column": VerdictName(
        "PostgreSQL records that the query uses a column which the query does not name."
    ),
    "unproven-key": VerdictName(
        "No unique key of the catalogue proves that each key occurs once; two documents with one key stop "
        "the feed. `check --count` checks the present documents."
    ),
    "nullable-key": VerdictName(
        "No constraint of the catalogue proves that a key column is never NULL; a document with a NULL in "
        "its key stops the feed. `check --count` checks the present documents."
    ),
    "every-entity": VerdictName("Any change of a table recomputes every document."),
}
