"""Conditions and expressions as a scope's row saw them: with NULL where an outer join found no match."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from cdc_daemon.analysis.cases import Case
from cdc_daemon.analysis.conjuncts import conjunct, strict_refs
from cdc_daemon.analysis.dialect import Tree, column, enclosed
from cdc_daemon.analysis.known import substitute
from cdc_daemon.analysis.membership import is_null
from cdc_daemon.analysis.names import null_of, type_of
from cdc_daemon.analysis.scopes import WHOLE_ROW, Conjunct, Ref, Scope, refs_of


def seen_in(case: Case) -> Iterator[Conjunct]:
    """The scope's conditions that hold in a case, as they are with its NULLs.

    `COALESCE(a, b) = x` is an equality of a and x where a is not NULL, and one of b and x where a is.
    """
    seen = [(q, nulls) for q in case.scope.conjuncts if (nulls := case.nulls_seen(q)) is not None]
    strict = frozenset[Ref]().union(*(strict_refs(q.tree) for q, nulls in seen if not nulls))
    for q, nulls in seen:
        if not nulls and not _has_coalesce(q.tree):
            yield q
            continue
        tree = _coalesced(
            with_nulls(case.scope, q.tree, nulls), {ref for ref in strict if ref.source not in nulls}
        )
        if q.implied or not refs_of(tree):
            continue
        yield from _prepared(case.scope, tree, q)


def brought(case: Case, extra: Sequence[Conjunct]) -> Iterator[Conjunct]:
    """Conditions that the changed source brings along, as they are where some sources are all NULL.

    What is left of one may speak of the changed row alone: then it narrows the delta, and any row of the
    others may be meant.
    """
    for q in extra:
        nulls = case.nulls_in(q)
        if q.sources.isdisjoint(nulls):
            yield q
            continue
        tree = with_nulls(case.scope, q.tree, nulls)
        if isinstance(tree, exp.Is) and is_null(tree.this) and is_null(tree.expression):
            tree = exp.true()
        refs = frozenset(ref for ref in q.refs if ref.source not in nulls)
        alone = not refs and next(tree.find_all(exp.Column), None) is not None
        yield replace(q, tree=tree, refs=refs, sides=None, free=q.free or alone)


def in_case(case: Case, tree: Tree) -> Tree:
    """An expression with NULL for the columns of sources that are all NULL."""
    return with_nulls(case.scope, tree, case.nulls)


def with_nulls(scope: Scope, tree: Tree, nulls: frozenset[str]) -> Tree:
    """An expression with NULL for the columns of some sources."""
    absent = [ref for ref in refs_of(tree) if ref.source in nulls]
    if not absent:
        return tree
    if isinstance(tree.unnest(), exp.Column):
        return exp.Null()
    return substitute(tree, {ref: null_of(scope.sources, column(*ref)) for ref in absent})


def told_apart(scope: Scope, q: Conjunct) -> list[list[Conjunct]]:
    """`x = COALESCE(a, b)` as two sets of conditions, one of which holds: x = a, or a IS NULL and x = b.

    No index serves an expression over two tables, so whoever seeks its rows by x would read all of them.
    Empty if a condition is no such equality.
    """
    if not isinstance(q.tree, exp.EQ) or q.implied:
        return []
    for call, x in ((q.tree.expression, q.tree.this), (q.tree.this, q.tree.expression)):
        at = call.unnest()
        if not isinstance(at, exp.Anonymous) or not _is_coalesce(at):
            continue
        first, *rest = at.expressions
        if not rest or refs_of(at) & refs_of(x):
            continue
        other = rest[0] if len(rest) == 1 else at.copy()
        if len(rest) > 1:
            other.set("expressions", [each.copy() for each in rest])
        absent = exp.Is(this=enclosed(first.copy()), expression=exp.Null())
        arms = [[_with(q.tree, call, first)], [_with(q.tree, call, other), absent]]
        return [[each for tree in arm for each in _prepared(scope, tree, q)] for arm in arms]
    return []


def _with(equality: Tree, side: Tree, other: Tree) -> Tree:
    """An equality with something else in the place of a side."""
    sides = [other if each is side else each for each in (equality.this, equality.expression)]
    return exp.EQ(this=sides[0].copy(), expression=sides[1].copy())


def _prepared(scope: Scope, tree: Tree, q: Conjunct) -> Iterator[Conjunct]:
    """A condition in the place of another."""
    types = {ref: type_ for ref in refs_of(tree) if (type_ := _type_of(scope, ref)) is not None}
    yield from conjunct(tree, q.join, q.span, types)


def _has_coalesce(tree: Tree) -> bool:
    """Whether COALESCE stands in an expression."""
    return any(map(_is_coalesce, tree.find_all(exp.Anonymous)))


def _coalesced(tree: Tree, not_null: Collection[Ref]) -> Tree:
    """An expression with each COALESCE reduced to what it yields, given columns that are not NULL here."""
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


def _type_of(scope: Scope, ref: Ref) -> str | None:
    source = scope.sources.get(ref.source)
    return None if source is None or ref.column == WHOLE_ROW else type_of(source, ref.column)
