"""A subquery inside an expression as a source, and what is compared with its rows."""

from __future__ import annotations

from sqlglot import exp

from cdc_daemon.analysis.conjuncts import members
from cdc_daemon.analysis.dialect import Tree
from cdc_daemon.analysis.scopes import Membership, Source


def compare(source: Source, node: Tree, root: Tree | None) -> None:
    """Tell a subquery's source which values its rows are compared with, if they are.

    Args:
        node: the query itself, in its place.
        root: the condition that it stands in; None where it is not part of one.
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
