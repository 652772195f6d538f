"""Rules of precision, and a change of its text that takes each out: without it too many are recomputed."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

PRECISE = (
    Mutation(
        "a query of each row knows what a LATERAL beside it compares",
        "compared_with",
        "(ref for other in scope.sources.values() for ref in sorted(other.outer))",
        "()",
        killed_by=("nested_queries",),
    ),
    Mutation(
        "a key that stands for a group is the value itself where equal values are identical",
        "merged",
        "value.exact and _identical(value)",
        "False",
        killed_by=(
            "full_joins",
            "groups",
        ),
    ),
    Mutation(
        "COALESCE as a key is the one of its columns that is there",
        "null_extended",
        "_coalesced(tree, frozenset[Ref]().union(*strict))",
        "tree",
        killed_by=("full_joins",),
    ),
    Mutation(
        "a row that is NULL-extended in one join is seen so by the next",
        "join_states",
        "frozenset(join for join, states in options.items() if MATCHED in states)",
        "frozenset[OuterJoin]()",
        killed_by=("full_joins",),
    ),
    Mutation(
        "a case whose conditions compare with NULL alone is none",
        "_followed.followed",
        """\
[
    further
    for state, holding in every
    if not any(never(q.tree) for q in holding)
    for path in _paths(plan, state, source.uid, start, extra, holding)
    for further in _through_subquery_equality(
        _Progress(plan, state, path, fragment, extra), source.uid, plan.scope.subquery_equalities
    )
]
""",
        """\
[
    further
    for state, holding in every
    for path in _paths(plan, state, source.uid, start, extra, holding)
    for further in _through_subquery_equality(
        _Progress(plan, state, path, fragment, extra), source.uid, plan.scope.subquery_equalities
    )
]
""",
        killed_by=("choices",),
    ),
    Mutation(
        "either condition of an OR leads on by itself",
        "_branches",
        "isinstance(tree, exp.Or)",
        "False",
        killed_by=("choices",),
    ),
    Mutation(
        "each result of CASE leads on by itself",
        "_branches",
        "isinstance(at, exp.Case) and at.this is None",
        "False",
        killed_by=("choices",),
    ),
    Mutation(
        "a visit by an equality ranks before one by another condition",
        "rank_sources",
        "(-bound, loose, source.subquery, not scope.correlated(source), depth[uid], visits, order)",
        "(-bound, 0, source.subquery, not scope.correlated(source), depth[uid], visits, order)",
        killed_by=("choices",),
    ),
    Mutation(
        "a subquery that chooses a row ranks among the sources",
        "rank_sources",
        "uid in choosing or not source.subquery",
        "not source.subquery",
        killed_by=("latest_rows",),
    ),
    Mutation(
        "what a subquery chooses leads to the rows around it",
        "rank_sources",
        "[*scope.conjuncts, *_led_by(scope, settled)]",
        "scope.conjuncts",
        killed_by=("latest_rows",),
    ),
    Mutation(
        "a row that a subquery chose finds the rows around by its own",
        "chosen_rows",
        "found.append(Found(route.fragment, start, brought, (), visited))",
        "return []",
        killed_by=("latest_rows",),
    ),
    Mutation(
        "each subquery in a COALESCE may have chosen the row",
        "_candidates",
        'isinstance(tree, exp.Anonymous) and tree.name.lower() == "coalesce"',
        "False",
        killed_by=("latest_rows",),
    ),
    Mutation(
        "max() and min() are the value of a row",
        "greatest",
        'call.name.lower() not in ("max", "min")',
        "True",
        killed_by=("latest_rows",),
    ),
    Mutation(
        "a set-returning function in the select list is one in FROM",
        "set_in_select_list",
        "call if scalars or name in _ONE_COLUMN else None",
        "None",
        killed_by=("select_lists",),
    ),
    Mutation(
        "equal whole rows are equal in each column",
        "equal_columns",
        "(yield q)",
        "(yield from ())",
        killed_by=("whole_rows",),
    ),
    Mutation(
        "a condition is taken with the NULLs of its case",
        "null_extended_conditions",
        "with_nulls(state.scope, q.tree, nulls)",
        "q.tree",
        killed_by=("full_joins", "outer_joins"),
    ),
    Mutation(
        "a condition outside of an outer join holds with the NULLs that it saw",
        "JoinState.null_sources",
        "nulls |= side if state == n else frozenset()",
        """\
if state == n:
    return None
