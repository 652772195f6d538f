"""In a subquery a query may refer to the row around: from a table beside it, its rows say whose they are."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from tests.support.analysis_fixtures import CATALOGUE, feed_query

UNDER = "(SELECT c.id AS k FROM shop.category c WHERE c.parent_id = p.category_id) v"


def route(subquery: str, *, of: str = "o") -> str:
    """That of a table in a subquery over products."""
    query = f"SELECT p.id, ({subquery}) AS n FROM shop.product p"
    (occurrence,) = (each for each in analyse(feed_query(query), CATALOGUE).occurrences if each.alias == of)
    return " ".join(" AND ALSO ".join(found.sql for found in occurrence.routes).split())


def test_its_rows_are_looked_up_in_its_tables() -> None:
    assert route(f"SELECT count(*) FROM {UNDER} JOIN shop.orders o ON o.id = v.k") == (
        "SELECT p.id AS id FROM delta JOIN shop.category AS c ON c.id = delta.id "
        "JOIN shop.product AS p ON c.parent_id = p.category_id"
    )


@pytest.mark.parametrize(
    "subquery",
    [
        f"SELECT max(x.id) FROM (SELECT o.id FROM {UNDER} JOIN shop.orders o ON o.id = v.k) x",
        f"SELECT count(*) FROM shop.orders o JOIN {UNDER} ON o.id = v.k",
        f"""SELECT count(*) FROM (SELECT o.id FROM {UNDER} JOIN shop.orders o ON o.id = v.k) w
        JOIN shop.store s ON s.id = w.id""",
    ],
)
def test_they_are_found_wherever_it_stands(subquery: str) -> None:
    assert "c.parent_id = p.category_id" in route(subquery)


def test_tables_between_are_visited() -> None:
    found = route(
        f"""SELECT count(*) FROM {UNDER} JOIN shop.orders x ON x.id = v.k
        JOIN shop.store o ON o.id = x.customer_id"""
    )
    assert "JOIN shop.orders AS x ON delta.id = x.customer_id JOIN shop.category AS c" in found


def test_a_query_may_know_the_row_around_by_another_inside() -> None:
    inside = f"(SELECT x.customer_id AS k FROM {UNDER} JOIN shop.orders x ON x.id = v.k) w"
    query = f"SELECT count(*) FROM {inside} JOIN shop.store o ON o.id = w.k"
    assert "c.parent_id = p.category_id" in route(query)
    assert "c.parent_id = p.category_id" in route(query, of="x")


def test_names_along_a_path_are_followed_down_again() -> None:
    path = """WITH RECURSIVE t(k) AS (SELECT c.id FROM shop.category c WHERE c.id = p.category_id
        UNION SELECT c.parent_id FROM t JOIN shop.category c ON c.id = t.k)
        SELECT string_agg(o.name, '/' ORDER BY o.id) FROM t JOIN shop.category o ON o.id = t.k"""
    assert "JOIN shop.category AS c_2 ON c_2.parent_id = " in route(path)


def test_a_recursion_may_begin_with_the_row_around_itself() -> None:
    below = """WITH RECURSIVE t(k) AS (SELECT p.category_id UNION SELECT d.id FROM t
        JOIN shop.category d ON d.parent_id = t.k) SELECT count(*) FROM t JOIN shop.orders o ON o.id = t.k"""
    assert "WITH RECURSIVE" in route(below)
