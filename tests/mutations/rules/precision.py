"""Rules of precision, and a change of its text that takes each out: without it too many are recomputed."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

PRECISE = (
    Mutation(
        "subqueries in HAVING and ORDER BY are read",
        "build",
        '    clauses = ("group", "having", "order", "distinct", "limit", "offset")\n',
        '    clauses = ("group", "order", "distinct", "limit", "offset")\n',
        killed_by=("scalar_subqueries",),
    ),
    Mutation(
        "an equality carries a value without a visit",
        "known",
        "        self._equal.setdefault(ref, carried)\n        if exact:\n",
        "        if exact:\n",
        killed_by=("inner_joins",),
    ),
    Mutation(
        "a constant narrows the delta",
        "reach",
        "            if fragile or _selective(q.tree):\n",
        "            if fragile:\n",
        killed_by=("inner_joins",),
    ),
    Mutation(
        "what a subquery knows of outer columns leads out of it",
        "effects",
        "    for q in (*plan.open, *further):\n",
        "    for q in further:\n",
        killed_by=("semi_joins",),
    ),
    Mutation(
        "IN ties the outer value to the subquery's",
        "membership",
        "        return [Arm(conjuncts=tuple(_equal(source, left, value) for left, value, _ in known))]\n",
        "        return [Arm()]\n",
        killed_by=("semi_joins",),
    ),
    Mutation(
        "rows are compared member by member",
        "conjuncts",
        "        if len(left) == len(right) > 1:\n",
        "        if False:\n",
        killed_by=("inner_joins",),
    ),
    Mutation(
        "varchar as text is the same value",
        "conjuncts",
        'TEXTS = frozenset({"text", "character varying"})\n',
        "TEXTS = frozenset[str]()\n",
        killed_by=("values_of_types",),
    ),
    Mutation(
        "a partition that binds the entity already has no siblings",
        "effects",
        "            continue  # the whole partition has the values that were bound already\n",
        "            pass\n",
        killed_by=("windows",),
    ),
    Mutation(
        "WHERE on the nullable side makes an inner join of it",
        "build",
        "        joins = reduce_outer_joins(select.joins, select.conjuncts)\n",
        "        joins = select.joins\n",
        killed_by=("outer_joins",),
    ),
    Mutation(
        "a subquery in ON decides what matches",
        "from_items",
        "                side | subqueries if null else side\n",
        "                side\n",
        killed_by=("scalar_subqueries",),
    ),
    Mutation(
        "the step of a recursion is walked, not the base alone",
        "walk",
        "    yield from walk(step_alone(body), Wanted(every, every), seed)\n",
        "",
        killed_by=("recursion",),
    ),
    Mutation(
        "the base of a recursion is walked",
        "walk",
        "    yield from walk(body.base, Wanted(every, every), seed)\n",
        "",
        killed_by=("recursion",),
    ),
    Mutation(
        "a recursion of each row around is followed back to where it began",
        "walk",
        "    yield from walk(before, Wanted(every, every, frozenset()), step)\n",
        "",
        killed_by=("recursion",),
    ),
)
"""Without one of these no entity is missed, but more of them than need be are recomputed."""
