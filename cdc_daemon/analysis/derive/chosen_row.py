"""From a value that a subquery chose to the rows around it: `o.id = (SELECT z.id … ORDER BY … LIMIT 1)`.

Where `x = (subquery)` holds, some row of the subquery's sources has the value x. A changed row that knows x
looks for such rows in the current tables. Their conditions on outer columns name the rows around. LIMIT,
ORDER BY and max() only choose among these rows, so leaving them out names too many rows, never too few.

The subquery has a lower rank than the changed row, so it chose the same row before and after the change.
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
from cdc_daemon.analysis.model.scopes import Conjunct, Ref, SubqueryEquality, refs_of
from cdc_daemon.analysis.read.conjuncts import conjunct


@dataclass(frozen=True)
class ChosenRow:
    """What one row that a subquery may have chosen says about the rows around.

    Attributes:
        start: the columns that are known from the changed row and from the sources in `fragment`.
        outer: conditions of the subquery on columns of the SELECT around it.
        holding: conditions of the SELECT itself.
        visited: the sources of the SELECT that are in `fragment` already.
    """

    fragment: Fragment
    start: Mapping[Ref, Value]
    outer: tuple[Conjunct, ...]
    holding: tuple[Conjunct, ...]
    visited: frozenset[str]


def chosen_rows(
    plan: Plan, path: JoinPath, state: JoinState, changed: str, fragment: Fragment, equality: SubqueryEquality
) -> list[ChosenRow]:
    """The rows that may have been chosen, for a changed row that knows the left side of the condition.

    Returns:
        One for each subquery or expression that may have chosen the value. Empty if the row knows too little,
        or if the condition can't be used in this state.
    """
    condition = equality.condition
    nulls = state.null_sources(condition)
    if not equality.subqueries <= plan.before[changed] or nulls is None:
        return []
    compared = [*equality.left, *(each for each in equality.candidates if not isinstance(each, str))]
    if any(ref.source in nulls for tree in compared for ref in refs_of(tree)):
        return []
    known = [path.value(each) for each in equality.left]
    values = [value for value in known if value is not None]
    if len(values) < len(known) or not any(value.anchored for value in values):
        return []
    visited = frozenset[str]().union(*(value.hops for value in values))
    hops, conditions = compiled(plan, path, state, values, changed)
    grown = fragment.grown(hops, conditions)
    start = {ref: replace(value, hops=frozenset[str]()) for ref, value in path.known_by(visited).items()}
    given = {n: replace(value, hops=frozenset[str]()) for n, value in enumerate(values)}
    found: list[ChosenRow] = []
    for each in equality.candidates:
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
            equal = exp.EQ(this=equality.left[0].copy(), expression=each.copy())
            types = {ref: type_ for ref in condition.refs if (type_ := type_in(plan.scope, ref)) is not None}
            same = tuple(conjunct(equal, condition.join, condition.span, types))
            found.append(ChosenRow(grown, start, (), same, visited))
    return found
