"""What a changed row of `x IN (subquery)` and its kin means for x."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.route_builder import DELTA
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
from cdc_daemon.analysis.read.conjuncts import IDENTICAL, TEXTS, strict_in
from cdc_daemon.analysis.read.nullability import never_null, output_never_null

_MOST_COLUMNS = 3
# Types that capture carries as they are and whose `=` stands in pg_catalog.
_COMPARED = IDENTICAL | TEXTS | {"numeric"}


@dataclass(frozen=True)
class Branch:
    """One set of rows that a change touches.

    Attributes:
        conditions: on the delta alone.
        conjuncts: on the scope of x.
    """

    conditions: tuple[Tree, ...] = ()
    conjuncts: tuple[Conjunct, ...] = ()


def membership_branches(scope: Scope, source: Source, start: Mapping[Ref, Value]) -> list[Branch]:
    """The rows of a scope that a changed row of one of its sources touches.

    A row v that appears in or vanishes from the subquery touches the rows with x = v. NOT IN, or IN where
    false and NULL differ, is touched wherever the comparison of x with v is not false: in each column they
    are equal, or one of the two is NULL. An arm for each way in which that may be; one falls away where the
    catalogue excludes its NULL. A row x of NULLs alone is equal to none and unequal to none: to it nothing
    counts but whether the subquery is empty.
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
    # Of rows of many columns the first decide: fewer conditions name more, never less.
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
    """How one column of x and of v can fail to be unequal."""

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
    """That the subquery may have been empty before or be empty now: no row of it is certainly an old one.

    A row whose value is in no changed row has not changed itself, nor has its group. Where nothing else
    decides about it (the subquery reads one table, and nothing of the query around it), it was there all the
    time. Of a subquery with a LIMIT no value is known.

    Returns:
        None where that can't be told.
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
