"""Rules of the conditions that move into capture, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

FILTERED = (
    Mutation(
        "a condition above an outer join may see NULLs in place of the row: it is no filter of it",
        "filters",
        "            if join.nullable[arm] and not within:\n                return False",
        "            if join.nullable[arm] and not within:\n                pass",
        killed_by=("test_filters",),
    ),
    Mutation(
        "the ON of an outer join filters no row of the side that it keeps",
        "filters",
        "            if q.join is join and join.nullable[1 - arm]:\n                return False",
        "            if q.join is join and join.nullable[1 - arm]:\n                pass",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a condition inside of the nullable side filters it",
        "filters",
        "within = q.join is join or (q.span is not None and q.span <= join.sides[arm])",
        "within = q.join is join",
        killed_by=("test_filters",),
    ),
    Mutation(
        "of an OR all is moved or nothing",
        "filters",
        "            return any_of(known) if len(known) == len(arms) else None\n",
        "            return any_of(known) if known else None\n",
        killed_by=("test_filters",),
    ),
    Mutation(
        "of an AND whatever can be said is moved",
        "filters",
        "            return all_of(parts) if parts else None\n",
        "            return all_of(parts) if len(parts) == 2 else None\n",
        killed_by=("test_filters",),
    ),
    Mutation(
        "what is negated must be read exactly",
        "filters",
        "            condition = self._exact(tree.this)\n",
        "            condition = self.implied(tree.this)\n",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a constant on the left changes the operator over",
        "filters",
        "            (tree.expression, tree.this, operators[1]),\n",
        "            (tree.expression, tree.this, operators[0]),\n",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a column is compared with constants of its own family alone",
        "filters",
        "            if comparable(self._type(name), type_) and (self._moments",
        "            if (self._moments",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a constant that PostgreSQL made of 'today' is not moved",
        "filters",
        "    return _RELATIVE.search(query) is not None\n",
        "    return False\n",
        killed_by=("test_filters",),
    ),
    Mutation(
        "<> ANY is not NOT IN",
        "filters",
        'and operator == ("<>" if every else "=")',
        "",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a table that is read where the analysis does not look is captured whole",
        "analyse",
        "            found.filters.append(None)\n",
        "            pass\n",
        killed_by=("test_filters",),
    ),
)
"""Rules of the conditions that move into capture: without one a filter is another than a test says."""
