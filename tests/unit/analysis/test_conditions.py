"""The closed form of conditions: one spelling for one condition, and back from what an install remembers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.analysis.model.conditions import (
    NEGATED,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    NullTest,
    all_of,
    any_of,
    columns_of,
    dumps,
    loads,
    negated,
    text,
)

COLUMNS = ("a", "b", 'c "d"')
Row = dict[str, int | None]

comparisons = st.builds(
    lambda column, operator, values: Comparison(
        column, operator, "int4", tuple(sorted(map(str, values if operator in ("=", "<>") else values[:1])))
    ),
    st.sampled_from(COLUMNS),
    st.sampled_from(sorted(NEGATED)),
    st.lists(st.integers(-2, 2), min_size=1, max_size=3, unique=True),
)
leaves = st.one_of(comparisons, st.builds(NullTest, st.sampled_from(COLUMNS), st.booleans()))
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda parts: st.sampled_from([all_of(parts), any_of(parts)])
    ),
)
rows = st.fixed_dictionaries({column: st.none() | st.integers(-2, 2) for column in COLUMNS})


def value(condition: Condition, row: Row) -> bool | None:
    """True, false or NULL, as SQL has it."""
    match condition:
        case Comparison():
            left = row[condition.column]
            if left is None:
                return None
            found = [_compare(left, condition.operator, int(right)) for right in condition.values]
            return any(found) if condition.operator == "=" else all(found)
        case NullTest():
            return (row[condition.column] is None) != condition.negated
        case AllOf():
            return _three_valued([value(part, row) for part in condition.parts], decisive=False)
        case AnyOf():
            return _three_valued([value(part, row) for part in condition.parts], decisive=True)


def _compare(left: int, operator: str, right: int) -> bool:
    return {
        "=": left == right,
        "<>": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


def _three_valued(found: list[bool | None], *, decisive: bool) -> bool | None:
    if decisive in found:
        return decisive
    return None if None in found else not decisive


@given(conditions)
def test_what_is_remembered_is_the_condition(condition: Condition) -> None:
    assert loads(dumps(condition)) == condition
    assert set(columns_of(condition)) <= set(COLUMNS)
    assert text(condition)


@given(st.lists(conditions, min_size=1, max_size=4), rows)
def test_the_order_in_which_conditions_are_joined_makes_no_difference(
    parts: list[Condition], row: Row
) -> None:
    for join, decisive in ((all_of, False), (any_of, True)):
        joined = join(parts)
        assert joined == join(reversed(parts))
        assert value(joined, row) is _three_valued([value(part, row) for part in parts], decisive=decisive)


@given(conditions, rows)
def test_a_negated_condition_is_true_where_the_other_is_false(condition: Condition, row: Row) -> None:
    assert (value(negated(condition), row) is True) == (value(condition, row) is False)
