"""Rules of soundness, and a change of its text that takes each out: without it an entity is missed."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

SOUND = (
    Mutation(
        "the case of a witness stands for that of a match, too",
        "cases",
        "                if state is None or (state == arm and self.changed in side):\n",
        "                if state is None:\n",
        killed_by=("where on the nullable side",),
    ),
    Mutation(
        "COALESCE goes on behind a column that may be NULL",
        "seen",
        "        certain = isinstance(first, exp.Column) and refs_of(first) <= frozenset(not_null)\n",
        "        certain = isinstance(first, exp.Column)\n",
        killed_by=("fallback without an outer join",),
    ),
    Mutation(
        "a row without an override is found by the default",
        "seen",
        "arms = [[_with(q.tree, call, first)], [_with(q.tree, call, other), absent]]",
        "arms = [[_with(q.tree, call, first)]]",
        killed_by=("three steps of a fallback",),
    ),
    Mutation(
        "a hop goes over sources of lower rank only",
        "ranks",
        "before[best[1]] = settled",
        "before[best[1]] = frozenset(scope.sources) - {best[1]}",
        killed_by=(
            "the order and item trap",
            "three tables in the entity",
        ),
    ),
    Mutation(
        "a changed row beyond an outer join leaves a NULL-extended row behind",
        "cases",
        "        yield own\n",
        "",
        killed_by=(
            "entity beyond an anti-join",
            "entity beyond a left join",
        ),
    ),
    Mutation(
        "an entity from the nullable side is looked for in the match, too",
        "cases",
        "        if mentioned & join.sides[own]:\n            yield MATCHED\n",
        "",
        killed_by=(
            "view read twice",
            "entity that takes NULL from a left join",
        ),
    ),
    Mutation(
        "a full join leaves the other side NULL, too",
        "cases",
        "        if join.nullable[1 - own]:\n            yield 1 - own\n",
        "",
        killed_by=("correlated subquery in on of a full join",),
    ),
    Mutation(
        "an entity that another join may leave NULL has a route for that case",
        "cases",
        "        yield from arms\n",
        "",
        killed_by=(
            "entity beyond a left join",
            "entity beyond an anti-join",
        ),
    ),
    Mutation(
        "a row with NULLs was not asked for the ON of its join",
        "cases",
        "        if q.join is not None and self.states.get(q.join) != MATCHED and not "
        "self._witnessed(q.join):\n"
        "            return None\n",
        "",
        killed_by=("condition on the preserved side in on",),
    ),
    Mutation(
        "only a strict condition turns an outer join into an inner one",
        "conjuncts",
        '        and negated != bool(test.args.get("negate"))\n',
        "",
        killed_by=("entity beyond an anti-join",),
    ),
    Mutation(
        "a function that takes NULL is not strict",
        "conjuncts",
        "_PASSING_NULL = (exp.Paren,",
        "_PASSING_NULL = (exp.Anonymous, exp.Paren,",
        killed_by=("entity that takes NULL from a left join",),
    ),
    Mutation(
        "equal numerics are not the same value",
        "conjuncts",
        '        "smallint",\n',
        '        "smallint",\n        "numeric",\n',
        killed_by=("equal is not identical",),
    ),
    Mutation(
        "only an equality of identical types carries the value itself",
        "known",
        "        exact = value.exact and q.identical\n",
        "        exact = value.exact\n",
        killed_by=("equal is not identical",),
    ),
    Mutation(
        "a group's value is equal to the row's, no more",
        "following",
        "    return {n: replace(value, exact=False, hops",
        "    return {n: replace(value, hops",
        killed_by=(
            "text of a group",
            "text of a union",
        ),
    ),
    Mutation(
        "a cast to text is not the column itself",
        "conjuncts",
        "        if isinstance(at, exp.Column) and types.get(next(iter(refs))) not in TEXTS:\n"
        "            return Side(tree, refs, None)\n",
        "",
        killed_by=("join by a cast",),
    ),
    Mutation(
        "NOT IN: rows with NULL on the left change when the set becomes empty",
        "membership",
        "    if not never_null(left, scope.sources, scope.joins):\n",
        "    if False:\n",
        killed_by=(
            "not in",
            "in as a value",
        ),
    ),
    Mutation(
        "NOT IN: a NULL that appears changes every row",
        "membership",
        "    if source.body is None or not output_never_null(source.body, n):\n",
        "    if False:\n",
        killed_by=(
            "in as a value",
            "not in",
        ),
    ),
    Mutation(
        "NOT IN is not IN",
        "subqueries",
        "    positive = not isinstance(test, exp.NEQ)\n",
        "    positive = True\n    root = test\n",
        killed_by=(
            "not in",
            "in as a value",
        ),
    ),
    Mutation(
        "NOT IN: a row that changed itself does not show that the set was not empty",
        "membership",
        "            exp.Not(this=exp.In(this=kept.copy(), query=exp.Subquery(this=changed))),\n",
        "",
        killed_by=("not in a filtered set", "not in a set that is hardly ever empty"),
    ),
    Mutation(
        "NOT IN: what else decides about the set's rows may have changed",
        "membership",
        " or len(body.sources) > 1:\n",
        ":\n",
        killed_by=("not in a set of two tables that share its value",),
    ),
    Mutation(
        "what is NULL beyond an outer join was not NULL to a subquery inside of that side",
        "cases",
        "        if self._within(q, side):\n            return False",
        "        if False:\n            return False",
        killed_by=("entity from inside of a nullable side",),
    ),
    Mutation(
        "a subquery may find something for the NULLs that an outer join leaves",
        "walk",
        "        strict=q.strict,\n",
        "        strict=q.sources,\n",
        killed_by=("null-safe subquery beyond a left join", "subquery that takes NULL from a left join"),
    ),
    Mutation(
        "rows without a match are asked for by the whole ON",
        "following",
        "        if others:  #",
        "        if False:  #",
        killed_by=("window of a left join on a subquery",),
    ),
    Mutation(
        "a window lets a row change its whole partition",
        "effects",
        "    for keys, window, before in zip(scope.siblings, scope.windows, plan.siblings, strict=True):\n",
        "    for keys, window, before in ():\n",
        killed_by=(
            "two windows",
            "window building on another",
        ),
    ),
    Mutation(
        "a partition whose key is NULL is a partition",
        "siblings",
        "    both_null.tree = exp.Is(this=enclosed(key), expression=exp.Null())\n",
        "    both_null.tree = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(2))\n",
        killed_by=(
            "two windows",
            "window building on another",
        ),
    ),
    Mutation(
        "several keys that may be NULL are compared as GROUP BY does",
        "siblings",
        "    kind = exp.EQ if strict else exp.NullSafeEQ\n",
        "    kind = exp.EQ\n",
        killed_by=("window by two columns that may be NULL",),
    ),
    Mutation(
        "the old and the new row of a partition: its rows are looked up anew",
        "following",
        "        return again(self.scope)\n",
        "        return self.scope\n",
        killed_by=("window beyond a join",),
    ),
    Mutation(
        "a named window has its partition",
        "build",
        '                    keys = tuple(window.args.get("partition_by") or ()) or keys\n',
        "                    keys = keys or tuple(tree.expressions[0].find_all(exp.Column))\n",
        killed_by=(
            "window building on another",
            "named window",
        ),
    ),
    Mutation(
        "DISTINCT ON chooses among the rows of its keys",
        "build",
        '            partitions.append(self._distinct_on(tuple(distinct.args["on"].expressions)))\n',
        "            pass\n",
        killed_by=("distinct on, another entity",),
    ),
    Mutation(
        "DISTINCT ON over windows",
        "build",
        "            chained = bool(partitions)\n",
        "            chained = False\n",
        killed_by=("distinct on over a window",),
    ),
    Mutation(
        "LIMIT lets any row come or go",
        "following",
        "    if scope.limit is not None:\n        return {}, [scope.limit]\n",
        "",
        killed_by=(
            "limit over many",
            "limit",
        ),
    ),
    Mutation(
        "LIMIT around a set operation",
        "walk",
        "        if body.limit is not None:\n",
        "        if False:\n",
        killed_by=("limit around a union",),
    ),
    Mutation(
        "a set operation merges equal rows",
        "walk",
        "        elif body.distinct:\n            values = merged(values)\n",
        "        elif body.distinct:\n            pass\n",
        killed_by=("text of a union",),
    ),
    Mutation(
        "every arm of a set operation is walked",
        "walk",
        "    for part in body.arms:\n",
        "    for part in body.arms[:1]:\n",
        killed_by=(
            "cube",
            "rollup of two tables",
        ),
    ),
    Mutation(
        "a whole row is every column",
        "scopes",
        "Ref(node.table, WHOLE_ROW if isinstance(node.this, exp.Star) else node.name)",
        "Ref(node.table, 'id' if isinstance(node.this, exp.Star) else node.name)",
        killed_by=("whole row",),
    ),
    Mutation(
        "of two routes the wider is kept",
        "fragments",
        "self.conditions <= other.conditions",
        "self.conditions >= other.conditions",
        killed_by=(
            "not equal to all of each",
            "view read twice",
        ),
    ),
    Mutation(
        "a grouping set leaves the other keys NULL",
        "groups",
        "            if text not in present:\n",
        "            if False:\n",
        killed_by=(
            "cube",
            "rollup of two tables",
        ),
    ),
    Mutation(
        "grouping() is a constant of its set",
        "groups",
        "            child.replace(exp.Literal.number(number))\n",
        "            child.replace(exp.Literal.number(0))\n",
        killed_by=(
            "cube",
            "rollup of two",
        ),
    ),
    Mutation(
        "a recursion goes on to the rows that follow",
        "closures",
        '    alias = f"{body.itself}$affected"\n',
        "    return fragment, {n: value for n, value in values.items() if n in seeds}\n"
        '    alias = f"{body.itself}$affected"\n',
        killed_by=(
            "tree with paths",
            "tree joined",
        ),
    ),
    Mutation(
        "a changed step may not visit the recursion's own rows",
        "closures",
        "replace(body.step.sources[body.itself], item=None)",
        "replace(body.step.sources[body.itself])",
        killed_by=("tree, root and node",),
    ),
    Mutation(
        "only what every step hands on unchanged is known from the first change",
        "walk",
        "    return isinstance(output, exp.Column) and output.table == itself.uid and "
        "output.name == itself.columns[n]\n",
        "    return True\n",
        killed_by=(
            "tree, root and node",
            "step with a left join",
        ),
    ),
    Mutation(
        "a recursion of each row around is followed back over every step",
        "beginnings",
        "        agree(body.step.outputs[n], _value(",
        "        agree(scope.outputs[n], _value(",
        killed_by=("breadcrumbs", "subtree of each"),
    ),
    Mutation(
        "a row of a query beside may be found by a NULL",
        "beginnings",
        "    strict = not any(isinstance(q.tree, exp.NullSafeEQ) for q in reach.conjuncts)\n",
        "    strict = True\n",
        killed_by=("null-safe beside a query of each",),
    ),
    Mutation(
        "what is asked of an aggregate of a query beside is not asked of its rows",
        "beginnings",
        "            if body.bindable[n]\n        }\n",
        "        }\n",
        killed_by=("asked of an aggregate of each",),
    ),
    Mutation(
        "an aggregate of a query beside does not say which of its rows it is of",
        "beginnings",
        "for n, value in known.items() if body.bindable[n]",
        "for n, value in known.items()",
        killed_by=("by the number among each",),
    ),
    Mutation(
        "every arm of a query beside is looked into",
        "beginnings",
        "        for arm in body.arms:\n",
        "        for arm in body.arms[:1]:\n",
        killed_by=("a union of each",),
    ),
    Mutation(
        "the row before a step may be NULL where a subquery of the step asks for it",
        "beginnings",
        "for scope in scopes_of(body.step) for q",
        "for scope in (body.step,) for q",
        killed_by=("subtree of each while null-safe",),
    ),
)
"""Without one of these an entity is missed: a feed would go stale."""
