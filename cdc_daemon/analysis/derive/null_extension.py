"""Conditions and expressions, evaluated on a row that an outer join extended with NULL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import substitute
from cdc_daemon.analysis.derive.membership import is_null
from cdc_daemon.analysis.derive.outer_join_states import JoinState
from cdc_daemon.analysis.model.dialect import Tree, column, enclosed
from cdc_daemon.analysis.model.scopes import WHOLE_ROW, Conjunct, Ref, Scope, refs_of
from cdc_daemon.analysis.read.conjuncts import conjunct, conjuncts_of, strict_refs, true_of_none
from cdc_daemon.analysis.read.names import null_of, type_of


def null_extended_conditions(state: JoinState) -> Iterator[Conjunct]:
    """Yield the conditions of the SELECT that hold in a state, with its NULLs filled in.

    `COALESCE(a, b) = x` becomes `a = x` where a is not NULL, and `b = x` where a is NULL.
    """
    holding = [(q, nulls) for q in state.scope.conjuncts if (nulls := state.null_sources(q)) is not None]
    strict = frozenset[Ref]().union(*(strict_refs(q.tree) for q, nulls in holding if not nulls))
    for q, nulls in holding:
        if not nulls and not _has_coalesce(q.tree):
            yield q
            continue
        tree = _coalesced(
            with_nulls(state.scope, q.tree, nulls), {ref for ref in strict if ref.source not in nulls}
        )
        if q.implied or not refs_of(tree):
            continue
        yield from _prepared(state.scope, _possible(tree), q)


def given_conditions(state: JoinState, extra: Sequence[Conjunct]) -> Iterator[Conjunct]:
    """Yield the conditions that the changed source brings along, with the NULLs of a state filled in.

    What remains of one may refer to the changed row alone. Then it narrows the delta, and any row of the
    other sources may be meant.
    """
    for q in extra:
        nulls = state.null_sources_of_given(q)
        if q.sources.isdisjoint(nulls):
            yield q
            continue
        tree = with_nulls(state.scope, q.tree, nulls)
        if isinstance(tree, exp.Is) and is_null(tree.this) and is_null(tree.expression):
            tree = exp.true()
        refs = frozenset(ref for ref in q.refs if ref.source not in nulls)
        alone = not refs and next(tree.find_all(exp.Column), None) is not None
        yield replace(q, tree=tree, refs=refs, sides=None, null_guard=q.null_guard or alone)


def null_extended(state: JoinState, tree: Tree) -> Tree:
    """An expression with the NULLs of a state filled in and each COALESCE reduced.

    `COALESCE(a.k, b.k)` becomes a.k where b is NULL, or where a condition keeps a.k from being NULL. It is
    then a mere column, for which an equal value will do.
    """
    tree = with_nulls(state.scope, tree, state.nulls)
    if not _has_coalesce(tree):
        return tree
    strict = (strict_refs(q.tree) for q in null_extended_conditions(state))
    return _coalesced(tree, frozenset[Ref]().union(*strict))


def with_nulls(scope: Scope, tree: Tree, nulls: frozenset[str]) -> Tree:
    """An expression with NULL in place of the columns of some sources."""
    absent = [ref for ref in refs_of(tree) if ref.source in nulls]
    if not absent:
        return tree
    if isinstance(tree.unnest(), exp.Column):
        return exp.Null()
    return substitute(tree, {ref: null_of(scope.sources, column(*ref)) for ref in absent})


def split_condition(scope: Scope, q: Conjunct) -> list[list[Conjunct]]:
    """Split a condition into sets of conditions, one of which holds; empty if it can't be split.

    - `x = COALESCE(a, b)`: `x = a`, or `a IS NULL` and `x = b`.
    - `x = CASE WHEN c THEN a ELSE b END`: c and `x = a`, or `x = b`.
    - `c OR d`: c, or d.

    No index serves such a condition over two tables, and no column of it leads to another. A row that knows x
    goes on by each set alone.
    """
    if q.implied:
        return []
    branches = [
        [part for each in branch for part in conjuncts_of(each)] for branch in _branches(q.tree.unnest())
    ]
    possible = [branch for branch in branches if not any(map(never, branch))]
    return [[each for tree in branch for each in _prepared(scope, tree, q)] for branch in possible]


def _branches(tree: Tree) -> list[list[Tree]]:
    if isinstance(tree, exp.Or):
        return [[each] for each in _joined_by_or(tree)]
    if not isinstance(tree, exp.EQ):
        return []
    for call, x in ((tree.expression, tree.this), (tree.this, tree.expression)):
        at = call.unnest()
        if refs_of(at) & refs_of(x):
            continue
        if isinstance(at, exp.Case) and at.this is None:
            results = [(when.args["true"], [when.this]) for when in at.args["ifs"]]
            if at.args.get("default") is not None:
                results.append((at.args["default"], []))
            return [[_with(tree, call, result), *conditions] for result, conditions in results]
        if isinstance(at, exp.Anonymous) and _is_coalesce(at) and len(at.expressions) > 1:
            first, *rest = at.expressions
            other = rest[0] if len(rest) == 1 else at.copy()
            if len(rest) > 1:
                other.set("expressions", [each.copy() for each in rest])
            absent = exp.Is(this=enclosed(first.copy()), expression=exp.Null())
            return [[_with(tree, call, first)], [_with(tree, call, other), absent]]
    return []


def _joined_by_or(tree: Tree) -> Iterator[Tree]:
    tree = tree.unnest()
    if isinstance(tree, exp.Or):
        yield from _joined_by_or(tree.left)
        yield from _joined_by_or(tree.right)
    else:
        yield tree


def _possible(tree: Tree) -> Tree:
    """An OR without the conditions that are never true."""
    if not isinstance(tree.unnest(), exp.Or):
        return tree
    first, *others = [each for each in _joined_by_or(tree) if not never(each)] or [tree]
    for other in others:
        first = exp.Or(this=first.copy(), expression=other.copy())
    return first


def never(tree: Tree) -> bool:
    """Whether a condition is never true: a comparison with NULL, or an OR of such comparisons."""
    tree = tree.unnest()
    if isinstance(tree, (exp.Or, exp.And)):
        sides = (never(tree.left), never(tree.right))
        return all(sides) if isinstance(tree, exp.Or) else any(sides)
    compares = isinstance(tree, (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE))
    return compares and not true_of_none(tree) and (is_null(tree.this) or is_null(tree.expression))


def _with(equality: Tree, side: Tree, other: Tree) -> Tree:
    """An equality with one side replaced."""
    sides = [other if each is side else each for each in (equality.this, equality.expression)]
    return exp.EQ(this=sides[0].copy(), expression=sides[1].copy())


def _prepared(scope: Scope, tree: Tree, q: Conjunct) -> Iterator[Conjunct]:
    """Prepare an expression as a condition at the place of another."""
    types = {ref: type_ for ref in refs_of(tree) if (type_ := type_in(scope, ref)) is not None}
    yield from conjunct(tree, q.join, q.span, types)


def _has_coalesce(tree: Tree) -> bool:
    """Whether COALESCE stands in an expression."""
    return any(map(_is_coalesce, tree.find_all(exp.Anonymous)))


def _coalesced(tree: Tree, not_null: Collection[Ref]) -> Tree:
    """An expression with each COALESCE reduced to the argument that it yields."""
    holder = exp.Paren(this=tree.copy())
    for call in list(holder.find_all(exp.Anonymous)):
        if not _is_coalesce(call):
            continue
        left = [each for each in call.expressions if not is_null(each)]
        first = left[0].unnest() if left else None
        certain = isinstance(first, exp.Column) and refs_of(first) <= frozenset(not_null)
        if first is not None and (len(left) == 1 or certain):
            call.replace(left[0].copy())
        elif left:
            call.set("expressions", left)
    reduced: Tree = holder.this
    return reduced


def _is_coalesce(tree: exp.Anonymous) -> bool:
    return tree.name.lower() == "coalesce"


def type_in(scope: Scope, ref: Ref) -> str | None:
    """The type of a column in the catalogue, if it is known."""
    source = scope.sources.get(ref.source)
    return None if source is None or ref.column == WHOLE_ROW else type_of(source, ref.column)
