"""Rules of soundness, and a change of its text that takes each out: without it an entity is missed."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

SOUND = (
    Mutation(
        "a value that is equal may have other bytes",
        "merged",
        "value.exact and _identical(value)",
        "value.exact",
        killed_by=("text of a group",),
    ),
    Mutation(
        "what is compared with ALL of no elements is true, of NULL as well",
        "strict_refs",
        """\
if isinstance(tree, _STRICT) and true_of_none(tree):
    return frozenset()
""",
        "pass",
        killed_by=("unequal to all of none",),
    ),
    Mutation(
        "each result of COALESCE may be the one that a row is chosen by",
        "chosen_rows",
        "found.append(Found(grown, start, (), same, visited))",
        "continue",
        killed_by=("the latest row of one kind or of any",),
    ),
    Mutation(
        "of several, max() and min() may be those of different rows",
        "_rows_of_select",
        "conjuncts.append(agree(*chosen, strict=strict))",
        (
            "conjuncts += [agree(x, value, strict=strict) for n, value in known.items() if (x := "
            "greatest(body.outputs[n])) is not None]"
        ),
        killed_by=("the greatest and the least of different rows",),
    ),
    Mutation(
        "a row is found by each condition of an OR",
        "_branches",
        "[[each] for each in _joined_by_or(tree)]",
        "[[tree.left]]",
        killed_by=("either of two",),
    ),
    Mutation(
        "a row is found by each result of CASE",
        "_branches",
        "[[_with(tree, call, result), *conditions] for result, conditions in results]",
        "[[_with(tree, call, result), *conditions] for result, conditions in results[:1]]",
        killed_by=("CASE chooses the table",),
    ),
    Mutation(
        "the case of a witness stands for that of a match, too",
        "JoinState.null_sources",
        "state is None or (state == arm and self.changed in side and join not in self.also_matched)",
        "state is None",
        killed_by=("where on the nullable side",),
    ),
    Mutation(
        "COALESCE goes on behind a column that may be NULL",
        "_coalesced",
        "isinstance(first, exp.Column) and refs_of(first) <= frozenset(not_null)",
        "isinstance(first, exp.Column)",
        killed_by=("fallback without an outer join",),
    ),
    Mutation(
        "a row without an override is found by the default",
        "_branches",
        "[[_with(tree, call, first)], [_with(tree, call, other), absent]]",
        "[[_with(tree, call, first)]]",
        killed_by=("three steps of a fallback",),
    ),
    Mutation(
        "a hop goes over sources of lower rank only",
        "rank_sources",
        "before[best[1]] = settled",
        "before[best[1]] = frozenset(scope.sources) - {best[1]}",
        killed_by=(
            "the order and item trap",
            "three tables in the entity",
        ),
    ),
    Mutation(
        "a changed row beyond an outer join leaves a NULL-extended row behind",
        "_options",
        "yield own",
        "pass",
        killed_by=(
            "entity beyond an anti-join",
            "entity beyond a left join",
        ),
    ),
    Mutation(
        "an entity from the nullable side is looked for in the match, too",
        "_options",
        """\
if mentioned & join.sides[own]:
    yield MATCHED
""",
        "pass",
        killed_by=(
            "view read twice",
            "entity that takes NULL from a left join",
        ),
    ),
    Mutation(
        "a full join leaves the other side NULL, too",
        "_options",
        """\
if join.nullable[1 - own]:
    yield 1 - own
""",
        "pass",
        killed_by=("correlated subquery in on of a full join",),
    ),
    Mutation(
        "an entity that another join may leave NULL has a route for that case",
        "_options",
        "yield from arms",
        "pass",
        killed_by=(
            "entity beyond a left join",
            "entity beyond an anti-join",
        ),
    ),
    Mutation(
        "a row with NULLs was not asked for the ON of its join",
        "JoinState.null_sources",
        """\
if q.join is not None and self.by_join.get(q.join) != MATCHED and not self._witnessed(q.join):
    return None
""",
        "pass",
        killed_by=("condition on the preserved side in on",),
    ),
    Mutation(
        "only a strict condition turns an outer join into an inner one",
        "strict_refs",
        """\
(isinstance(test, exp.Is)
and isinstance(test.expression, exp.Null)
and negated != bool(test.args.get("negate")))
""",
        """\
