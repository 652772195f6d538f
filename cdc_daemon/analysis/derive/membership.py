"""The rows with `x IN (subquery)`, or a similar condition, that a changed row of the subquery affects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.route_builder import DELTA
from cdc_daemon.analysis.model.catalogue import IDENTICAL, TEXTS
from cdc_daemon.analysis.model.collations import alike, one_collation
from cdc_daemon.analysis.model.dialect import Tree, column, enclosed, quoted
from cdc_daemon.analysis.model.scopes import (
    Conjunct,
    Identity,
    Membership,
    Ref,
    Scope,
    Side,
    Source,
    refs_of,
)
from cdc_daemon.analysis.read.conjuncts import strict_in
from cdc_daemon.analysis.read.nullability import never_null, output_never_null

_MOST_COLUMNS = 3
# Types that capture carries unchanged, and whose `=` is in pg_catalog.
_COMPARED = IDENTICAL | TEXTS | {"numeric"}


@dataclass(frozen=True)
class Branch:
    """One set of rows that a change affects.

    Attributes:
        conditions: conditions on the delta alone.
        conjuncts: conditions on the SELECT that holds x.
    """

    conditions: tuple[Tree, ...] = ()
    conjuncts: tuple[Conjunct, ...] = ()


def membership_branches(scope: Scope, source: Source, start: Mapping[Ref, Value]) -> list[Branch]:
    """The branches of the rows that a changed row of one source affects.

    A row v that enters or leaves the subquery affects the rows with x = v. NOT IN, or IN where false and NULL
    differ, is affected wherever the comparison of x with v is not false: in each column the two are equal, or
    one is NULL. Each combination is a branch; a branch is left out where the catalogue excludes its NULL. If
    x is all NULL, only whether the subquery is empty matters.
    """
    if source.membership is Membership.NONE:
        return [Branch()]
    columns = [
        (left, start.get(Ref(source.uid, name)), n)
        for n, (left, name) in enumerate(zip(source.left, source.columns, strict=True))
    ]
    known = [(left, value, n) for left, value, n in columns if value is not None]
    if source.membership is Membership.POSITIVE:
        return [Branch(conjuncts=tuple(_equal(source, left, value) for left, value, _ in known))]
    # For rows of many columns the first ones decide: fewer conditions name more rows, never fewer.
    matches = [list(_matches(scope, source, left, value, n)) for left, value, n in known[:_MOST_COLUMNS]]
    emptied = _emptied(source, known) if len(matches) == len(columns) else None
    branches: list[Branch] = []
    for chosen in product(*matches):
        conditions = tuple(each for match_ in chosen for each in match_.conditions)
        conjuncts = tuple(each for match_ in chosen for each in match_.conjuncts)
        if chosen and emptied is not None and all(match_.left_null for match_ in chosen):
            conditions += (emptied,)
        branches.append(Branch(conditions, conjuncts))
    return branches


@dataclass(frozen=True)
class _Match(Branch):
    """One way in which a column of x and of v are equal or can't be compared."""

    left_null: bool = False


def _matches(scope: Scope, source: Source, left: Tree, value: Value, n: int) -> Iterator[_Match]:
    if not is_null(value.tree):
        yield _Match(conjuncts=(_equal(source, left, value),))
    if not never_null(left, scope.sources, scope.joins):
        left_null = exp.Is(this=enclosed(left), expression=exp.Null())
        yield _Match(conjuncts=(_null_guard(source, left_null, refs_of(left)),), left_null=True)
    if source.body is None or not output_never_null(source.body, n):
        right_null = exp.Is(this=enclosed(value.tree), expression=exp.Null())
        yield _Match(conditions=(right_null,), conjuncts=(_null_guard(source, right_null, frozenset()),))


def _emptied(source: Source, known: Sequence[tuple[Tree, Value, int]]) -> Tree | None:
    """The condition that the subquery may have been empty before, or may be empty now; None if that is
    unknown.

    The condition says that no row of the subquery is certainly an old one. A row whose value is in no changed
    row did not change, and neither did its group. If nothing else decides about it, it was there all the
    time. So this works for a subquery that reads one table and refers to no outer row. Of a subquery with a
    LIMIT no value is known.
    """
    body = source.body
    if not isinstance(body, Scope) or body.select is None or source.outer or len(body.sources) > 1:
        return None
    for _, value, n in known:
        at = value.tree.unnest()
        if not isinstance(at, exp.Column) or at.table != DELTA or value.type not in _COMPARED:
            continue
        names = [f"c{number}" for number in range(1, len(source.columns) + 1)]
        alias = exp.TableAlias(this=quoted("kept"), columns=[quoted(name) for name in names])
        kept = column("kept", names[n])
        changed = exp.Select(expressions=[at.copy()], from_=exp.From(this=exp.Table(this=quoted(DELTA))))
        rows = exp.Select(
            expressions=[exp.Literal.number(1)],
            from_=exp.From(this=exp.Subquery(this=body.select.copy(), alias=alias)),
        ).where(
            exp.Not(this=exp.Is(this=kept, expression=exp.Null())),
            exp.Not(this=exp.In(this=kept.copy(), query=exp.Subquery(this=changed))),
            copy=False,
        )
        return exp.Not(this=exp.Exists(this=rows))
    return None


def is_null(tree: Tree) -> bool:
    """Whether an expression is the constant NULL, a cast of it, or COALESCE of nothing else."""
    tree = tree.unnest()
    while isinstance(tree, exp.Cast):
        tree = tree.this.unnest()
    if isinstance(tree, exp.Anonymous) and tree.name.lower() == "coalesce":
        return all(map(is_null, tree.expressions))
    return isinstance(tree, exp.Null)


def _equal(source: Source, left: Tree, value: Value) -> Conjunct:
    refs = refs_of(left)
    plain = isinstance(left.unnest(), exp.Column)
    given = Identity.IDENTICAL if value.exact else Identity.EQUAL
    sides: tuple[Side, Side] | None = (
        Side(left, refs, next(iter(refs)) if plain else None),
        Side(value.tree, frozenset(), None, given, value.type),
    )
    tree = exp.EQ(this=enclosed(left), expression=enclosed(value.tree))
    sides = sides if one_collation(left, value.tree) else None
    carries = alike(left, value.tree)
    return _here(source, Conjunct(tree, refs, sides, given=True, strict=strict_in(tree), carries=carries))


def _null_guard(source: Source, tree: Tree, refs: frozenset[Ref]) -> Conjunct:
    return _here(source, Conjunct(tree, refs, given=True, null_guard=True))


def _here(source: Source, q: Conjunct) -> Conjunct:
    q.join = source.join
    q.span = frozenset({source.uid}) | frozenset(ref.source for ref in q.refs)
    return q
