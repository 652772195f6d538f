"""Rules of soundness about conditions and NULLs: without one an entity is missed."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

SOUND_CONDITIONS = (
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
        "state is None or (state == n and self.changed in side and join not in self.also_matched)",
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
        "yield from nullable",
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
        "a whole row is every column",
        "refs_of",
        "WHOLE_ROW",
        "'id'",
        killed_by=("whole row",),
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
        "every arm of a query beside is looked into",
        "joined",
        "chain.from_iterable(arms)",
        "chain.from_iterable(list(arms)[:1])",
        killed_by=("a union of each",),
    ),
)
