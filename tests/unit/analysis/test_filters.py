"""Constant conditions that move into capture, and those that must not."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import FeedQuery, Output
from cdc_daemon.analysis.model.conditions import text
from tests.support.analysis_fixtures import CATALOGUE


def filters(query: str, *, written: str = "") -> dict[str, str | None]:
    """What each use of a table wants of its rows, by alias; None where any row may matter."""
    outputs = (Output("id", "integer"),)
    analysis = analyse(FeedQuery("feed", written or query, query, outputs, ("id",), ("id",)), CATALOGUE)
    return {
        occurrence.alias: None if occurrence.row_filter is None else text(occurrence.row_filter)
        for occurrence in analysis.occurrences
    }


def of_value(condition: str, *, written: str = "") -> str | None:
    """What `WHERE condition` wants of shop.value."""
    return filters(f"SELECT v.product_id AS id FROM shop.value v WHERE {condition}", written=written)["v"]


@pytest.mark.parametrize(
    ("condition", "moved"),
    [
        ("(v.attribute_id = 73)", "attribute_id = 73"),
        ("(73 = v.attribute_id)", "attribute_id = 73"),
        ("(73 < v.attribute_id)", "attribute_id > 73"),
        ("(v.attribute_id = '-1'::integer)", "attribute_id = -1"),
        ("(v.attribute_id = ANY (ARRAY[74, 73, 73]))", "attribute_id IN (73, 74)"),
        ("(v.attribute_id <> ALL (ARRAY[73, 74]))", "attribute_id NOT IN (73, 74)"),
        ("(NOT (v.attribute_id = ANY (ARRAY[73, 74])))", "attribute_id NOT IN (73, 74)"),
        ("(NOT (v.attribute_id < 73))", "attribute_id >= 73"),
        ("((v.attribute_id >= 1) AND (v.attribute_id <= 5))", "attribute_id <= 5 AND attribute_id >= 1"),
        ("((v.attribute_id < 1) OR (v.attribute_id > 5))", "attribute_id < 1 OR attribute_id > 5"),
        (
            "(NOT ((v.attribute_id = 1) AND (v.content IS NULL)))",
            "attribute_id <> 1 OR content IS NOT NULL",
        ),
        ("(v.product_id = '5000000000'::bigint)", "product_id = 5000000000"),
        ("(v.product_id = ANY (ARRAY[(1)::bigint, (2)::bigint]))", "product_id IN (1, 2)"),
        ("(v.content = 'it''s'::text)", "content = 'it''s'"),
        ("(v.content IS NULL)", "content IS NULL"),
        ("(v.content IS NOT NULL)", "content IS NOT NULL"),
        (
            "(((v.attribute_id = 73) AND (v.store_id = 0)) OR (v.attribute_id = 74))",
            "attribute_id = 74 OR attribute_id = 73 AND store_id = 0",
        ),
        # Of an AND whatever can be said; of an OR all or nothing.
        ("((v.attribute_id = 73) AND (lower(v.content) = 'x'::text))", "attribute_id = 73"),
        (
            "(((v.attribute_id = 73) AND (lower(v.content) = 'x'::text)) OR (v.store_id = 1))",
            "attribute_id = 73 OR store_id = 1",
        ),
    ],
)
def test_conditions_on_columns_and_constants_are_moved(condition: str, moved: str) -> None:
    assert of_value(condition) == moved


@pytest.mark.parametrize(
    "condition",
    [
        "((v.attribute_id = 73) OR (lower(v.content) = 'x'::text))",
        "(NOT ((v.attribute_id = 73) AND (lower(v.content) = 'x'::text)))",
        "((v.attribute_id + 1) = 73)",
        "(v.attribute_id = v.store_id)",
        "(v.content = upper('x'::text))",
        "((v.content)::integer = 5)",
        "((v.attribute_id)::numeric = 1.5)",
        "((v.content COLLATE \"C\") = 'x'::text)",
        "(v.content OPERATOR(shop.=) 'x'::text)",
        "(v.content ~~ 'x%'::text)",
        "(v.attribute_id IS DISTINCT FROM 73)",
        "(v.attribute_id <> ANY (ARRAY[73, 74]))",
        "(v.attribute_id < ALL (ARRAY[73, 74]))",
        "(v.attribute_id = ANY ('{73,74}'::integer[]))",
        "(v.attribute_id = ANY (ARRAY[73, v.store_id]))",
        "(v.* IS NULL)",
        "(((v.store_id)::boolean)::integer = 1)",
        "true",
    ],
)
def test_anything_else_stays_in_the_query_alone(condition: str) -> None:
    assert of_value(condition) is None


def test_a_moment_is_compared_with_a_constant_of_its_own_type_alone() -> None:
    def of_document(constant: str, *, written: str = "") -> str | None:
        query = f'SELECT d."DocumentNumber" AS id FROM shop.document d WHERE (d.changed > {constant})'
        return filters(query, written=written)["d"]

    moment = "'2024-01-01 00:00:00+00'::timestamp with time zone"
    assert of_document(moment) == "changed > '2024-01-01 00:00:00+00'"
    # What a date means beside a timestamptz depends on the session's time zone, in capture the writer's.
    assert of_document("'2024-01-01'::date") is None
    # PostgreSQL resolves this as the moment of the planning.
    assert of_document(moment, written="… WHERE d.changed > 'yesterday'") is None


def test_labels_of_an_enum_are_equal_or_not_and_domains_are_what_they_are_made_of() -> None:
    query = 'SELECT d."DocumentNumber" AS id FROM shop.document d WHERE {}'
    assert filters(query.format("(d.size = 's'::shop.size)"))["d"] == "size = 's'"
    two = "(d.size <> ALL (ARRAY['s'::size, 'm'::size]))"
    assert filters(query.format(two))["d"] == "size NOT IN ('m', 's')"
    assert filters(query.format("((d.code)::text = 'x'::text)"))["d"] == "code = 'x'"
    # Labels have an order of their own, and an operator of somebody's may compare two enums.
    assert filters(query.format("(d.size > 's'::shop.size)"))["d"] is None
    assert filters(query.format("(d.size = 's'::shop.other_size)"))["d"] is None
    assert filters(query.format("((d.size)::text = 's'::text)"))["d"] is None
    assert filters(query.format("((d.code)::character varying(2) = 'x'::text)"))["d"] is None


def test_columns_of_other_types_than_the_built_in_ones_are_asked_for_null_alone() -> None:
    query = 'SELECT d."DocumentNumber" AS id FROM shop.document d WHERE {}'
    assert filters(query.format("(d.labels = '{s}'::text[])"))["d"] is None
    assert filters(query.format("(d.size IS NOT NULL)"))["d"] == "size IS NOT NULL"
    assert filters(query.format('(d."DocumentNumber" = 1)'))["d"] == '"DocumentNumber" = 1'
    renamed = "SELECT x.a AS id FROM shop.stock x(a, b) WHERE (x.b = 1)"
    assert filters(renamed)["x"] == "qty = 1"


@pytest.mark.parametrize(
    ("tables", "moved"),
    [
        # A row that fails its own join's condition is no match. One that fails a condition above is one, and
        # takes the place of NULLs.
        ("{p} LEFT JOIN {s} AND s.qty = 1", "qty = 1"),
        ("{p} LEFT JOIN {s} WHERE s.qty IS NULL", None),
        # The condition drops the rows with NULLs: an inner join.
        ("{p} LEFT JOIN {s} WHERE s.qty = 1", "qty = 1"),
        # The side that is kept is kept without a match.
        ("shop.stock s LEFT JOIN shop.product p ON p.id = s.product_id AND s.qty = 1", None),
        ("{p} RIGHT JOIN {s} AND s.qty = 1", None),
        ("shop.stock s RIGHT JOIN shop.product p ON p.id = s.product_id AND s.qty = 1", "qty = 1"),
        ("{p} FULL JOIN {s} AND s.qty = 1", None),
        ("{p} FULL JOIN {s} WHERE s.qty = 1", "qty = 1"),
        ("shop.item i LEFT JOIN ({p} JOIN {s} AND s.qty IS NULL) ON p.id = i.product_id", "qty IS NULL"),
        ("({p} LEFT JOIN {s}) JOIN shop.item i ON p.id = i.product_id AND s.qty IS NULL", None),
        ("shop.item i LEFT JOIN ({p} LEFT JOIN {s}) ON p.id = i.product_id AND s.qty IS NULL", None),
    ],
)
def test_beside_outer_joins_only_what_keeps_a_row_out_of_everything_is_moved(
    tables: str, moved: str | None
) -> None:
    named = tables.format(p="shop.product p", s="shop.stock s ON p.id = s.product_id")
    assert filters(f"SELECT p.id FROM {named}")["s"] == moved


def test_each_use_of_a_table_has_a_filter_of_its_own() -> None:
    query = """
        SELECT p.id, n.content, (
            SELECT max(v.content) FROM shop.value v
            WHERE v.product_id = p.id AND v.attribute_id = 75 AND v.store_id = p.category_id
        )
        FROM shop.product p
        LEFT JOIN shop.value n ON n.product_id = p.id AND n.attribute_id = 73 AND n.store_id = 0
        WHERE EXISTS (SELECT FROM shop.value x WHERE x.product_id = p.id)
    """
    assert filters(query) == {
        "p": None,
        "n": "attribute_id = 73 AND store_id = 0",
        "v": "attribute_id = 75",
        "x": None,
    }


def test_a_cte_that_is_read_twice_is_one_use() -> None:
    query = """
        WITH t AS (SELECT v.product_id AS id, v.content FROM shop.value v WHERE (v.attribute_id = 73))
        SELECT a.id, b.content FROM t a JOIN t b ON a.id = b.id WHERE (b.content = 'x'::text)
    """
    assert filters(query) == {"v": "attribute_id = 73"}


def test_a_table_that_is_read_where_the_analysis_does_not_look_is_captured_whole() -> None:
    query = """
        (SELECT v.product_id AS id FROM shop.value v WHERE (v.attribute_id = 73)
         UNION ALL SELECT p.id FROM shop.product p WHERE (p.id > 5))
        LIMIT (SELECT v.product_id FROM shop.value v WHERE (v.attribute_id = 1))
    """
    assert filters(query) == {"v": None, "p": "id > 5"}


def test_a_query_that_is_not_understood_filters_nothing() -> None:
    query = "SELECT v.product_id AS id FROM shop.value v TABLESAMPLE SYSTEM (10) WHERE (v.attribute_id = 73)"
    assert set(filters(query).values()) == {None}
