"""The rows of a recursive CTE that derive from one of its rows, over current tables.

With the row known in some columns, a step gives those of the rows after it, over the step's other sources:
none of them changed (`walk.py` says why). Again and again, until nothing new comes. That ends only for
columns whose values are copied from somewhere; a computed one (`depth + 1`, a path) may go on for ever where
the data has a cycle, even if the query itself stops at it.
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
"""A step in one case of its outer joins, and by position what it makes of the columns known."""


def step_alone(body: Recursion) -> Scope:
    """The step, in which routes may not visit the CTE itself: of its rows we don't know which changed."""
    itself = replace(body.step.sources[body.itself], item=None)
    return replace(body.step, sources={**body.step.sources, body.itself: itself})


def closure_over(
    body: Recursion, fragment: Fragment, values: Mapping[int, Value]
) -> tuple[Fragment, Mapping[int, Value]]:
    """Go on from some columns of the CTE's rows to the same columns of all that derive from them.

    Args:
        values: by position, what a route yields of one row.

    Returns:
        The route, and the columns that it still knows: none if no step copies what is known.
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
    """The columns that every step copies, with what is known of them, and the steps from and to them alone.

    Without one column a step may reach less, and copy fewer: until nothing changes any more.

    Args:
        values: by position, what is known of the first row.
        steps: each step, with the columns that are known before it.
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
    """One step, in each case of its outer joins: what it makes of the columns known."""
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
    """What was reached, as one step of a closure."""
    hops, conditions = path.compiled(list(outputs.values()), None)
    return ClosureStep(tuple(hops), tuple(conditions), {name: value.tree for name, value in outputs.items()})


def _stored_value(body: Recursion, value: Value, type_: str | None) -> Value | None:
    """A value that comes out of a finite store: a table's column, a column of the row before, a constant, or
    one of these by COALESCE; of the CTE's own type, because base and step must agree. None if it does not.
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
