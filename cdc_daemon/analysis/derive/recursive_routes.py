"""The rows of a recursive CTE that derive from a known row, over current tables.

From the known columns of a row, a step yields those of the next rows, over its other sources, which did not
change (docs/architecture.md proves it). This repeats until nothing new comes. It ends only for columns that
are copied from somewhere. A computed column (`depth + 1`, a path) may grow for ever where the data has a
cycle, even if the query itself stops at the cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlglot import exp

from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.join_path import JoinPath
from cdc_daemon.analysis.derive.null_extension import null_extended
from cdc_daemon.analysis.derive.outer_join_states import join_states
from cdc_daemon.analysis.derive.route_builder import Closure, ClosureStep, Fragment
from cdc_daemon.analysis.derive.scope_plan import mentioned, values_of
from cdc_daemon.analysis.model.dialect import Tree, column
from cdc_daemon.analysis.model.scopes import Recursion, Ref, Scope
from cdc_daemon.analysis.read.names import output_type, typed_null

StepPath = tuple[JoinPath, Mapping[int, Value]]
"""A step in one state of its outer joins, and the known columns of the next row, by position."""


def step_alone(body: Recursion) -> Scope:
    """The step, in which a route can't visit the CTE itself, because the CTE's rows may have changed."""
    itself = replace(body.step.sources[body.itself], item=None)
    return replace(body.step, sources={**body.step.sources, body.itself: itself})


def closure_over(
    body: Recursion, fragment: Fragment, values: Mapping[int, Value]
) -> tuple[Fragment, Mapping[int, Value]]:
    """Extend a route from one row of the CTE to all rows that derive from it, in the columns that steps copy.

    Args:
        values: the known columns of the row, by position.

    Returns:
        The route, and the columns that it still knows; none if no step copies a known column.
    """
    types = {n: output_type(body.base, n) for n in values}
    seeds, steps = copied_columns(body, values, types, partial(_steps, body))
    if not seeds:
        return Fragment(fragment.source, notes=fragment.notes), {}
    alias = f"{body.itself}$affected"
    columns = body.step.sources[body.itself].columns
    names = {n: columns[n] for n in seeds}
    made = tuple(compiled_step(path, {names[n]: value for n, value in step.items()}) for path, step in steps)
    closure = Closure(alias, body.itself, fragment, {names[n]: seed.tree for n, seed in seeds.items()}, made)
    further = {
        n: Value(
            column(alias, names[n]),
            exact=not body.distinct and seed.exact and all(step[n].exact for _, step in steps),
            type=types[n],
        )
        for n, seed in seeds.items()
    }
    return Fragment(fragment.source, closure, notes=fragment.notes), further


def copied_columns(
    body: Recursion,
    values: Mapping[int, Value],
    types: Mapping[int, str | None],
    steps: Callable[[frozenset[int]], Iterator[StepPath]],
) -> tuple[Mapping[int, Value], Sequence[StepPath]]:
    """The known columns that every step copies, and the steps restricted to them.

    A fixpoint: without one column a step may reach less and copy fewer columns, so this repeats until nothing
    changes.

    Args:
        values: the known columns of the first row, by position.
        steps: yields the steps for a set of known columns.
    """
    seeds: Mapping[int, Value] = _stored(body, values, types)
    while seeds:
        made = [(path, _stored(body, step, types)) for path, step in steps(frozenset(seeds))]
        copied: dict[int, Value] = {
            n: seed for n, seed in seeds.items() if all(n in step for _, step in made)
        }
        if copied.keys() == seeds.keys():
            return seeds, made
        seeds = copied
    return {}, ()


def _stored(
    body: Recursion, values: Mapping[int, Value], types: Mapping[int, str | None]
) -> dict[int, Value]:
    kept = {n: _stored_value(body, value, types[n]) for n, value in values.items()}
    return {n: value for n, value in kept.items() if value is not None}


def _steps(body: Recursion, known: frozenset[int]) -> Iterator[StepPath]:
    """Yield one step for each state of its outer joins: the known columns of the next row."""
    scope = step_alone(body)
    itself = scope.sources[body.itself]
    start = {Ref(itself.uid, itself.columns[n]): Value(column(itself.uid, itself.columns[n])) for n in known}
    outputs = {n: scope.outputs[n] for n in known if scope.bindable[n]}
    for state in join_states(scope, None, mentioned(outputs.values())):
        usable = [q for q in scope.conjuncts if state.holds(q)]
        visible = frozenset(uid for uid in scope.sources if state.visible(uid))
        path = JoinPath(scope, usable, visible - {itself.uid}, start)
        path.bind([null_extended(state, tree) for tree in outputs.values()])
        yield path, values_of(path, state, outputs)


def compiled_step(path: JoinPath, outputs: Mapping[str, Value]) -> ClosureStep:
    """A join path as one step of a closure."""
    hops, conditions = path.compiled(list(outputs.values()), None)
    return ClosureStep(tuple(hops), tuple(conditions), {name: value.tree for name, value in outputs.items()})


def _stored_value(body: Recursion, value: Value, type_: str | None) -> Value | None:
    """A value if it is copied: a table's column, a column of the row before, a constant, or COALESCE of
    these.

    It must have the CTE's type, because base and step must agree. None otherwise.
    """
    if isinstance(value.tree.unnest(), exp.Null):
        return None if type_ is None else replace(value, tree=typed_null(type_))
    if not _plain(value.tree) or any(body.step.sources[uid].outer for uid in value.hops & _uids(body)):
        return None
    return value if value.exact or (type_ is not None and value.type == type_) else None


def _uids(body: Recursion) -> frozenset[str]:
    return frozenset(body.step.sources)


def _plain(tree: Tree) -> bool:
    tree = tree.unnest()
    if isinstance(tree, exp.Cast):
        return _plain(tree.this)
    if isinstance(tree, exp.Anonymous) and tree.name.lower() == "coalesce":
        return all(_plain(part) for part in tree.expressions)
    return isinstance(tree, (exp.Column, exp.Null, exp.Literal))
