"""Clocks in a query: no row changes when time passes, so nothing would be captured.

A query with an output column `_refresh_at` says when a document must be recomputed. Then it may read a clock,
if the clock stands still within a transaction (a document and its `_refresh_at` must belong to one moment),
and if it decides only about the *contents* of documents. A row that the clock suppresses has no
`_refresh_at`, so nothing says when it appears. So the rows of the query, their keys and entities must not
depend on the clock. `clock_dependence` follows this dependence.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from cdc_daemon.analysis.lint.clock_dependence import Clocks
from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.lint.function_bodies import CLOCK_WORDS, CLOCKS, RUNNING_CLOCKS, reads_clock, runs_on
from cdc_daemon.analysis.model.catalogue import Function, TableName
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.source_text import Location

REFRESH_AT = "_refresh_at"

_LITERALS = frozenset({"now", "today", "tomorrow", "yesterday"})

_OFFER = (
    "no row changes when time passes, so nothing would be captured: let the query yield _refresh_at, a "
    "timestamptz that says when it has to be asked again"
)
_REWRITE = (
    "a row that is not there can't say when it comes: yield the row always and decide inside the document "
    "(CASE WHEN … THEN …), or put the condition into the ON of a LEFT JOIN; if another document of the same "
    "entity is always there and tells the time for all of them, accept this"
)
_NOT_FOLLOWED = "whether the clock decides over rows is not known, because the query was not understood"
_REWRITE_ALL = (
    "rewrite what `plan` says was not understood; if the clock decides only inside documents, accept this"
)


def is_clock_function(function: Function) -> bool:
    """Whether a function reads the clock. age(x) of one timestamp counts from today."""
    if function.schema != "pg_catalog":
        return False
    age = function.name == "age" and len(function.arguments) == 1 and function.arguments[0] != "xid"
    return age or function.name in CLOCKS


def clocks(context: LintContext) -> Iterator[Verdict]:
    """Yield every location where the query reads the clock, unless `_refresh_at` allows it."""
    allowed = any(output.name == REFRESH_AT for output in context.query.outputs)
    for function in context.catalogue.functions:
        own = function.schema != "pg_catalog" and function.body and reads_clock(function.body)
        if not own and not is_clock_function(function):
            continue
        shown = f"{function}() reads the clock and" if own else f"{function}()"
        running = runs_on(function.body) if own else function.name in RUNNING_CLOCKS
        if allowed and not running:
            continue
        hint = "use now(), which stands still within a transaction" if allowed else _OFFER
        for location in _locations(context, function):
            yield context.verdict("clock", f"{shown} gives another value at every run", hint, location)
    for word in sorted(CLOCK_WORDS) if not allowed else ():
        for location in context.locations_of_word(word):
            what = f"{word.upper()} gives another value at every run"
            yield context.verdict("clock", what, _OFFER, location)
    yield from _literals(context)
    if allowed:
        yield from _deciding(context)


def _locations(context: LintContext, function: Function) -> Iterator[Location | None]:
    if function.name != "age":
        yield from context.locations_of(function)
        return
    calls = [call for call in context.calls(function) if len(call.expressions) == 1]
    yield from (context.locations.of_call(call) for call in calls)


def _literals(context: LintContext) -> Iterator[Verdict]:
    """`'now'::timestamptz`: PostgreSQL replaces such a literal when it writes the definition."""
    definition = context.locations.definition
    for word in _LITERALS:
        mine = context.text.literals(word)
        if len(mine) > len(definition.literals(word)):
            what = f"'{word}' as a time is read when the statement is prepared"
            hint = "use now() or CURRENT_DATE, beside an output column _refresh_at"
            yield context.verdict("clock", what, hint, mine[0])


def _deciding(context: LintContext) -> Iterator[Verdict]:
    own = [f for f in context.catalogue.functions if f.schema != "pg_catalog" and reads_clock(f.body)]
    if context.body is None:
        if own or _clock_is_read(context):
            yield context.verdict("clock-decides", _NOT_FOLLOWED, _REWRITE_ALL, None)
        return
    depends = Clocks(own, context.catalogue, context.body).query(context.body)
    names = context.body.names
    found: list[tuple[Tree, str]] = []
    if depends.rows is not None:
        found.append((depends.rows, "decides whether a row exists"))
    for name in (*context.query.key, *context.query.entity):
        node = depends.columns.get(names.index(name))
        found += [(node, f"decides over {name}")] if node is not None else []
    for node, what in {id(node): (node, what) for node, what in reversed(found)}.values():
        shown, location = _shown(context, node)
        yield context.verdict("clock-decides", f"{shown} {what}", _REWRITE, location)


def _clock_is_read(context: LintContext) -> bool:
    called = any(is_clock_function(function) for function in context.catalogue.functions)
    return called or any(any(context.locations_of_word(word)) for word in CLOCK_WORDS)


def _shown(context: LintContext, node: Tree) -> tuple[str, Location | None]:
    if isinstance(node, exp.Table):
        return f"the clock in view {node.db}.{node.name}", context.location_of(TableName(node.db, node.name))
    word = node.name if isinstance(node, exp.Anonymous) else node.key.replace("current", "current_")
    word = word.lower()
    if word in CLOCK_WORDS:
        return word.upper(), next(iter(context.text.keywords(word)), None)
    return f"{word}()", context.locations.of_call(node)
