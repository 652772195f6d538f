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
