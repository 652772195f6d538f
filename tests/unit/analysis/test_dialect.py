"""What PostgreSQL wrote is read and written again without a change of its meaning."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.dialect import Unreadable, column, enclosed, parse, render


@pytest.mark.parametrize(
    "expression",
    [
        "t.a ^ 2",
        "|/ t.a",
        "t.a !~ 'x'",
        "t.a !~* 'x'",
        "TRIM(LEADING FROM t.a)",
        "round(avg(t.a), 2)",
        '"substring"(t.a, 1)',
    ],
)
def test_an_expression_is_written_as_it_was_read(expression: str) -> None:
    assert render(parse(f"SELECT {expression} FROM t")) == f"SELECT {expression} FROM t"


@pytest.mark.parametrize(
    "tables",
    [
        "(unnest(t.a) WITH ORDINALITY AS u(x, n) CROSS JOIN LATERAL (SELECT u.x) AS v)",
        "(unnest(t.a) WITH ORDINALITY AS u(x, n) JOIN t AS w ON (u.x = w.b))",
        "(t AS w LEFT JOIN unnest(w.a) WITH ORDINALITY AS u(x, n) ON TRUE)",
        "(unnest(t.a) AS u(n) JOIN t AS w ON (u.n = w.b))",
    ],
)
def test_a_function_may_stand_first_in_a_joins_parentheses(tables: str) -> None:
    assert render(parse(f"SELECT u.n FROM t, {tables}")) == f"SELECT u.n FROM t, {tables}"


def test_exactly_one_select_is_read() -> None:
    for text in ("SELECT 1; SELECT 2", "", "DELETE FROM t", "SELECT FROM WHERE ("):
        with pytest.raises(Unreadable):
            parse(text)


def test_a_name_is_quoted_where_postgresql_would_misread_it() -> None:
    assert render(column("t", "order")) == 't."order"'
    assert render(column("t", "Name")) == 't."Name"'
    assert render(column("t", "name")) == "t.name"


def test_an_operand_is_in_parentheses_unless_it_is_simple() -> None:
    both, one = (parse(f"SELECT {text} FROM t").expressions[0] for text in ("t.a + t.b", "t.a"))

    assert render(enclosed(both)) == "(t.a + t.b)"
    assert render(enclosed(one)) == "t.a"
