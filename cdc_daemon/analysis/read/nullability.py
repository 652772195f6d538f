"""Which expressions can be NULL, and comparisons by IS NOT DISTINCT FROM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from cdc_daemon.analysis.model.dialect import Tree, enclosed
from cdc_daemon.analysis.model.scopes import Body, Conjunct, OuterJoin, Recursion, Source, fold
from cdc_daemon.analysis.read.conjuncts import strict_in


def never_null(tree: Tree, sources: Mapping[str, Source], joins: Sequence[OuterJoin]) -> bool:
    """Whether an expression is a constant, or a column of these sources that is never NULL."""
    tree = tree.unnest()
    while isinstance(tree, exp.Cast):
        tree = tree.this.unnest()
    source = sources.get(tree.table) if isinstance(tree, exp.Column) else None
    if source is None or tree.name not in source.columns:
        return isinstance(tree, exp.Literal)
    if any(join.nullable[n] and source.uid in join.sides[n] for join in joins for n in (0, 1)):
        return False
    if source.table is not None:
        return source.table.columns[source.real[tree.name]].not_null
    return source.body is not None and output_never_null(source.body, source.columns.index(tree.name))


def output_never_null(body: Body, n: int) -> bool:
    """Whether an output of a query, by position, is never NULL."""

    def in_recursion(body: Recursion) -> bool:
        plain = n < len(body.step.outputs)
        return plain and output_never_null(body.base, n) and output_never_null(body.step, n)

    return fold(
        body,
        select=lambda scope: never_null(scope.outputs[n], scope.sources, scope.joins),
        arms=lambda _, arms: all(arms),
        recursion=in_recursion,
    )


def make_strict(
    conjuncts: Sequence[Conjunct], sources: Mapping[str, Source], joins: Sequence[OuterJoin]
) -> None:
    """Replace IS NOT DISTINCT FROM by `=` where one side is never NULL."""
    for q in conjuncts:
        if not isinstance(q.tree, exp.NullSafeEQ):
            continue
        sides = q.tree.this, q.tree.expression
        if any(never_null(side, sources, joins) for side in sides):
            q.tree = exp.EQ(this=sides[0].copy(), expression=sides[1].copy())
            q.strict = strict_in(q.tree)


def equal_or_both_null(tree: Tree) -> Tree:
    """IS NOT DISTINCT FROM as `a = b OR (a IS NULL AND b IS NULL)`; any other condition as it is.

    No index serves IS NOT DISTINCT FROM, so a join by it reads the whole table for each row. The two cases of
    the OR are looked up one by one (a BitmapOr).
    """
    if not isinstance(tree, exp.NullSafeEQ):
        return tree
    left, right = enclosed(tree.this), enclosed(tree.expression)
    neither = exp.And(
        this=exp.Is(this=left.copy(), expression=exp.Null()),
        expression=exp.Is(this=right.copy(), expression=exp.Null()),
    )
    return exp.Or(this=exp.EQ(this=left, expression=right), expression=neither)
