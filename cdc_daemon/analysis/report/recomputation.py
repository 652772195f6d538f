"""The lookups of a recomputation beyond the entity: tables that are joined to it, and tables of subqueries.

PostgreSQL starts from the rows that the entity's condition finds and follows the equalities of the query. A
table that is reached by an equality needs an index there, or is read as a whole for each entity. A table that
no equality reaches (a cross join, a range) is no lookup. A query that is computed as a whole is none either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import aliases
from cdc_daemon.analysis.derive.route_builder import in_index
from cdc_daemon.analysis.model.plan import Visit
from cdc_daemon.analysis.model.scopes import Body, Conjunct, Scope, Side, Source, fold, joined


def joined_lookups(body: Body, entity: Sequence[str]) -> tuple[Visit, ...]:
    """Each table that a recomputation reaches by equalities, with its lookup columns.

    Args:
        entity: the names of the entity's output columns.
    """
    positions = {name: n for n, name in reversed(list(enumerate(body.names)))}
    return tuple(dict.fromkeys(_visits(body, frozenset(positions[name] for name in entity))))


def _visits(body: Body, known: frozenset[int]) -> Iterator[Visit]:
    """Yield the lookups of a query with some known outputs."""

    def in_select(scope: Scope) -> Iterator[Visit]:
        given = (scope.outputs[n] for n in known if scope.bindable[n])
        started = {uid for tree in given for uid in aliases(tree) & scope.sources.keys()}
        return _of_scope(scope, started, known)

    return fold(body, select=in_select, arms=joined, recursion=lambda _: iter(()))


def _of_scope(scope: Scope, reached: set[str], known: frozenset[int]) -> Iterator[Visit]:
    for uid in sorted(reached):
        yield from _inside(scope.sources[uid], _outputs_given(scope, uid, known))
    while True:
        found = {
            uid: keys for uid in scope.sources if uid not in reached and (keys := _keys(scope, uid, reached))
        }
        if not found:
            break
        for uid, (columns, expressions) in found.items():
            source = scope.sources[uid]
            if source.table is not None:
                constants = _constants(scope, source)
                real = tuple(sorted({source.real[name] for name in columns if name in source.real}))
                yield Visit(source.table.name, real, tuple(sorted(expressions)), constants)
            else:
                given = frozenset(source.columns.index(name) for name in columns)
                yield from _flattened(source, given)
                yield from _inside(source, given)
        reached |= found.keys()
    for uid, source in scope.sources.items():
        if uid not in reached and source.body is not None and source.outer:
            yield from _inside(
                source, frozenset()
            )  # correlated: its own conditions say by what it finds rows


def _inside(source: Source, known: frozenset[int]) -> Iterator[Visit]:
    """Yield the lookups of a query in FROM or in an expression, which runs for each row around it."""
    if source.body is None:
        return
    for scope in _scopes(source.body):
        given = (scope.outputs[n] for n in known if n < len(scope.outputs) and scope.bindable[n])
        started = {uid for tree in given for uid in aliases(tree) & scope.sources.keys()}
        yield from _of_scope(scope, started, known)


def _flattened(source: Source, known: frozenset[int]) -> Iterator[Visit]:
    """Yield the lookups in a derived table that PostgreSQL pulls up into the query around it, by its known
    outputs.

    A derived table that groups, numbers or limits its rows is computed as a whole, so no index helps.
    """
    body = source.body
    if not isinstance(body, Scope) or body.grouped or body.limit is not None or body.partitions:
        return
    for n in known:
        tree = body.outputs[n].unnest()
        inner = body.sources.get(tree.table) if isinstance(tree, exp.Column) else None
        if inner is not None and inner.table is not None and tree.name in inner.real:
            yield Visit(inner.table.name, (inner.real[tree.name],), (), _constants(body, inner))


def _scopes(body: Body) -> Iterator[Scope]:
    return fold(body, select=lambda scope: iter((scope,)), arms=joined, recursion=lambda _: iter(()))


def _outputs_given(scope: Scope, uid: str, known: frozenset[int]) -> frozenset[int]:
    """The outputs of a source that the known outputs of the SELECT are."""
    source = scope.sources[uid]
    names = {
        tree.name
        for n in known
        if isinstance(tree := scope.outputs[n].unnest(), exp.Column) and tree.table == uid
    }
    return frozenset(n for n, name in enumerate(source.columns) if name in names)


def _keys(scope: Scope, uid: str, reached: set[str]) -> tuple[set[str], set[str]] | None:
    """The columns and expressions of a source that equal known ones; None if there are none."""
    columns: set[str] = set()
    expressions: set[str] = set()
    for q in scope.conjuncts:
        for own, other in _directions(q):
            mine = {ref.source for ref in own.refs} == {uid}
            theirs = {ref.source for ref in other.refs}
            # Columns of the scopes around are known, too; a constant alone finds no few rows.
            if not mine or not theirs or uid in theirs or not theirs & scope.sources.keys() <= reached:
                continue
            if own.column is not None:
                columns.add(own.column.column)
            elif scope.sources[uid].table is not None:
                expressions.add(in_index(own.tree))
    return (columns, expressions) if columns or expressions else None


def _directions(q: Conjunct) -> Iterator[tuple[Side, Side]]:
    if q.sides is not None:
        left, right = q.sides
        yield left, right
        yield right, left


def _constants(scope: Scope, source: Source) -> tuple[str, ...]:
    """The columns of a table that equal a constant. An index may begin with them."""
    return tuple(
        sorted(
            source.real[own.column.column]
            for q in scope.conjuncts
            for own, other in _directions(q)
            if own.column is not None and own.column.source == source.uid and not other.refs
            if own.column.column in source.real
        )
    )