(isinstance(test, exp.Is)
and isinstance(test.expression, exp.Null))
""",
        killed_by=("entity beyond an anti-join",),
    ),
    Mutation(
        "a function that takes NULL is not strict",
        "_PASSING_NULL",
        "(exp.Paren, exp.Cast, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Collate)",
        (
            "(exp.Anonymous, exp.Paren, exp.Cast, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, "
            "exp.Mod, exp.Collate)"
        ),
        killed_by=("entity that takes NULL from a left join",),
    ),
    Mutation(
        "equal numerics are not the same value",
        "IDENTICAL",
        """\
{
    "smallint",
    "integer",
    "bigint",
    "oid",
    "uuid",
    "boolean",
    "date",
    "timestamp without time zone",
    "timestamp with time zone",
}
""",
        """\
{
    "smallint",
    "numeric",
    "integer",
    "bigint",
    "oid",
    "uuid",
    "boolean",
    "date",
    "timestamp without time zone",
    "timestamp with time zone",
}
""",
        killed_by=("equal is not identical",),
    ),
    Mutation(
        "only an equality of identical types carries the value itself",
        "Equivalences._carry",
        "value.exact and q.identical",
        "value.exact",
        killed_by=("equal is not identical",),
    ),
    Mutation(
        "a group's value is equal to the row's, no more",
        "converted",
        "replace(value, exact=False, hops=frozenset[str]())",
        "replace(value, hops=frozenset[str]())",
        killed_by=(
            "text of a group",
            "text of a union",
        ),
    ),
    Mutation(
        "a cast to text is not the column itself",
        "side_of",
        """\
if isinstance(at, exp.Column) and types.get(next(iter(refs))) not in TEXTS:
    return Side(tree, refs, None)
""",
        "pass",
        killed_by=("join by a cast",),
    ),
    Mutation(
        "NOT IN: rows with NULL on the left change when the set becomes empty",
        "_matches",
        "not never_null(left, scope.sources, scope.joins)",
        "False",
        killed_by=(
            "not in",
            "in as a value",
        ),
    ),
    Mutation(
        "NOT IN: a NULL that appears changes every row",
        "_matches",
        "source.body is None or not output_never_null(source.body, n)",
        "False",
        killed_by=(
            "in as a value",
            "not in",
        ),
    ),
    Mutation(
        "NOT IN is not IN",
        "compare",
        "positive = not isinstance(test, exp.NEQ)",
        """\
positive = True
root = test
""",
        killed_by=(
            "not in",
            "in as a value",
        ),
    ),
    Mutation(
        "NOT IN: a row that changed itself does not show that the set was not empty",
        "_emptied",
        """\
exp.Select(
    expressions=[exp.Literal.number(1)],
    from_=exp.From(this=exp.Subquery(this=body.select.copy(), alias=alias)),
).where(
    exp.Not(this=exp.Is(this=kept, expression=exp.Null())),
    exp.Not(this=exp.In(this=kept.copy(), query=exp.Subquery(this=changed))),
    copy=False,
)
""",
        """\
exp.Select(
    expressions=[exp.Literal.number(1)],
    from_=exp.From(this=exp.Subquery(this=body.select.copy(), alias=alias)),
).where(
    exp.Not(this=exp.Is(this=kept, expression=exp.Null())),
    copy=False,
)
""",
        killed_by=("not in a filtered set", "not in a set that is hardly ever empty"),
    ),
    Mutation(
        "NOT IN: what else decides about the set's rows may have changed",
        "_emptied",
        "not isinstance(body, Scope) or body.select is None or source.outer or len(body.sources) > 1",
        "not isinstance(body, Scope) or body.select is None or source.outer",
        killed_by=("not in a set of two tables that share its value",),
    ),
    Mutation(
        "what is NULL beyond an outer join was not NULL to a subquery inside of that side",
        "JoinState._refuses_null",
        "self._within(q, side)",
        "False",
        killed_by=("entity from inside of a nullable side",),
    ),
    Mutation(
        "a subquery may find something for the NULLs that an outer join leaves",
        "placed",
        "q.strict",
        "q.sources",
        killed_by=("null-safe subquery beyond a left join", "subquery that takes NULL from a left join"),
    ),
    Mutation(
        "rows without a match are asked for by the whole ON",
        "compiled",
        """\
if others:
    ...
""",
        """\
if False:
    ...
""",
        killed_by=("window of a left join on a subquery",),
    ),
    Mutation(
        "a window lets a row change its whole partition",
        "routes_of",
        "zip(scope.partitions, scope.windows, plan.partitions, strict=True)",
        "()",
        killed_by=(
            "two windows",
            "window building on another",
        ),
    ),
    Mutation(
        "a partition whose key is NULL is a partition",
        "partition_branches",
        "exp.Is(this=enclosed(key), expression=exp.Null())",
        "exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(2))",
        killed_by=(
            "two windows",
            "window building on another",
        ),
    ),
    Mutation(
        "several keys that may be NULL are compared as GROUP BY does",
        "agree",
        "exp.EQ if strict else exp.NullSafeEQ",
        "exp.EQ",
        killed_by=("window by two columns that may be NULL",),
    ),
    Mutation(
        "the old and the new row of a partition: its rows are looked up anew",
        "Plan.second_instance",
        "second_instance(self.scope)",
        "self.scope",
        killed_by=("window beyond a join",),
    ),
    Mutation(
        "a named window has its partition",
        "Builder._partitions",
        'tuple(window.args.get("partition_by") or ()) or keys',
        "keys or tuple(tree.expressions[0].find_all(exp.Column))",
        killed_by=(
            "window building on another",
            "named window",
        ),
    ),
    Mutation(
        "DISTINCT ON chooses among the rows of its keys",
        "Builder._select",
        'partitions.append(self._distinct_on(tuple(distinct.args["on"].expressions)))',
        "pass",
        killed_by=("distinct on, another entity",),
    ),
    Mutation(
        "DISTINCT ON over windows",
        "Builder._select",
        "bool(partitions)",
        "False",
        killed_by=("distinct on over a window",),
    ),
    Mutation(
        "LIMIT lets any row come or go",
        "shared",
        """\
