"""Users' functions that read tables. The feed must declare which ones (`reads`), because nothing else tells.

PostgreSQL records the tables of a `BEGIN ATOMIC` body. Of other bodies the text may show them. If nothing is
known, a function that is not IMMUTABLE is assumed to read tables.
"""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.lint.function_bodies import relation_read
from cdc_daemon.analysis.model.catalogue import Function

Told = tuple[str, str, str]
"""A verdict without its location: name, what, hint."""

# Functions in C that run the SQL given to them as text, by extension.
_RUN_SQL = {"tablefunc": "a SELECT given as text", "xml2": "a table given as text"}


def reads(context: LintContext, function: Function) -> Told | None:
    """The verdict about the tables that a function reads, given those that the feed declares."""
    if function.reads:
        return _recorded(context, function)
    if context.query.reads is not None:
        return None
    return _compiled(context, function) if function.compiled else _written(context, function)


def _recorded(context: LintContext, function: Function) -> Told | None:
    missing = [table for table in function.reads if table not in (context.query.reads or ())]
    if not missing:
        return None
    what = f"{function}() reads {', '.join(map(str, missing))}, and its changes would not be captured"
    return "function-reads", what, declare(context, [str(table) for table in function.reads])


def _compiled(context: LintContext, function: Function) -> Told | None:
    runs = _RUN_SQL.get(function.extension or "")
    if runs is not None:
        what = f"{function}() runs {runs}: what that reads can't be told"
        return "function-reads", what, declare(context, [])
    if function.volatility == "immutable":
        return None
    what = f"{function}() is STABLE: it may depend on more than its arguments"
    return "stable-function", what, "see that it depends on no table and no setting that changes"


def _written(context: LintContext, function: Function) -> Told | None:
    shows = relation_read(function.body) if function.language in ("sql", "plpgsql") else None
    if shows == "EXECUTE":
        what = f"{function}() runs SQL that it puts together (EXECUTE): what that reads can't be told"
        return "function-reads", what, declare(context, [])
    if shows is not None:
        what = f"{function}() reads {shows}, and its changes would not be captured"
        return "function-reads", what, declare(context, [shows])
    if function.volatility == "immutable":
        return None
    what = f"{function}() is STABLE: it may read tables, whose changes would not be captured"
    hint = "declare the function IMMUTABLE if it reads none; otherwise " + declare(context, [])
    return "function-reads", what, hint


def declare(context: LintContext, known: Sequence[str]) -> str:
    """The hint that says how to declare the tables of a function, as far as they are known."""
    names = list(dict.fromkeys([*map(str, context.query.reads or ()), *known])) or ["schema.table"]
    listed = ", ".join(f'"{name}"' for name in names)
    return (
        f"declare every table that it reads: reads = [{listed}] in [feeds.{context.query.feed}]. Each change "
        "of these then recomputes every document; written out in the feed's query they would be followed "
        "precisely"
    )
