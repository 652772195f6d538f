"""What a changed row of `x IN (subquery)` and its kin means for x."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from cdc_daemon.analysis.dialect import Tree, enclosed
from cdc_daemon.analysis.known import Value
from cdc_daemon.analysis.scopes import (
    Body,
    Conjunct,
    Given,
    Membership,
    Recursion,
    Ref,
    Scope,
    SetOperation,
    Side,
    Source,
    refs_of,
)


@dataclass(frozen=True)
class Arm:
    """One set of rows that a change touches.

    Attributes:
        conditions: on the delta alone.
        conjuncts: on the scope of x.
    """

    conditions: tuple[Tree, ...] = ()
    conjuncts: tuple[Conjunct, ...] = ()


def membership_arms(scope: Scope, source: Source, start: Mapping[Ref, Value]) -> list[Arm]:
    """The rows of a scope that a changed row of one of its sources touches.

    A value v that appears in or vanishes from the subquery touches the rows with x = v. NOT IN, or IN where
    false and NULL differ, is touched in two more ways: rows with x NULL when the subquery becomes empty or
    stops being so, and every row when v is NULL. Each falls away where the catalogue excludes the NULL.
    """
    if source.membership is Membership.NONE:
        return [Arm()]
    pairs = [
        (left, start.get(Ref(source.uid, name)))
        for left, name in zip(source.left, source.columns, strict=True)
    ]
    known = [(left, value) for left, value in pairs if value is not None]
    equal = Arm(conjuncts=tuple(_equal(source, left, value) for left, value in known))
    if source.membership is Membership.POSITIVE:
        return [equal]
    left_nullable = not all(never_null(scope, left) for left in source.left)
    right_nullable = source.body is None or not all(
        output_never_null(source.body, n) for n in range(len(source.columns))
    )
    if not left_nullable and not right_nullable:
        return [equal]
    if len(pairs) > 1 or len(known) < len(pairs):
        return [Arm()]  # rows compared with rows: which NULL decides is not worth telling apart
    (left, value) = known[0]
    arms = [equal]
    if left_nullable:
        is_null = exp.Is(this=enclosed(left), expression=exp.Null())
        arms.append(Arm(conjuncts=(_rider(source, is_null, refs_of(left)),)))
    if right_nullable:
        is_null = exp.Is(this=enclosed(value.tree), expression=exp.Null())
        arms.append(Arm(conditions=(is_null,), conjuncts=(_rider(source, is_null, frozenset()),)))
    return arms


def _equal(source: Source, left: Tree, value: Value) -> Conjunct:
    refs = refs_of(left)
    plain = isinstance(left.unnest(), exp.Column)
    given = Given.EXACT if value.exact else Given.EQUAL
    sides = (
        Side(left, refs, next(iter(refs)) if plain else None),
        Side(value.tree, frozenset(), None, given, value.type),
    )
    tree = exp.EQ(this=enclosed(left), expression=enclosed(value.tree))
    return _here(source, Conjunct(tree, refs, sides, given=True))


def _rider(source: Source, tree: Tree, refs: frozenset[Ref]) -> Conjunct:
    return _here(source, Conjunct(tree, refs, given=True, free=True))


def _here(source: Source, q: Conjunct) -> Conjunct:
    q.join = source.join
    q.span = frozenset({source.uid}) | frozenset(ref.source for ref in q.refs)
    return q


def never_null(scope: Scope, tree: Tree) -> bool:
    """Whether an expression is a column of this scope that can't be NULL."""
    tree = tree.unnest()
    while isinstance(tree, exp.Cast):
        tree = tree.this.unnest()
    source = scope.sources.get(tree.table) if isinstance(tree, exp.Column) else None
    if source is None or tree.name not in source.columns:
        return isinstance(tree, exp.Literal)
    if any(join.nullable[arm] and source.uid in join.sides[arm] for join in scope.joins for arm in (0, 1)):
        return False
    if source.table is not None:
        return source.table.columns[source.real[tree.name]].not_null
    return source.body is not None and output_never_null(source.body, source.columns.index(tree.name))


def output_never_null(body: Body, n: int) -> bool:
    """Whether an output, by position, is certainly never NULL."""
    if isinstance(body, SetOperation):
        return all(output_never_null(arm, n) for arm in body.arms)
    if isinstance(body, Recursion):
        plain = n < len(body.step.outputs)
        return plain and output_never_null(body.base, n) and output_never_null(body.step, n)
    return never_null(body, body.outputs[n])