if scope.limit is not None:
    return {}, [scope.limit]
""",
        "pass",
        killed_by=(
            "limit over many",
            "limit",
        ),
    ),
    Mutation(
        "LIMIT around a set operation",
        "_from_arm",
        "body.limit is not None",
        "False",
        killed_by=("limit around a union",),
    ),
    Mutation(
        "a set operation merges equal rows",
        "_from_arm",
        "merged(alike) if body.distinct else alike",
        "alike",
        killed_by=("text of a union",),
    ),
    Mutation(
        "every arm of a set operation is walked",
        "_of_arms",
        """\
for part, routes in zip(body.arms, arms, strict=True):
    ...
""",
        """\
for part, routes in zip(body.arms[:1], arms):
    ...
""",
        killed_by=(
            "cube",
            "rollup of two tables",
        ),
    ),
    Mutation(
        "a whole row is every column",
        "refs_of",
        "WHOLE_ROW",
        "'id'",
        killed_by=("whole row",),
    ),
    Mutation(
        "of two routes the wider is kept",
        "Statement.includes",
        "self.conditions <= other.conditions",
        "self.conditions >= other.conditions",
        killed_by=(
            "not equal to all of each",
            "view read twice",
        ),
    ),
    Mutation(
        "a grouping set leaves the other keys NULL",
        "_replace",
        "text not in present",
        "False",
        killed_by=(
            "cube",
            "rollup of two tables",
        ),
    ),
    Mutation(
        "grouping() is a constant of its set",
        "_replace",
        "exp.Literal.number(number)",
        "exp.Literal.number(0)",
        killed_by=(
            "cube",
            "rollup of two",
        ),
    ),
    Mutation(
        "a recursion goes on to the rows that follow",
        "closure_over",
        'alias = f"{body.itself}$affected"',
        """\
return fragment, {n: value for n, value in values.items() if n in seeds}
alias = f"{body.itself}$affected"
""",
        killed_by=(
            "tree with paths",
            "tree joined",
        ),
    ),
    Mutation(
        "a changed step may not visit the recursion's own rows",
        "step_alone",
        "replace(body.step.sources[body.itself], item=None)",
        "replace(body.step.sources[body.itself])",
        killed_by=("tree, root and node",),
    ),
    Mutation(
        "only what every step hands on unchanged is known from the first change",
        "_carried",
        (
            "isinstance(output, exp.Column) and output.table == itself.uid and output.name == "
            "itself.columns[n]"
        ),
        "True",
        killed_by=(
            "tree, root and node",
            "step with a left join",
        ),
    ),
    Mutation(
        "a recursion of each row around is followed back over every step",
        "_steps_back",
        "body.step.outputs",
        "scope.outputs",
        killed_by=("breadcrumbs", "subtree of each"),
    ),
    Mutation(
        "a row of a query beside may be found by a NULL",
        "_through_its_rows",
        "not any(isinstance(q.tree, exp.NullSafeEQ) for q in path.conjuncts)",
        "True",
        killed_by=("null-safe beside a query of each",),
    ),
    Mutation(
        "what is asked of an aggregate of a query beside is not asked of its rows",
        "_through_its_rows.asked",
        """\
{
    Ref(source.uid, name): body.outputs[n]
    for n, name in enumerate(source.columns[: len(body.outputs)])
    if body.bindable[n]
}
""",
        """\
{
    Ref(source.uid, name): body.outputs[n]
    for n, name in enumerate(source.columns[: len(body.outputs)])
}
""",
        killed_by=("asked of an aggregate of each",),
    ),
    Mutation(
        "an aggregate of a query beside does not say which of its rows it is of",
        "_rows_of_select",
        """\
[
    agree(body.outputs[n], value, strict=strict) for n, value in known.items() if body.bindable[n]
]
""",
        """\
[
    agree(body.outputs[n], value, strict=strict) for n, value in known.items()
]
""",
        killed_by=("by the number among each",),
    ),
    Mutation(
        "every arm of a query beside is looked into",
        "joined",
        "chain.from_iterable(arms)",
        "chain.from_iterable(list(arms)[:1])",
        killed_by=("a union of each",),
    ),
    Mutation(
        "the row before a step may be NULL where a subquery of the step asks for it",
        "_strict",
        "scopes_of(body.step)",
        "(body.step,)",
        killed_by=("subtree of each while null-safe",),
    ),
)
"""Without one of these an entity is missed: a feed would go stale."""
