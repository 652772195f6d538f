"""An ORDER BY that leaves ties: rows that compare equal come in the server's order, and the value flips.

`json_agg(x ORDER BY position)` is settled if the ORDER BY, together with what is the same for all rows of the
group, determines every column that the call takes: then tied rows are indistinguishable. What determines what
is the closure over the catalogue's unique keys and the query's equalities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from cdc_daemon.analysis.dialect import Tree, render
from cdc_daemon.analysis.plan import Verdict
from cdc_daemon.analysis.scopes import (
    WHOLE_ROW,
    Body,
    Conjunct,
    Ref,
    Scope,
    Source,
    expressions_without_queries,
    refs_of,
    scopes_of,
)
from cdc_daemon.analysis.verdicts.orders import ORDERED
from cdc_daemon.analysis.verdicts.subject import Subject


def ties(subject: Subject) -> Iterator[Verdict]:
    """Ordered aggregates, LIMITs and DISTINCT ONs whose order is not settled."""
    if subject.body is None:
        return
    told: set[tuple[int | None, int | None, str]] = set()
    for scope in scopes_of(subject.body):
        if scope.select is None:
            continue
        for verdict in (*_aggregates(subject, scope, scope.select), *_limits(subject, scope, scope.select)):
            if (verdict.line, verdict.column, verdict.what) not in told:  # a CTE that is read twice
                told.add((verdict.line, verdict.column, verdict.what))
                yield verdict


def _aggregates(subject: Subject, scope: Scope, select: exp.Select) -> Iterator[Verdict]:
    for part in (*select.expressions, select.args.get("having"), select.args.get("order")):
        for node in expressions_without_queries(part) if part is not None else ():
            if not isinstance(node, exp.Anonymous) or node.name.lower() not in ORDERED:
                continue
            order = next((each for each in node.expressions if isinstance(each, exp.Order)), None)
            if order is None or isinstance(order.this, exp.Distinct) or isinstance(node.parent, exp.Window):
                continue
            wanted = frozenset[Ref]().union(
                *(refs_of(each.this if isinstance(each, exp.Order) else each) for each in node.expressions)
            )
            keys = [each.this for each in order.expressions]
            missing = _undetermined(scope, [*keys, *_group_keys(select)], wanted)
            if missing:
                what = f"{node.name}() orders by what several rows may share: {_list(keys)} leaves ties"
                hint = f"add {_unique(scope, missing)} at the end of its ORDER BY"
                yield subject.verdict("ties", what, hint, subject.places.of_call(node))


def _limits(subject: Subject, scope: Scope, select: exp.Select) -> Iterator[Verdict]:
    """LIMIT and DISTINCT ON: which of the tied rows are taken is the server's choice."""
    order = select.args.get("order")
    distinct = select.args.get("distinct")
    on = distinct.args.get("on") if distinct is not None else None
    limited = select.args.get("limit") is not None or select.args.get("offset") is not None
    if order is None or not (limited or on is not None) or (distinct is not None and on is None):
        return
    keys = [each.this for each in order.expressions]
    groups = _group_keys(select)
    wanted = frozenset[Ref]().union(*map(refs_of, groups or scope.outputs))
    missing = _undetermined(scope, [*keys, *(on.expressions if on is not None else ())], wanted)
    if missing:
        word = "LIMIT" if limited else "DISTINCT ON"
        what = f"{word} takes the first of rows that may tie: ORDER BY {_list(keys)} does not tell them apart"
        hint = f"add {_unique(scope, missing)} at the end of the ORDER BY"
        yield subject.verdict("ties", what, hint, subject.places.of_order(order))


def _group_keys(select: exp.Select) -> list[Tree]:
    group = select.args.get("group")
    return list(group.expressions) if group is not None else []


def _undetermined(scope: Scope, keys: Iterable[Tree], wanted: frozenset[Ref]) -> frozenset[Ref]:
    """The wanted columns of this scope that rows with the same keys may differ in."""
    plain = (key.unnest() for key in keys)
    known = _closure(
        scope, frozenset(ref for key in plain if isinstance(key, exp.Column) for ref in refs_of(key))
    )
    return frozenset(ref for ref in wanted if ref.source in scope.sources) - known


