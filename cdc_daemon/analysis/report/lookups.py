"""The lookups by which a recomputation finds an entity: the tables that hold the entity columns.

`entity = ANY (…)` around the query is pushed down to these tables, if PostgreSQL can do so (`plan
--explain`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import aliases
from cdc_daemon.analysis.derive.route_builder import in_index
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.plan import Visit
from cdc_daemon.analysis.model.scopes import Body, Scope, fold, joined


def lookups(body: Body, entity: Sequence[str]) -> tuple[Visit, ...]:
    """For each entity column that is a column of one table: that table and that column."""
    positions = {name: n for n, name in reversed(list(enumerate(body.names)))}
    found = (visit for name in entity for visit in _lookups(body, positions[name]))
    return tuple(dict.fromkeys(found))


def _lookups(body: Body, n: int) -> Iterator[Visit]:
    def in_select(scope: Scope) -> Iterator[Visit]:
        # No index has an aggregate of its rows.
        return _of_output(scope, scope.outputs[n]) if scope.bindable[n] else iter(())

    return fold(body, select=in_select, arms=joined, recursion=lambda _: iter(()))


def _of_output(scope: Scope, tree: Tree) -> Iterator[Visit]:
    tree = tree.unnest()
    sources = aliases(tree) & scope.sources.keys()
    source = scope.sources[next(iter(sources))] if len(sources) == 1 else None
    if source is None:
        return
    if isinstance(tree, exp.Column):
        if source.table is not None and tree.name in source.real:
            yield Visit(source.table.name, (source.real[tree.name],))
        elif source.body is not None and tree.name in source.columns:
            yield from _lookups(source.body, source.columns.index(tree.name))
    elif source.table is not None and all(name == real for name, real in source.real.items()):
        yield Visit(source.table.name, (), (in_index(tree),))
