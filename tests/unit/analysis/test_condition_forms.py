"""What the closed form of conditions leaves out, and what it takes as one."""

from __future__ import annotations

from cdc_daemon.analysis.model.conditions import (
    AllOf,
    AnyOf,
    Comparison,
    NullTest,
    all_of,
    any_of,
    columns_of,
    comparable,
    dumps,
    fits,
    loads,
    negated,
    text,
)


def test_of_conditions_joined_by_or_the_wider_one_stands_for_a_narrower() -> None:
    a, b = Comparison("a", "=", "int4", ("1",)), NullTest("b")

    assert any_of([all_of([a, b]), a]) == a
    assert any_of([b, a]) == AnyOf((a, b))


def test_conditions_of_one_kind_are_joined_flat_and_in_one_order() -> None:
    a, b, c = (NullTest(name) for name in "abc")

    assert all_of([c, all_of([b, a])]) == AllOf((a, b, c))
    assert all_of([a, a]) == a


def test_the_opposite_of_a_condition() -> None:
    below, missing = Comparison("a", "<", "int4", ("1",)), NullTest("b")

    assert negated(below) == Comparison("a", ">=", "int4", ("1",))
    assert negated(missing) == NullTest("b", negated=True)
    assert negated(all_of([below, missing])) == any_of([negated(below), negated(missing)])
    assert negated(any_of([below, missing])) == all_of([negated(below), negated(missing)])


def test_a_column_compares_with_constants_of_its_own_family_alone() -> None:
    assert comparable("bigint", "int2")
    assert comparable("character varying", "text")
    assert not comparable("date", "timestamptz")
    assert not comparable("numeric", "int4")
    assert not comparable("shop.size", "text")
    assert not comparable("point", "point")


def test_a_condition_fits_a_table_that_still_has_its_columns_with_types_of_their_kind() -> None:
    condition = all_of([Comparison("a", "=", "int4", ("73",)), NullTest("b")])
    assert fits(condition, {"a": "bigint", "b": "shop.size"})
    assert not fits(condition, {"a": "text", "b": "text"})
    assert not fits(condition, {"a": "integer"})
    assert not fits(condition, {"b": "text"})


def test_a_condition_names_the_columns_of_all_its_parts() -> None:
    assert set(columns_of(all_of([NullTest("a"), any_of([NullTest("b"), NullTest("c")])]))) == {"a", "b", "c"}


def test_a_condition_reads_as_people_write_it() -> None:
    name, number = Comparison("Name", "=", "text", ("O'Neil",)), Comparison("n", "<>", "int4", ("1", "2"))

    assert text(name) == "\"Name\" = 'O''Neil'"
    assert text(number) == "n NOT IN (1, 2)"
    nested = all_of([NullTest("a"), any_of([NullTest("b"), NullTest("c")])])
    assert text(nested) == "a IS NULL AND (b IS NULL OR c IS NULL)"


def test_what_is_remembered_is_the_condition_with_all_that_it_says() -> None:
    for condition in (
        NullTest("a", negated=True),
        Comparison("a", "=", "int4", ("1", "2")),
        all_of([NullTest("a"), NullTest("b")]),
        any_of([NullTest("a"), NullTest("b")]),
    ):
        assert loads(dumps(condition)) == condition
