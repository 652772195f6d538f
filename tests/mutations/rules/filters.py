"""Rules of the conditions that move into capture, and a change of its text that takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

FILTERED = (
    Mutation(
        "labels of an enum are not compared by order",
        "_Reader._comparison",
        'operator in {"=", "<>"} and self._is_of(name, right)',
        "self._is_of(name, right)",
        killed_by=("test_filters",),
    ),
    Mutation(
        "labels are of the column's own enum",
        "_Reader._comparison",
        'operator in {"=", "<>"} and self._is_of(name, right)',
        'operator in {"=", "<>"}',
        killed_by=("test_filters",),
    ),
    Mutation(
        "a column cast to a type of another family is another value",
        "_Reader._is",
        "not type_.expressions and comparable(self._type(name), TYPES[type_.this])",
        "not type_.expressions",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a condition above an outer join may see NULLs in place of the row: it is no filter of it",
        "keeps_out",
        """\
if join.nullable[n] and not within:
    return False  # above the join: the condition may see NULLs instead of the row
""",
        """\
if join.nullable[n] and not within:
    pass  # above the join: the condition may see NULLs instead of the row
""",
        killed_by=("test_filters",),
    ),
    Mutation(
        "the ON of an outer join filters no row of the side that it keeps",
        "keeps_out",
        """\
if q.join is join and join.nullable[1 - n]:
    return False  # this join keeps the row without a match
""",
        """\
if q.join is join and join.nullable[1 - n]:
    pass  # this join keeps the row without a match
""",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a condition inside of the nullable side filters it",
        "keeps_out",
        "q.join is join or (q.span is not None and q.span <= join.sides[n])",
        "q.join is join",
        killed_by=("test_filters",),
    ),
    Mutation(
        "of an OR all is moved or nothing",
        "_Reader.implied",
        "len(known) == len(operands)",
        "known",
        killed_by=("test_filters",),
    ),
    Mutation(
        "of an AND whatever can be said is moved",
        "_Reader.implied",
        "all_of(parts) if parts else None",
        "all_of(parts) if len(parts) == 2 else None",
        killed_by=("test_filters",),
    ),
    Mutation(
        "what is negated must be read exactly",
        "_Reader._exact",
        "self._exact(tree.this)",
        "self.implied(tree.this)",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a constant on the left changes the operator over",
        "_Reader._comparison",
        "operators[1]",
        "operators[0]",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a column is compared with constants of its own family alone",
        "_Reader._comparison",
        "comparable(self._type(name), type_) and (self._moments or type_ not in _MOMENTS)",
        "self._moments or type_ not in _MOMENTS",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a constant that PostgreSQL made of 'today' is not moved",
        "names_moments",
        "_RELATIVE.search(query) is not None",
        "False",
        killed_by=("test_filters",),
    ),
    Mutation(
        "<> ANY is not NOT IN",
        "_constants",
        'isinstance(array, exp.Array) and array.expressions and operator == ("<>" if every else "=")',
        "isinstance(array, exp.Array) and array.expressions",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a table that is read where the analysis does not look is captured whole",
        "_routed",
        "found.filters.append(None)",
        "pass",
        killed_by=("test_filters",),
    ),
    Mutation(
        "a wider condition stands for a narrower one of an OR",
        "any_of",
        "not any(_narrower(part, other) for other in parts)",
        "True",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "conditions are joined flat",
        "_joined",
        "part.parts if isinstance(part, kind) else (part,)",
        "(part,)",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "conditions are joined in one order",
        "_joined",
        "sorted(flat, key=dumps)",
        "sorted(flat, key=dumps, reverse=True)",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "a negated comparison has the opposite operator",
        "negated",
        "NEGATED[condition.operator]",
        "condition.operator",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "a negated test for NULL is its opposite",
        "negated",
        "NullTest(condition.column, not condition.negated)",
        "condition",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "a negated AND is an OR",
        "negated",
        "any_of",
        "all_of",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "a negated OR is an AND",
        "negated",
        "all_of",
        "any_of",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "a column compares with constants of its own family",
        "comparable",
        "family is not None and family == _FAMILIES.get(type_)",
        "family is not None",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "a type of no known family compares with nothing",
        "comparable",
        "family is not None and family == _FAMILIES.get(type_)",
        "family == _FAMILIES.get(type_)",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "each part of a condition fits the table",
        "fits",
        "all",
        "any",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "a test for NULL needs its column",
        "fits",
        "condition.column in types",
        "True",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "a condition names the columns of its parts",
        "columns_of",
        "yield from columns_of(part)",
        "return",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "a quote inside of a constant is doubled",
        "text",
        'value.replace("\'", "\'\'")',
        "value",
        killed_by=("test_condition_forms",),
    ),
    Mutation(
        "an OR inside of an AND is in parentheses",
        "text",
        'f"({text(part)})" if isinstance(part, AnyOf) else text(part)',
        "text(part)",
        killed_by=("test_condition_forms",),
    ),
)
"""Rules of the conditions that move into capture: without one a filter is another than a test says."""
