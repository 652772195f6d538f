"""How texts are read: explicit text puts each operator in parentheses, so it shows the tree."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.grammar import SyntaxFault, read_query, write
from cdc_daemon.analysis.grammar.lexer import Kind, tokens


def explicit(expression: str) -> str:
    """An expression as it is read."""
    return write(read_query(f"SELECT {expression}"), explicit=True).removeprefix("SELECT ")


@pytest.mark.parametrize(
    ("expression", "read"),
    [
        ("- 2 ^ 2", "((-2) ^ 2)"),
        ("2 ^ 3 ^ 2", "((2 ^ 3) ^ 2)"),
        ("a - b - c", "((a - b) - c)"),
        ("a * b ^ c", "(a * (b ^ c))"),
        ("a + b * c", "(a + (b * c))"),
        ("a || b + c", "(a || (b + c))"),
        ("NOT a = b", "(NOT (a = b))"),
        ("NOT a AND b", "((NOT a) AND b)"),
        ("a OR b AND c", "(a OR (b AND c))"),
        ("a = b IS NOT TRUE", "((a = b) IS NOT TRUE)"),
        ("a IS DISTINCT FROM b = c", "(a IS DISTINCT FROM (b = c))"),
        ('a < b COLLATE "C"', '(a < (b COLLATE "C"))'),
        ('- a COLLATE "C"', '((-a) COLLATE "C")'),
        ("a + b AT TIME ZONE c", "(a + (b AT TIME ZONE c))"),
        ("a LIKE b || c", "(a LIKE (b || c))"),
        ("a + 1 IN (1, 2) = b", "(((a + 1) IN (1, 2)) = b)"),
        ("a BETWEEN 1 AND 2 AND b", "((a BETWEEN 1 AND 2) AND b)"),
        ("@ a - 5", "(@ (a - 5))"),
        ("@ a || b", "((@ a) || b)"),
        ("!! a ~~~~ b", "((!! a) ~~~~ b)"),
        ("a OPERATOR(pg_catalog.*) b + c", "(a OPERATOR(pg_catalog.*) (b + c))"),
        ("a <<= b = c", "((a <<= b) = c)"),
        ("a -> 'b' ->> 'c'", "((a -> 'b') ->> 'c')"),
        ("- a::int[]", "(-CAST(a AS INT[]))"),
        ("((SELECT 1) + 1) * 2", "(((SELECT 1) + 1) * 2)"),
    ],
)
def test_operators_bind_as_in_postgresql(expression: str, read: str) -> None:
    assert explicit(expression) == read


@pytest.mark.parametrize(
    "expression",
    [
        "x IS NOT UNKNOWN",
        "x ^@ 'a'",
        "x ~<~ 'a'",
        "x NOT LIKE 'a'",
        "x IS NFC NORMALIZED",
        "x IS NOT JSON OBJECT WITH UNIQUE KEYS",
        "B'101'",
        "X'1F'",
        "CAST(x AS INTERVAL DAY TO SECOND(3))",
        "CAST(x AS TIMESTAMPTZ(3))",
        "CAST(x AS BIT VARYING(5))",
        'CAST(x AS "bit")',
        'CAST(x AS other."Odd Type"[])',
        'x COLLATE other."C"',
        "string_agg(DISTINCT x, ',' ORDER BY y DESC NULLS LAST)",
        "SUM(n) OVER (ORDER BY n ROWS 3 PRECEDING)",
        "SUM(n) OVER (w GROUPS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)",
        "rank(1) WITHIN GROUP (ORDER BY n)",
        "SUBSTRING(x SIMILAR 'a' ESCAPE '#')",
        "EXTRACT(year FROM ts)",
        "TRIM(LEADING 'a' FROM x)",
        "NORMALIZE(x, NFC)",
        "XMLELEMENT(NAME foo, XMLATTRIBUTES(n AS a), x)",
        "XMLPARSE(DOCUMENT x)",
        "XMLPARSE(DOCUMENT document)",
        "XMLSERIALIZE(CONTENT x AS TEXT)",
        "JSON_OBJECT('a' : n ABSENT ON NULL RETURNING JSONB)",
        "JSON_VALUE(j, '$.a' PASSING n AS x RETURNING INT DEFAULT 0 ON EMPTY)",
        "f(a => 1, VARIADIC b)",
        "x[1:2]",
        "((x).f)[1]",
        "(x).a.b",
        "ROW(a, b) OVERLAPS ROW(c, d)",
        "E'a\\\\b'",
        "CURRENT_TIME",
    ],
)
def test_an_expression_is_written_as_it_was_read(expression: str) -> None:
    assert write(read_query(f"SELECT {expression}")).lower() == f"select {expression}".lower()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM t ORDER BY a USING ~<~ NULLS FIRST",
        "SELECT a FROM t AS q TABLESAMPLE system(1) REPEATABLE (2)",
        "SELECT q.a FROM ROWS FROM (f(1) AS (a INT, b TEXT), g(2)) AS q",
        "SELECT q.a FROM LATERAL f(1) WITH ORDINALITY AS q(a, n)",
        "SELECT q.p FROM XMLTABLE('/a' PASSING x COLUMNS p TEXT DEFAULT d PATH 'p') AS q",
        "SELECT a FROM t FOR NO KEY UPDATE OF t SKIP LOCKED",
        "SELECT a FROM t ORDER BY a FETCH FIRST (3) ROWS WITH TIES",
        "SELECT a FROM t GROUP BY DISTINCT ROLLUP (a, (b, c)), GROUPING SETS ((a), ())",
        "WITH q AS (SELECT 1) SEARCH DEPTH FIRST BY a, b SET o CYCLE a SET c USING p SELECT 1 FROM q",
        "SELECT a FROM t UNION SELECT b FROM u INTERSECT SELECT c FROM v",
        "SELECT FROM t",
    ],
)
def test_a_query_is_written_as_it_was_read(query: str) -> None:
    assert write(read_query(query)) == query


def test_the_arms_of_set_operations_are_shown() -> None:
    tree = read_query("SELECT 1 UNION SELECT 2 INTERSECT SELECT 3")

    assert write(tree, explicit=True) == "SELECT 1 UNION (SELECT 2 INTERSECT SELECT 3)"


def test_a_name_of_a_column_is_no_keyword() -> None:
    assert explicit("XMLPARSE(CONTENT content)") == "XMLPARSE(CONTENT content)"
    assert explicit("t.value, year, position, t.select") == "t.value, year, position, t.select"
    for reserved in ("order", "select", "user.a = "):
        with pytest.raises(SyntaxFault):
            read_query(f"SELECT 1 + {reserved}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a<-1", ["a", "<", "-", "1"]),
        ("a@-1", ["a", "@-", "1"]),
        ("a*-- b\n1", ["a", "*", "1"]),
        ("a /* b /* c */ d */ + 1", ["a", "+", "1"]),
        ("'a''b'\n'c'", ["a'bc"]),
        ("E'a\\n\\x41\\'' $$b'$$ $t$c$$d$t$", ["a\nA'", "b'", "c$$d"]),
        ("U&'d!0061t' UESCAPE '!' U&\"\\0061\"", ["dat", "a"]),
        ("1_000 .5 5. 1e-5 0x1F", ["1_000", ".5", "5.", "1e-5", "0x1F"]),
        ("a::b:c", ["a", "::", "b", ":", "c"]),
    ],
)
def test_tokens_are_those_of_postgresql(text: str, expected: list[str]) -> None:
    assert [token.text for token in tokens(text) if token.kind is not Kind.END] == expected


@pytest.mark.parametrize(
    "text", ["SELECT 'a", "SELECT /* a", 'SELECT "a', "SELECT $$a", "SELECT a b c", "SELECT (1"]
)
def test_what_is_no_query_is_told_with_its_place(text: str) -> None:
    with pytest.raises(SyntaxFault, match=r"character \d+|column \d+"):
        read_query(text)


def test_queries_in_many_parentheses_are_read_once() -> None:
    text = "SELECT 1"
    for _ in range(18):
        text = f"SELECT (({text}) + 1)"

    assert write(read_query(text)).count("SELECT") == 19