def _closure(scope: Scope, known: frozenset[Ref]) -> frozenset[Ref]:
    """Every column that these determine."""
    before: frozenset[Ref] | None = None
    while known != before:
        before = known
        for q in scope.conjuncts:
            known |= _equated(scope, q, known)
        for source in scope.sources.values():
            known |= _of_source(source, known)
    return known


def _equated(scope: Scope, q: Conjunct, known: frozenset[Ref]) -> frozenset[Ref]:
    """A column that an equality with what is known fixes (or, of an outer join's far side, makes NULL)."""
    found: set[Ref] = set()
    if q.sides is None:
        return frozenset()
    for this, other in ((q.sides[0], q.sides[1]), (q.sides[1], q.sides[0])):
        column, given = this.column, other.refs
        if column is None or column.source not in scope.sources or column in known:
            continue
        if q.join is not None:
            far = [arm for arm in (0, 1) if q.join.nullable[arm] and column.source in q.join.sides[arm]]
            if not far or q.join.nullable == (True, True):
                continue
        if all(ref in known or ref.source not in scope.sources for ref in given):
            found.add(column)
    return frozenset(found)


def _of_source(source: Source, known: frozenset[Ref]) -> frozenset[Ref]:
    """The columns of a source that its known ones determine."""
    mine = frozenset(ref.column for ref in known if ref.source == source.uid)
    found: Iterable[str] = ()
    if source.table is not None:
        visible = {real: name for name, real in source.real.items()}
        table = source.table
        for key in (table.primary_key, *table.unique_keys):
            whole = key and all(visible.get(name) in mine for name in key)
            if whole and (key == table.primary_key or all(table.columns[name].not_null for name in key)):
                found = (*source.columns, WHOLE_ROW)
    elif source.body is not None:
        positions = frozenset(n for n, name in enumerate(source.columns) if name in mine)
        determined = _outputs_determined(source.body, positions)
        found = [source.columns[n] for n in determined]
        if len(determined) == len(source.columns):
            found = (*found, WHOLE_ROW)
    elif source.item is not None and _ordinality(source.item) in mine:
        found = (*source.columns, WHOLE_ROW)
    if set(source.columns) <= mine:
        found = (*found, WHOLE_ROW)
    return frozenset(Ref(source.uid, name) for name in found)


def _outputs_determined(body: Body, known: frozenset[int]) -> frozenset[int]:
    """The outputs of a derived table that some of them determine."""
    everything = frozenset(range(len(body.names)))
    if not isinstance(body, Scope):
        return everything if body.distinct and known == everything else known
    if body.select is None:
        return known
    if body.select.args.get("distinct") is not None and known == everything:
        return everything
    inside = _closure(
        body,
        frozenset(
            ref
            for n in known
            if isinstance(body.outputs[n].unnest(), exp.Column)
            for ref in refs_of(body.outputs[n])
        ),
    )
    groups = _group_keys(body.select)
    if groups and all(refs_of(key) <= inside for key in groups):
        return everything
    return known | frozenset(
        n for n in everything if body.bindable[n] and not groups and refs_of(body.outputs[n]) <= inside
    )


def _ordinality(item: Tree) -> str | None:
    unnest = item.find(exp.Unnest)
    offset = unnest.args.get("offset") if unnest is not None else None
    return offset.name if isinstance(offset, exp.Identifier) else None


def _unique(scope: Scope, missing: frozenset[Ref]) -> str:
    """What would settle the order: a key of each table concerned, else the columns themselves."""
    found: list[str] = []
    for uid in sorted({ref.source for ref in missing}):
        source = scope.sources[uid]
        columns = sorted(ref.column for ref in missing if ref.source == uid and ref.column != WHOLE_ROW)
        if source.table is not None:
            keys = [key for key in (source.table.primary_key, *source.table.unique_keys) if key]
            visible = {real: name for name, real in source.real.items()}
            columns = [visible[name] for name in keys[0]] if keys else columns or list(source.columns)
        found += [f"{source.alias}.{name}" for name in columns or source.columns]
    return ", ".join(found)


def _list(keys: Sequence[Tree]) -> str:
    return ", ".join(map(render, keys))
