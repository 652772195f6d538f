"""What the names that WITH declares stand for, and what of a recursion is followed."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.dialect import parse
from cdc_daemon.analysis.model.plan import Analysis
from cdc_daemon.analysis.read.ctes import unread
from tests.support.analysis_fixtures import CATALOGUE, feed_query


def analysed(query: str) -> Analysis:
    return analyse(feed_query(query), CATALOGUE)


def links(query: str) -> dict[str, tuple[str, ...]]:
    """The columns with which a change of each table is followed to the entity."""
    return {each.alias: each.links for each in analysed(query).occurrences}


def reasons(query: str) -> set[str]:
    return {each.reason or "" for each in analysed(query).occurrences}


def test_a_name_stands_for_what_is_declared_above_it() -> None:
    """Of two CTEs of one name it is the one around: the other is declared further down."""
    query = (
        "WITH t AS (SELECT s.product_id AS k FROM shop.stock s) SELECT q.id FROM (WITH u AS (SELECT t.k "
        "FROM t), t AS (SELECT p.id FROM shop.product p) SELECT t.id FROM t, u WHERE u.k = t.id) q"
    )
    assert links(query) == {"s": ("product_id",), "p": ("id",)}


def test_under_recursive_a_name_may_be_declared_further_down() -> None:
    query = (
        "WITH RECURSIVE u AS (SELECT t.id FROM t), t AS (SELECT p.id FROM shop.product p) SELECT u.id FROM u"
    )
    assert links(query) == {"p": ("id",)}


@pytest.mark.parametrize(
    "query",
    [
        "WITH RECURSIVE t AS (SELECT p.id FROM shop.product p) SELECT t.id FROM t",
        # The name is a table's, which the CTE reads with its schema.
        "WITH RECURSIVE product AS (SELECT p.id FROM shop.product p) SELECT product.id FROM product",
        # Without RECURSIVE the name inside is that of the CTE around.
        (
            "WITH t AS (SELECT p.id FROM shop.product p) "
            "SELECT q.id FROM (WITH t AS (SELECT t.id FROM t) SELECT t.id FROM t) q"
        ),
    ],
)
def test_a_cte_that_does_not_read_itself_is_no_recursion(query: str) -> None:
    assert links(query) == {"p": ("id",)}


def test_a_table_with_its_schema_is_no_cte() -> None:
    query = "WITH product AS (SELECT s.qty FROM shop.stock s) SELECT p.id, p.sku FROM shop.product p, product"

    assert links(query)["p"] == ("id",)


TREE = (
    "t(id, parent_id) AS (SELECT c.id, c.parent_id FROM shop.category c WHERE c.parent_id IS NULL UNION ALL "
    "SELECT c.id, c.parent_id FROM shop.category c JOIN t t_1 ON c.parent_id = t_1.id)"
)


@pytest.mark.parametrize(
    "query",
    [
        f"WITH RECURSIVE {TREE} SEARCH DEPTH FIRST BY id SET place SELECT t.id, t.place FROM t",
        f"WITH RECURSIVE {TREE} CYCLE id SET again USING way SELECT t.id, t.again, t.way FROM t",
    ],
)
def test_search_and_cycle_add_columns(query: str) -> None:
    assert links(query)["c"] == ("id",)


def test_what_cycle_adds_is_of_its_own_cte_alone() -> None:
    other = TREE.replace("t(", "u(").replace("t t_1", "u t_1")
    query = (
        f"WITH RECURSIVE {other}, {TREE} CYCLE id SET again USING way "
        "SELECT u.id, {} FROM u JOIN t ON t.id = u.id"
    )

    assert links(query.format("t.again"))["c"] == ("id",)
    assert reasons(query.format("u.again")) == {'nothing in sight is called "u.again"'}


def test_search_and_cycle_stand_behind_any_cte() -> None:
    query = f"WITH RECURSIVE {TREE} CYCLE id SET again USING way, u AS (SELECT t.id, t.again FROM t) "

    assert links(f"{query} SELECT u.id, u.again FROM u")["c"] == ("id",)


def test_the_rows_that_search_and_cycle_number_are_read_with_these_clauses() -> None:
    query = (
        "WITH RECURSIVE t(id, child) AS (SELECT c.id, c.id FROM shop.category c WHERE c.parent_id IS NULL "
        "UNION ALL SELECT t_1.id, c.id FROM shop.category c JOIN t t_1 ON c.parent_id = t_1.child) "
        "CYCLE child SET again USING way SELECT t.id, t.child, t.again FROM t"
    )
    sql = [route.sql for each in analysed(query).occurrences for route in each.routes]

    assert all("t(id, child) AS (" in each for each in sql if "RECURSIVE" in each)
    assert all("CYCLE child SET again USING way" in each for each in sql if "RECURSIVE" in each)
    assert any("RECURSIVE" in each for each in sql)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("WITH t AS (SELECT s.a FROM s) SELECT t.a FROM t", set[str]()),
        ("WITH t AS (SELECT s.a FROM s) SELECT s.a FROM s", {"t"}),
        ("WITH s AS (SELECT x.a FROM x.s x) SELECT y.a FROM x.s y", {"s"}),
        ("WITH RECURSIVE t AS (SELECT 1 AS a UNION SELECT t_1.a FROM t t_1) SELECT s.a FROM s", {"t"}),
        ("WITH t AS (SELECT s.a FROM s), u AS (SELECT t.a FROM t) SELECT s.a FROM s", {"t", "u"}),
        ("WITH t AS (SELECT s.a FROM s), u AS (SELECT t.a FROM t) SELECT u.a FROM u", set[str]()),
        ("SELECT s.a FROM s WHERE EXISTS (WITH t AS (SELECT u.a FROM u) SELECT s.a)", {"t"}),
    ],
)
def test_a_cte_that_only_unread_ones_read_is_unread(query: str, names: set[str]) -> None:
    assert {cte.alias for cte in unread(parse(query))} == names


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (
            "SELECT c.id FROM shop.category c JOIN (SELECT t_1.id FROM t t_1) x ON x.id = c.parent_id",
            "whose step reads t in a subquery",
        ),
        (
            "SELECT c.id FROM shop.category c JOIN t x ON x.id = c.parent_id JOIN t y ON y.id = c.id",
            "whose step reads t in a subquery",
        ),
        (
            "SELECT rank() OVER (ORDER BY c.name) FROM shop.category c JOIN t t_1 ON t_1.id = c.parent_id",
            "a window, DISTINCT ON or LIMIT in its step",
        ),
        (
            "(SELECT c.id FROM shop.category c JOIN t t_1 ON t_1.id = c.parent_id LIMIT 1)",
            "a window, DISTINCT ON or LIMIT in its step",
        ),
        (
            "(SELECT c.id FROM shop.category c JOIN t t_1 ON t_1.id = c.parent_id UNION ALL SELECT 1)",
            "whose step is more than one SELECT",
        ),
    ],
)
def test_a_step_that_does_more_than_to_join_is_not_followed(step: str, reason: str) -> None:
    query = f"WITH RECURSIVE t(id) AS (SELECT c.id FROM shop.category c UNION {step}) SELECT t.id FROM t"

    (found,) = reasons(query)
    assert reason in found


def test_a_recursion_that_is_no_union_is_not_followed() -> None:
    query = (
        "WITH RECURSIVE t AS (SELECT c.id FROM shop.category c EXCEPT SELECT t_1.id FROM t t_1) "
        "SELECT t.id FROM t"
    )
    (found,) = reasons(query)
    assert "that is no UNION" in found


def test_union_merges_rows_whose_values_are_equal_and_not_the_same() -> None:
    """Half of 1 and half of 1.0: which of them stands for both is the server's choice."""
    query = (
        "WITH RECURSIVE t(k, price) AS (SELECT p.category_id, p.price FROM shop.product p {} "
        "SELECT c.parent_id, t_1.price FROM shop.category c JOIN t t_1 ON c.id = t_1.k) "
        "SELECT t.price::text AS id, t.k FROM t"
    )
    assert links(query.format("UNION ALL"))["p"] == ("price",)
    assert links(query.format("UNION"))["p"] == ()


def test_a_recursion_may_declare_names_of_its_own() -> None:
    query = (
        "WITH RECURSIVE t(id) AS (WITH roots AS (SELECT c.id FROM shop.category c WHERE c.parent_id IS NULL) "
        "SELECT roots.id FROM roots UNION SELECT c.id FROM shop.category c JOIN t t_1 ON c.parent_id = t_1.id"
        ") SELECT t.id FROM t"
    )
    assert links(query) == {"c": ("id",), "c#2": ("id",)}
