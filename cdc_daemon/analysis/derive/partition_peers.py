"""The other rows of a changed row's partition, found by a second instance of the SELECT.

A window, or DISTINCT ON, lets a changed row change others of its partition. The changed row yields the
partition key. The other rows did not change themselves, so a second instance of the SELECT, with other
aliases, finds them in the current tables by the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.membership import Branch, is_null
from cdc_daemon.analysis.model.catalogue import IDENTICAL
from cdc_daemon.analysis.model.collations import alike, one_collation
from cdc_daemon.analysis.model.dialect import Tree, enclosed, quoted
from cdc_daemon.analysis.model.scopes import Conjunct, Identity, OuterJoin, Ref, Scope, Side, Source, refs_of
from cdc_daemon.analysis.read.names import type_of
from cdc_daemon.analysis.read.nullability import never_null


def second_instance(scope: Scope) -> Scope:
    """A second instance of a SELECT: the same sources and conditions with other aliases."""
    uids = {uid: f"{uid}$again" for uid in scope.sources}
    joins = {
        join: OuterJoin((_uids(join.sides[0], uids), _uids(join.sides[1], uids)), join.nullable)
        for join in scope.joins
    }
    sources = [_source(source, uids) for source in scope.sources.values()]
    return Scope(
        sources={source.uid: source for source in sources},
        joins=list(joins.values()),
        conjuncts=[_conjunct(q, uids, joins) for q in scope.conjuncts],
        names=scope.names,
        outputs=tuple(_tree(output, uids) for output in scope.outputs),
        bindable=scope.bindable,
        used={uids[uid]: columns for uid, columns in scope.used.items()},
    )


def partition_branches(scope: Scope, second: Scope, known: Sequence[tuple[Tree, Value]]) -> list[Branch]:
    """The conditions that tie the second instance to the changed row: the partition keys agree.

    Keys compare as in GROUP BY, where NULL agrees with NULL. IS NOT DISTINCT FROM uses no index, so a single
    key that may be NULL becomes two branches, of which the one with `=` uses an index.

    Args:
        known: partition keys, as expressions over `scope`, with the values of the changed row.
    """
    uids = dict(zip(scope.sources, second.sources, strict=True))
    keys = [(_tree(key, uids), value, never_null(key, scope.sources, scope.joins)) for key, value in known]
    nullable = [key for key in keys if not key[2]]
    if len(nullable) != 1:
        return [
            Branch(conjuncts=tuple(_agree(second, key, value, strict=strict) for key, value, strict in keys))
        ]
    (key, value, _) = nullable[0]
    others = tuple(_agree(second, k, v, strict=True) for k, v, strict in keys if strict)
    # It carries the NULL of the changed row. So routes from the queries around are equivalent, and followed
    # once.
    both_null = _agree(second, key, value, strict=False)
    both_null.tree = exp.Is(this=enclosed(key), expression=exp.Null())
    both_null.null_guard = not others
    of_null = (*others, both_null)
    if is_null(value.tree):
        return [Branch(conjuncts=of_null)]
    return [
        Branch(conjuncts=(*others, _agree(second, key, value, strict=True))),
        Branch((exp.Is(this=enclosed(value.tree), expression=exp.Null()),), of_null),
    ]


def _agree(scope: Scope, key: Tree, value: Value, *, strict: bool) -> Conjunct:
    q = agree(key, value, strict=strict)
    at = key.unnest()
    if isinstance(at, exp.Column) and at.table in scope.sources and not isinstance(at.this, exp.Star):
        q.identical = value.type in IDENTICAL and value.type == type_of(scope.sources[at.table], at.name)
    return q


def agree(key: Tree, value: Value, *, strict: bool) -> Conjunct:
    """The condition that an expression equals a value. Unless strict, NULL equals NULL."""
    kind = exp.EQ if strict else exp.NullSafeEQ
    refs = refs_of(key)
    plain = isinstance(key.unnest(), exp.Column)
    given = Identity.IDENTICAL if value.exact else Identity.EQUAL
    sides: tuple[Side, Side] | None = (
        Side(key, refs, next(iter(refs)) if plain else None),
        Side(value.tree, frozenset(), None, given, value.type),
    )
    tree = kind(this=enclosed(key), expression=enclosed(value.tree))
    strict_in = frozenset(ref.source for ref in refs) if strict and plain else frozenset[str]()
    sides = sides if one_collation(key, value.tree) else None
    carries = alike(key, value.tree)
    return Conjunct(tree, refs, sides, strict=strict_in, given=True, carries=carries)


def _uids(named: Iterable[str], uids: dict[str, str]) -> frozenset[str]:
    return frozenset(uids.get(uid, uid) for uid in named)


def _refs(refs: Iterable[Ref], uids: dict[str, str]) -> frozenset[Ref]:
    return frozenset(Ref(uids.get(ref.source, ref.source), ref.column) for ref in refs)


def _tree(tree: Tree, uids: dict[str, str]) -> Tree:
    copy = tree.copy()
    for node in copy.find_all(exp.Column):
        if node.table in uids:
            node.set("table", quoted(uids[node.table]))
    return copy


def _source(source: Source, uids: dict[str, str]) -> Source:
    item = None if source.item is None else _tree(source.item, uids)
    if item is not None:
        item.args["alias"].set("this", quoted(uids[source.uid]))
    return Source(
        uid=uids[source.uid],
        alias=source.alias,
        columns=source.columns,
        item=item,
        table=source.table,
        real=source.real,
        body=source.body,
        outer=_refs(source.outer, uids),
        origin=source.origin,
    )


def _conjunct(q: Conjunct, uids: dict[str, str], joins: dict[OuterJoin, OuterJoin]) -> Conjunct:
    sides = None if q.sides is None else (_side(q.sides[0], uids), _side(q.sides[1], uids))
    return Conjunct(
        _tree(q.tree, uids),
        _refs(q.refs, uids),
        sides,
        identical=q.identical,
        strict=_uids(q.strict, uids),
        join=None if q.join is None else joins[q.join],
        span=None if q.span is None else _uids(q.span, uids),
        implied=q.implied,
        carries=q.carries,
    )


def _side(side: Side, uids: dict[str, str]) -> Side:
    column = None if side.column is None else next(iter(_refs([side.column], uids)))
    return Side(_tree(side.tree, uids), _refs(side.refs, uids), column, side.given, side.type)
