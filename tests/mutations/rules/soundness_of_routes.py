"""Rules of soundness about the way of a route: without one an entity is missed."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

SOUND_ROUTES = (
    Mutation(
        "a value that is equal may have other bytes",
        "merged",
        "value.exact and _identical(value)",
        "value.exact",
        killed_by=("text of a group",),
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
        "the row before a step may be NULL where a subquery of the step asks for it",
        "_strict",
        "scopes_of(body.step)",
        "(body.step,)",
        killed_by=("subtree of each while null-safe",),
    ),
)
