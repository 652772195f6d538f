"""IS NOT DISTINCT FROM is an equality: it carries values, and is looked up like one."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.plan import Route, RouteKind
from tests.support.analysis_fixtures import CATALOGUE, feed_query


def route(query: str) -> Route:
    """That of the first place where category is read."""
    occurrences = analyse(feed_query(query), CATALOGUE).occurrences
    return next(each for each in occurrences if each.alias == "c").routes[0]


def joined(condition: str) -> str:
    """The route for a condition as PostgreSQL prints it."""
    query = f"SELECT p.id, c.name FROM shop.product p JOIN shop.category c ON {condition}"
    return " ".join(route(query).sql.split())


def test_it_carries_the_value_of_the_key() -> None:
    assert joined("(NOT (c.parent_id IS DISTINCT FROM p.id))") == "SELECT delta.parent_id AS id FROM delta"


def test_its_two_cases_are_looked_up_apart() -> None:
    """No index serves IS NOT DISTINCT FROM itself."""
    query = """SELECT p.id, c.name FROM shop.product p
        JOIN shop.category c ON NOT (c.parent_id IS DISTINCT FROM p.category_id)"""
    found = route(query)
    assert " ".join(found.sql.split()) == (
        "SELECT p.id AS id FROM delta JOIN shop.product AS p ON ( delta.parent_id = p.category_id "
        "OR delta.parent_id IS NULL AND p.category_id IS NULL )"
    )
    assert [visit.columns for visit in found.visits] == [("category_id",)]


@pytest.mark.parametrize("condition", ["NOT (c.id IS DISTINCT FROM p.category_id)", "c.id = p.category_id"])
def test_where_one_side_is_never_null_it_is_a_plain_equality(condition: str) -> None:
    assert (
        joined(condition) == "SELECT p.id AS id FROM delta JOIN shop.product AS p ON delta.id = p.category_id"
    )


def test_such_an_equality_drops_rows_without_a_match() -> None:
    query = """SELECT p.id, c.name FROM shop.product p LEFT JOIN shop.category c ON c.id = p.category_id
        WHERE NOT (c.parent_id IS DISTINCT FROM p.id)"""
    assert route(query).sql.split() == ["SELECT", "delta.parent_id", "AS", "id", "FROM", "delta"]


def test_a_key_beyond_an_outer_join_may_be_null() -> None:
    """A category without a parent agrees with every product that has no store of its number."""
    query = """SELECT p.id, c.name FROM shop.product p LEFT JOIN shop.store s ON s.id = p.id
        JOIN shop.category c ON NOT (s.id IS DISTINCT FROM c.parent_id)"""
    assert route(query).kind is RouteKind.ALL


def test_rows_are_compared_column_by_column() -> None:
    assert joined("NOT (c.id IS DISTINCT FROM p.category_id OR c.name IS DISTINCT FROM p.sku)") == (
        "SELECT p.id AS id FROM delta JOIN shop.product AS p ON delta.id = p.category_id "
        "AND delta.name = p.sku"
    )


def test_another_negation_stays_one() -> None:
    assert "NOT" in joined("NOT (c.parent_id IS DISTINCT FROM p.category_id OR c.name = p.sku)")


RECURSIVE = """WITH RECURSIVE t(k) AS (SELECT c.{} FROM shop.category c
    UNION SELECT c.{} FROM t JOIN shop.category c ON {}) SELECT t.k FROM t"""


@pytest.mark.parametrize(
    ("derived", "may_be_null"),
    [
        ("SELECT c.id AS k FROM shop.category c", False),
        ("SELECT c.parent_id AS k FROM shop.category c", True),
        (RECURSIVE.format("id", "id", "c.parent_id = t.k"), False),
        (RECURSIVE.format("id", "parent_id", "c.id = t.k"), True),
        (RECURSIVE.format("parent_id", "id", "c.parent_id = t.k"), True),
    ],
)
def test_a_column_of_a_query_may_be_null_where_a_part_of_it_yields_null(
    derived: str, may_be_null: bool
) -> None:
    query = f"""SELECT p.id, d.k FROM shop.product p
        JOIN ({derived}) d ON NOT (p.category_id IS DISTINCT FROM d.k)"""
    assert ("IS NULL" in route(query).sql) is may_be_null
