"""From a value that a subquery chose back to the rows around it: `o.id = (SELECT z.id … ORDER BY … LIMIT 1)`.

Where `x = (subquery)` holds, some row of the subquery's sources has the value x. A changed row that knows x
finds such rows in the current tables, and their conditions on outer columns say for which rows around the
subquery was asked. LIMIT, ORDER BY and max() only choose among these rows: without them too many are named,
never too few.

The subquery ranks below the changed row, so it chose the same before and after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from cdc_daemon.analysis.derive.correlation import rows_of
from cdc_daemon.analysis.derive.equivalences import Value
from cdc_daemon.analysis.derive.join_path import JoinPath
from cdc_daemon.analysis.derive.null_extension import type_in
from cdc_daemon.analysis.derive.outer_join_states import JoinState
from cdc_daemon.analysis.derive.route_builder import Fragment
from cdc_daemon.analysis.derive.scope_plan import Plan, compiled, placed
from cdc_daemon.analysis.model.scopes import Chosen, Conjunct, Ref, refs_of
from cdc_daemon.analysis.read.conjuncts import conjunct


@dataclass(frozen=True)
class ChosenRow:
    """What one of the subqueries that may have chosen a value says of the rows around.

    Attributes:
        start: what is known, of the changed row and of the sources in `fragment`.
        brought: conditions of the subquery on the scope's columns; `holding` are those of the scope itself.
        visited: the sources of the scope that are in `fragment` already.
    """

    fragment: Fragment
    start: Mapping[Ref, Value]
    outer: tuple[Conjunct, ...]
    holding: tuple[Conjunct, ...]
    visited: frozenset[str]


def chosen_rows(
    plan: Plan, path: JoinPath, state: JoinState, changed: str, fragment: Fragment, chosen: Chosen
) -> list[ChosenRow]:
    """What a changed row learns by a condition whose left side it knows, for each that may have chosen it.

    Empty where it knows too little, or the condition can't be used in this case.
    """
    condition = chosen.condition
    nulls = state.null_sources(condition)
    if not chosen.subqueries <= plan.before[changed] or nulls is None:
        return []
    compared = [*chosen.left, *(each for each in chosen.among if not isinstance(each, str))]
    if any(ref.source in nulls for tree in compared for ref in refs_of(tree)):
        return []
    known = [path.value(each) for each in chosen.left]
    values = [value for value in known if value is not None]
    if len(values) < len(known) or not any(value.anchored for value in values):
        return []
    visited = frozenset[str]().union(*(value.hops for value in values))
    hops, conditions = compiled(plan, path, state, values, changed)
    grown = fragment.grown(hops, conditions)
    start = {ref: replace(value, hops=frozenset[str]()) for ref, value in path.known_by(visited).items()}
    given = {n: replace(value, hops=frozenset[str]()) for n, value in enumerate(values)}
    found: list[ChosenRow] = []
    for each in chosen.among:
        if isinstance(each, str):
            source = plan.scope.sources[each]
            if source.body is None:
                raise AssertionError("a subquery has a body")
            for route in rows_of(source.body, given, grown, strict=True):
                if not route.outer:
                    return []
                outer = tuple(placed(q, source) for q in route.outer)
                found.append(ChosenRow(route.fragment, start, outer, (), visited))
        else:
            equality = exp.EQ(this=chosen.left[0].copy(), expression=each.copy())
            types = {ref: type_ for ref in condition.refs if (type_ := type_in(plan.scope, ref)) is not None}
            same = tuple(conjunct(equality, condition.join, condition.span, types))
            found.append(ChosenRow(grown, start, (), same, visited))
    return found
