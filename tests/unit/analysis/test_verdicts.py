"""Refusals and warnings, each with its place in the user's text."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import (
    Catalogue,
    Column,
    FeedQuery,
    Function,
    Output,
    Table,
    TableName,
    View,
)
from cdc_daemon.analysis.model.plan import Verdict

PRODUCT = Table(
    TableName("shop", "product"),
    1,
    {name: Column(name, "integer", "integer", not_null=False) for name in ("id", "price")},
)
FUNCTIONS = (
    Function("pg_catalog", "now", "stable"),
    Function("pg_catalog", "random", "volatile"),
    Function("pg_catalog", "lower", "immutable"),
    Function("shop", "tax", "stable", language="sql", body="SELECT $1 * 2"),
    Function("shop", "score", "stable", language="plpython3u", body="SELECT 1 FROM shop.secret"),
)
RESOLVED = "SELECT p.id FROM shop.product p"


def verdicts(
    text: str, *called: str, others: Sequence[Table] = (), views: Sequence[View] = ()
) -> list[Verdict]:
    functions = tuple(function for function in FUNCTIONS if function.name in called)
    tables = {table.name: table for table in (PRODUCT, *others)}
    catalogue = Catalogue(tables, functions, views={view.name: view for view in views})
    query = FeedQuery("feed", text, RESOLVED, (Output("id", "integer"),), ("id",), ("id",))
    return list(analyse(query, catalogue).verdicts)


@pytest.mark.parametrize(
    ("text", "called", "line", "column", "word"),
    [
        (
            "SELECT p.id\nFROM product p\nWHERE p.price > now()",
            "now",
            3,
            17,
            "let the query yield _refresh_at",
        ),
        ("SELECT p.id, CURRENT_DATE AS day FROM product p", "", 1, 14, "let the query yield _refresh_at"),
        ("SELECT p.id,\n  random() AS r FROM product p", "random", 2, 3, "leave it out"),
        ("SELECT p.id FROM product p; SELECT 2", "", 1, 27, "one SELECT"),
    ],
)
def test_what_can_not_be_kept_up_to_date_is_refused_with_place_and_remedy(
    text: str, called: str, line: int, column: int, word: str
) -> None:
    (verdict,) = verdicts(text, called)

    assert verdict.refusal
    assert (verdict.line, verdict.column) == (line, column)
    assert word in verdict.hint


@pytest.mark.parametrize(
    ("text", "column", "word"),
    [
        ("SELECT p.id, json_agg(p.price) FROM product p", 14, "ORDER BY"),
        ("SELECT p.id, array_agg(lower(p.name)) FROM product p", 14, "ORDER BY"),
        ("SELECT p.id FROM product p LIMIT 3", 28, "ORDER BY"),
        ("SELECT p.id FROM product p ORDER BY 1 UNION (SELECT 1 FETCH FIRST ROW ONLY)", 55, "ORDER BY"),
        ("SELECT * FROM product", 8, "name the columns"),
        ("SELECT p.id, p.* FROM product p", 16, "name the columns"),
    ],
)
def test_what_is_left_to_chance_is_warned_about(text: str, column: int, word: str) -> None:
    (verdict,) = verdicts(text)

    assert not verdict.refusal
    assert verdict.column == column
    assert word in verdict.hint


@pytest.mark.parametrize(
    "text",
    [
        "SELECT p.id, json_agg(p.price ORDER BY p.id) FROM product p",
        "SELECT p.id, string_agg(DISTINCT p.name, ',') FROM product p",
        "SELECT p.id, array_agg(p.price) OVER (ORDER BY p.id) FROM product p",
        "SELECT p.id, count(*), 2 * p.price FROM product p ORDER BY p.id LIMIT 3",
        "SELECT p.id, 'now() ; *' AS \"current_date\" FROM product p -- SELECT *;",
        "SELECT p.id FROM product p WHERE EXISTS (SELECT * FROM stock s)",
    ],
)
def test_what_is_in_order_raises_no_verdict(text: str) -> None:
    assert verdicts(text) == []


def test_a_function_that_may_read_tables_is_refused() -> None:
    (verdict,) = verdicts("SELECT p.id, shop.tax(p.price) AS tax FROM product p", "tax")

    assert verdict.refusal
    assert "IMMUTABLE" in verdict.hint
    assert verdict.column == 19


def test_what_another_language_says_is_not_read_as_sql() -> None:
    (verdict,) = verdicts("SELECT p.id, shop.score(p.price) AS score FROM product p", "score")

    assert "it may read tables" in verdict.what
    assert "secret" not in verdict.what


def test_a_sequence_is_refused_and_not_warned_about_beside_that() -> None:
    """That it is UNLOGGED is the least of it."""
    sequence = Table(TableName("shop", "numbers"), 2, {}, kind="sequence", unlogged=True)
    (verdict,) = verdicts(RESOLVED, others=[sequence])

    assert verdict.name == "system-catalogue"


def test_a_view_that_can_not_be_parsed_keeps_nothing_else_from_being_judged() -> None:
    view = View(TableName("shop", "odd"), 3, "SELECT FROM WHERE (", ("id",))
    (verdict,) = verdicts("SELECT p.id, random() AS r FROM product p", "random", views=[view])

    assert (verdict.name, verdict.column) == ("volatile-function", 14)
