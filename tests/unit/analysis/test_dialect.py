"""What PostgreSQL wrote is read and written again without a change of its meaning."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.model.dialect import Unreadable, column, enclosed, parse, render


@pytest.mark.parametrize(
    "query",
    [
        "SELECT t.a ^ 2 FROM t",
        "SELECT |/ t.a FROM t",
        "SELECT t.a !~ 'x' FROM t",
        "SELECT t.a !~* 'x' FROM t",
        "SELECT TRIM(LEADING FROM t.a) FROM t",
        "SELECT round(avg(t.a), 2) FROM t",
        'SELECT "substring"(t.a, 1) FROM t',
        "SELECT 1 FROM t, (unnest(t.a) WITH ORDINALITY AS u(x, n) CROSS JOIN LATERAL (SELECT u.x) AS v)",
        "SELECT 1 FROM t, (unnest(t.a) WITH ORDINALITY AS u(x, n) JOIN t AS w ON (u.x = w.b))",
        "SELECT 1 FROM t, (t AS w LEFT JOIN unnest(w.a) WITH ORDINALITY AS u(x, n) ON TRUE)",
        "SELECT 1 FROM t, (unnest(t.a) AS u(n) JOIN t AS w ON (u.n = w.b))",
        'SELECT t.a FROM ((t JOIN u USING (a, b) AS "J") LEFT JOIN v USING (a))',
    ],
)
def test_a_query_is_written_as_it_was_read(query: str) -> None:
    assert render(parse(query)) == query


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
