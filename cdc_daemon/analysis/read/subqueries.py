"""Subqueries in expressions as sources, and the values with which their rows are compared."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.scopes import (
    Conjunct,
    Membership,
    OuterJoin,
    Ref,
    Source,
    SubqueryEquality,
    refs_of,
)
from cdc_daemon.analysis.read.conjuncts import members
from cdc_daemon.analysis.read.functions import Functions


def compare(source: Source, node: Tree, root: Tree | None) -> None:
    """Set the values with which a subquery's rows are compared, if there are any.

    Args:
        node: the subquery, at its place in the tree.
        root: the condition that holds it; None if it is not part of one.
    """
    at: Tree = node
    quantified: Tree | None = None
    while isinstance(at.parent, (exp.Subquery, exp.Paren, exp.Any, exp.All)):
        at = at.parent
        quantified = at if isinstance(at, (exp.Any, exp.All)) else quantified
    test = at.parent
    compares = (isinstance(test, exp.In) and test.args.get("query") is at) or (
        test is not None
        and test.args.get("expression") is at
        and (
            (isinstance(test, exp.EQ) and isinstance(quantified, exp.Any))
            or (isinstance(test, exp.NEQ) and isinstance(quantified, exp.All))
        )
    )
    if test is None or not compares:
        return
    left = members(test.this)
    if len(left) != len(source.columns):
        return
    positive = not isinstance(test, exp.NEQ)
    up: Tree = test
    while positive and up is not root:
        positive = root is not None and isinstance(up.parent, (exp.And, exp.Or, exp.Paren))
        up = up.parent or up
    source.left = left
    source.membership = Membership.POSITIVE if positive else Membership.EXACT


def chosen_by(
    tree: Tree,
    sources: Mapping[str, Source],
    functions: Functions,
    join: OuterJoin | None,
    span: frozenset[str] | None,
) -> SubqueryEquality | None:
    """A condition `x = (subquery)` or `x IN (subquery)`; None for any other condition.

    Args:
        sources: the sources of the SELECT, including the subqueries in the condition.
    """
    tree = tree.unnest()
    if isinstance(tree, exp.In) and tree.args.get("query") is not None:
        orders = [(tree.this, tree.args["query"])]
    elif isinstance(tree, exp.EQ):
        orders = [(tree.this, tree.expression), (tree.expression, tree.this)]
    else:
        return None
    uids = {id(source.query): uid for uid, source in sources.items() if source.query is not None}
    for side, other in orders:
        left, candidates = members(side), _candidates(other, uids, functions)
        if candidates is None or not all(map(functions.of_one_row, left)):
            continue
        queries = [sources[each] for each in candidates if isinstance(each, str)]
        if not queries or any(len(source.columns) != len(left) for source in queries):
            continue
        refs = frozenset[Ref]().union(
            *map(refs_of, left),
            *(source.outer for source in queries),
            *(refs_of(each) for each in candidates if not isinstance(each, str)),
        )
        return SubqueryEquality(left, candidates, Conjunct(tree, refs, join=join, span=span))
    return None


def _candidates(tree: Tree, uids: Mapping[int, str], functions: Functions) -> tuple[str | Tree, ...] | None:
    """The candidates for the value of an expression: its subqueries, and other arguments of COALESCE."""
    while isinstance(tree, (exp.Paren, exp.Subquery, exp.Any)):
        tree = tree.this
    if id(tree) in uids:
        return (uids[id(tree)],)
    if isinstance(tree, exp.Anonymous) and tree.name.lower() == "coalesce":
        found = [_candidates(each, uids, functions) for each in tree.expressions]
        if all(each is not None for each in found):
            return tuple(one for each in found if each is not None for one in each)
        return None
    return (tree,) if functions.of_one_row(tree) else None