""",
        killed_by=("full_joins", "outer_joins"),
    ),
    Mutation(
        "whether a join found a match is asked where a condition is of use only then",
        "_followed",
        "apart if min(map(_known, apart), default=0) > least else found",
        "found",
        killed_by=("outer_joins",),
    ),
    Mutation(
        "COALESCE of a column that is not NULL here is that column",
        "_coalesced",
        "len(left) == 1 or certain",
        "len(left) == 1",
        killed_by=("outer_joins",),
    ),
    Mutation(
        "COALESCE of NULL and one expression is that expression",
        "_coalesced",
        "len(left) == 1 or certain",
        "certain",
        killed_by=("full_joins",),
    ),
    Mutation(
        "subqueries in HAVING and ORDER BY are read",
        "Builder._select",
        '("group", "having", "order", "distinct", "limit", "offset")',
        '("group", "order", "distinct", "limit", "offset")',
        killed_by=("scalar_subqueries",),
    ),
    Mutation(
        "an equality carries a value without a visit",
        "Equivalences._carry",
        "self._equal.setdefault(ref, carried)",
        "pass",
        killed_by=("inner_joins",),
    ),
    Mutation(
        "a constant narrows the delta",
        "JoinPath.compiled",
        "fragile or _selective(q.tree)",
        "fragile",
        killed_by=("inner_joins",),
    ),
    Mutation(
        "what a subquery knows of outer columns leads out of it",
        "outer_conditions",
        "(*plan.open, *further)",
        "further",
        killed_by=("semi_joins",),
    ),
    Mutation(
        "IN ties the outer value to the subquery's",
        "membership_branches",
        "Arm(conjuncts=tuple(_equal(source, left, value) for left, value, _ in known))",
        "Arm()",
        killed_by=("semi_joins",),
    ),
    Mutation(
        "rows are compared member by member",
        "conjunct",
        "len(left) == len(right) > 1",
        "False",
        killed_by=("inner_joins",),
    ),
    Mutation(
        "varchar as text is the same value",
        "TEXTS",
        'frozenset({"text", "character varying"})',
        "frozenset[str]()",
        killed_by=("values_of_types",),
    ),
    Mutation(
        "WHERE on the nullable side makes an inner join of it",
        "Builder._select",
        "reduce_outer_joins(select.joins, select.conjuncts)",
        "select.joins",
        killed_by=("outer_joins",),
    ),
    Mutation(
        "a subquery in ON decides what matches",
        "FromItems._join",
        "side | subqueries if null else side",
        "side",
        killed_by=("scalar_subqueries",),
    ),
    Mutation(
        "the step of a recursion is walked, not the base alone",
        "_from_last_change",
        "yield from extended(walk(step_alone(body), Demand(every, every), work), further)",
        "pass",
        killed_by=("recursion",),
    ),
    Mutation(
        "of routes that reach the same rows those that bind most are taken",
        "best",
        "max((list(best(each)) for each in route.sets), key=_least_bound)",
        "best(route.sets[0])",
        killed_by=("recursion",),
    ),
    Mutation(
        "the base of a recursion is walked",
        "_from_last_change",
        "yield from extended(walk(body.base, Demand(every, every), work), further)",
        "pass",
        killed_by=("recursion",),
    ),
    Mutation(
        "a recursion of each row around is followed back to where it began",
        "_back_from_first_change",
        "yield from extended(walk(before, Demand(every, every, frozenset()), work), of_step)",
        "pass",
        killed_by=("recursion",),
    ),
    Mutation(
        "rows that agree on a unique key are one row",
        "implied",
        "one < other",
        "False",
        killed_by=("keys",),
    ),
    Mutation(
        "each part of the key is compared with itself",
        "implied",
        "{b for a, b in pairs if a == b}",
        "{b for a, b in pairs}",
        killed_by=("self_joins",),
    ),
    Mutation(
        "a foreign key agrees with the row that it refers to",
        "implied",
        "follows and all(x.table.columns[name].not_null for name in columns)",
        "False and all(x.table.columns[name].not_null for name in columns)",
        killed_by=("keys",),
    ),
    Mutation(
        "a column is looked for in the queries around",
        "NameScope.resolve",
        "at.around",
        "None",
        killed_by=("anti_joins",),
    ),
    Mutation(
        "a column that USING merged stands for the sides",
        "NameScope.points",
        "name in self.merged",
        "False",
        killed_by=("full_joins",),
    ),
    Mutation(
        "columns may be named in the declaration of a CTE",
        "declared",
        "alias_columns(cte)",
        "()",
        killed_by=("every_entity",),
    ),
    Mutation(
        "a recursion may begin anew for each row around",
        "read_recursion",
        "any(ref.source in outside for ref in refs_of(rows))",
        "False",
        killed_by=("every_entity",),
    ),
    Mutation(
        "a window over grouping sets is not followed",
        "variants",
        "scope.partitions",
        "False",
        killed_by=("every_entity",),
    ),
    Mutation(
        "of equals a parent ranks before its children",
        "rank_sources",
        "depth[uid]",
        "0",
        killed_by=("entities_of_several_tables",),
    ),
    Mutation(
        "the source that binds most ranks lowest",
        "rank_sources",
        "-bound",
        "0",
        killed_by=("anti_joins",),
    ),
    Mutation(
        "functions in FROM rank below all",
        "rank_sources",
        "frozenset(uid for uid, source in scope.sources.items() if _constant(source))",
        "frozenset()",
        killed_by=("functions_in_from",),
    ),
    Mutation(
        "a subquery may visit everything",
        "rank_sources",
        "before[uid] = settled",
        "before[uid] = frozenset()",
        killed_by=("anti_joins",),
    ),
    Mutation(
        "every alias is another",
        "BuildContext.take",
        "self._taken.add(uid)",
        "pass",
        killed_by=("scalar_subqueries",),
    ),
    Mutation(
        "each place where a view is read has a definition of its own",
        "BuildContext.view",
        "self._views[view.name].copy()",
        "self._views[view.name]",
        killed_by=("views",),
    ),
    Mutation(
        "a subquery in an expression is a source, and its rows lead to the rows around it",
        "_walk_select",
        "source.body is not None",
        "source.body is not None and not source.subquery",
        killed_by=("scalar_subqueries",),
    ),
)
"""Without one of these no entity is missed, but more of them than need be are recomputed."""
