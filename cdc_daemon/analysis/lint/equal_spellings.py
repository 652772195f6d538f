"""Groups of values that are equal and have different spellings: the server chooses the spelling it shows.

Under a nondeterministic collation `a` and `A` are one group. GROUP BY, DISTINCT and UNION show the spelling
of the row that came first, and that depends on the plan. So a document may change although no row did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.lint.functional_dependencies import determined, group_keys
from cdc_daemon.analysis.model.collations import FOLDING, WRITTEN, collations_of
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.model.scopes import (
    Body,
    Ref,
    Scope,
    SetOperation,
    expressions_without_queries,
    refs_of,
    scopes_of,
)
from cdc_daemon.analysis.read.functions import AGGREGATES
from cdc_daemon.analysis.source_text import Location

_SET_OPERATION = "UNION, INTERSECT or EXCEPT"
_HINTS = {
    "GROUP BY": 'show one that the rows decide, as min({column} COLLATE "C"), or group by lower({column})',
    **dict.fromkeys(
        ("DISTINCT", _SET_OPERATION), 'tell them apart by {column} COLLATE "C", or yield lower({column})'
    ),
}


def equal_spellings(context: LintContext) -> Iterator[Verdict]:
    """Columns that show one spelling of a group of equal values."""
    if context.body is None:
        return
    told: set[tuple[str, str]] = set()
    for word, column, location in _found(context, context.body):
        if (word, column) not in told:  # a CTE that two locations read
            told.add((word, column))
            yield context.verdict(
                "equal-spellings",
                f"{word} takes spellings of {column} for one that its collation calls equal, and the server "
                "chooses the one that is shown",
                _HINTS[word].format(column=column),
                location,
            )


def _found(context: LintContext, body: Body) -> Iterator[tuple[str, str, Location | None]]:
    """The clause, the column and its location."""
    for scope in scopes_of(body):
        if scope.select is not None:
            yield from _in_select(context, scope, scope.select)
    for operation in _set_operations(body):
        for scope in (arm for arm in operation.arms if isinstance(arm, Scope)):
            for output in scope.outputs:
                if _folds(output):
                    yield from _told(context, scope, _SET_OPERATION, output)


def _in_select(
    context: LintContext, scope: Scope, select: exp.Select
) -> Iterator[tuple[str, str, Location | None]]:
    distinct = select.args.get("distinct")
    plain = distinct is not None and distinct.args.get("on") is None
    for word, keys in (("GROUP BY", group_keys(select)), ("DISTINCT", list(scope.outputs) if plain else [])):
        fixed = determined(scope, [key for key in keys if not _folds(key)])
        shown = _shown(scope.outputs)
        for key in keys:
            if _folds(key) and refs_of(key) & shown and not refs_of(key) <= fixed:
                yield from _told(context, scope, word, key)


def _told(
    context: LintContext, scope: Scope, word: str, tree: Tree
) -> Iterator[tuple[str, str, Location | None]]:
    column = next(tree.find_all(exp.Column), None)
    if column is not None and scope.select is not None:
        view = scope.select.meta.get("view")
        location = context.locations.of_name(column.name) if view is None else context.location_of(view)
        yield word, column.name, location


def _folds(tree: Tree) -> bool:
    """Whether values of an expression may be equal and have different bytes.

    No, if the query writes COLLATE: its collation is not known here.
    """
    found = collations_of(tree)
    return FOLDING in found and WRITTEN not in found


def _shown(outputs: Iterable[Tree]) -> frozenset[Ref]:
    """The columns that outputs use outside of aggregates."""
    found: set[Ref] = set()
    for output in outputs:
        for node in expressions_without_queries(output):
            if isinstance(node, exp.Column) and not _in_aggregate(node):
                found |= refs_of(node)
    return frozenset(found)


def _in_aggregate(node: Tree) -> bool:
    at = node.parent
    while at is not None:
        if isinstance(at, exp.Anonymous) and at.name.lower() in AGGREGATES:
            return True
        at = at.parent
    return False


def _set_operations(body: Body) -> Iterator[SetOperation]:
    """The set operations of a query for which equal rows are one row."""
    bodies = [body, *(source.body for scope in scopes_of(body) for source in scope.sources.values())]
    yield from (each for each in bodies if isinstance(each, SetOperation) and each.each_once)
