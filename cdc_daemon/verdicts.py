"""Every verdict that a feed's query can get, in one place: configurations that accept one rely on its name.

`docs/reference.md` lists the same ones, and a test compares both with what the package gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Accepting(StrEnum):
    """What it means when a feed accepts a verdict (`accept` in its section)."""

    AS_IT_IS = "the query is run as it is"
    UNWATCHED = "the dependency is not watched: its changes reach no document until a row changes or a resync"
    NEVER = "it can't be accepted: the statement that recomputes could not be run"


@dataclass(frozen=True)
class VerdictName:
    """What a verdict says.

    Attributes:
        meaning: one sentence.
        refused: the feed can't be used unless it accepts the verdict; otherwise it is a warning.
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
        "FOR UPDATE, FOR SHARE and their kin lock your rows while documents are made.", refused=True
    ),
    "volatile-function": VerdictName("A function gives another value at every run.", refused=True),
    "clock": VerdictName(
        "The query reads the clock, and no row changes when time passes; allowed beside an output column "
        "`_refresh_at`, if the clock stands still within a transaction.",
        refused=True,
    ),
    "clock-decides": VerdictName(
        "The clock decides whether a row exists at all, or what its key is: beside `_refresh_at`, too, for a "
        "row that does not exist can't say when it comes.",
        refused=True,
    ),
    "function-reads": VerdictName(
        "A function of yours reads tables, or may, and the feed does not declare them (`reads`).",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "reaches-outside": VerdictName(
        "A function reads what is outside of this database (dblink and the like).",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "materialized-view": VerdictName(
        "The contents of a materialised view change at REFRESH, which no trigger sees.",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "foreign-table": VerdictName(
        "Rows of a foreign table, or of a partition that is one, change where no trigger of this server "
        "fires.",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "system-catalogue": VerdictName(
        "No trigger can be created on a system catalogue or a sequence.",
        refused=True,
        accepting=Accepting.UNWATCHED,
    ),
    "temporary-table": VerdictName(
        "A temporary table is there for one session only.", refused=True, accepting=Accepting.UNWATCHED
    ),
    "row-security": VerdictName(
        "Row security of a table applies to the daemon's role; even a policy `USING (true)` counts.",
        refused=True,
    ),
    "no-right": VerdictName(
        "The daemon's role lacks a right: SELECT on a table, EXECUTE on a function.", refused=True
    ),
    "foreign-code": VerdictName(
        "Code that runs with the daemon's rights belongs to a role that does not have them, and that could "
        "replace it.",
        refused=True,
    ),
    "open-search-path": VerdictName(
        "Roles besides the owner may create in a schema of `database.search_path`: the query could call an "
        "operator or a function of theirs, with the daemon's rights.",
        refused=True,
    ),
    "unjudged": VerdictName(
        "By a defect of cdc-daemon, which the message asks you to report, one check of the query failed: "
        "what it would have refused is not known.",
        refused=True,
    ),
    "unadvised": VerdictName(
        "By a defect of cdc-daemon, which the message asks you to report, warnings may be missing."
    ),
    "stable-function": VerdictName(
        "A function of an extension is STABLE: it may depend on more than its arguments."
    ),
    "session-value": VerdictName("A function tells about the daemon's session and not about a row."),
    "unlogged-table": VerdictName("A crash empties an unlogged table, which no trigger sees."),
    "unordered-aggregate": VerdictName(
        "An aggregate without ORDER BY takes its rows in any order, and every difference is sent."
    ),
    "ties": VerdictName("An ORDER BY leaves ties, whose order the server chooses."),
    "limit-without-order": VerdictName(
        "LIMIT, FETCH or DISTINCT ON without ORDER BY lets the server choose the rows."
    ),
    "float-sum": VerdictName("A sum of real or double precision depends on the order of its rows."),
    "star": VerdictName("A star or a whole row takes every column, also those that are added later."),
    "missing-index": VerdictName(
        "A step of a route, or the recomputation, reads a whole table that is not known to be small."
    ),
    "unnamed-output": VerdictName(
        "An output column has no name of its own: PostgreSQL calls it `?column?`, and so does the document."
    ),
    "unnamed-column": VerdictName("PostgreSQL records a column for the query that it does not name."),
    "unproven-key": VerdictName(
        "No unique key of the catalogue proves that each key occurs once; two documents with one key stop "
        "the feed. `check --count` looks at what is there now."
    ),
    "nullable-key": VerdictName(
        "Nothing in the catalogue keeps a key column from being NULL; a document with such a key stops the "
        "feed. `check --count` looks at what is there now."
    ),
    "every-entity": VerdictName("Any change of a table recomputes every document."),
}
