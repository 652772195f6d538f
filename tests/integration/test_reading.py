"""Whatever PostgreSQL writes into a definition is read as PostgreSQL reads it, and written again as it was.

The server itself is asked: it makes views of a fragment and of what the reader made of it, and their
definitions must be equal. Explicit text has each operator in parentheses, so a tree that is built otherwise
than PostgreSQL's own gives another definition. Fragments stand in `tests/fixtures/reader`; those of every
operator, function, type and keyword come from the server's catalogue. Many are tried in one view, and one by
one where that fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlglot import exp

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.grammar import read_query, write
from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.feeds.cross_check import check_routes

FIXTURES = Path(__file__).parents[1] / "fixtures" / "reader"
SINCE = re.compile(r"-- PostgreSQL (\d+)$")
HEADING = re.compile(r"-- [A-Z]")
AT_ONCE = 40
MISREAD = (
    "can't be parsed",
    "otherwise than",
    "nothing in sight",
    "could be one of several",
    "can't be planned",
    "report it",
)

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute((FIXTURES / "schema.sql").read_bytes())
        yield connection


def fragments(name: str, connection: Connection) -> list[str]:
    """The lines of a file that the server knows."""
    has_xml = connection.execute(
        "SELECT setting LIKE '%libxml%' FROM pg_config WHERE name = 'CONFIGURE'"
    ).fetchone() == (True,)
    since, found = 0, list[str]()
    for line in (FIXTURES / name).read_text().splitlines():
        if begins := SINCE.match(line):
            since = int(begins[1])
        elif not line or HEADING.match(line) or connection.info.server_version < since * 10_000:
            continue
        elif has_xml or "xml" not in line.lower():
            found.append(line)
    return found


def of_columns(expressions: Sequence[str]) -> str:
    """A query that yields each of some expressions over the table t."""
    columns = "".join(f",\n{each}\nAS c{n}" for n, each in enumerate(expressions))
    return f"SELECT t.id{columns} FROM t"


def of_queries(queries: Sequence[str]) -> str:
    """A query that holds some queries; a single one as it is."""
    if len(queries) == 1:
        return queries[0]
    columns = "".join(f",\n(SELECT 1 FROM ({each}) AS q) AS c{n}" for n, each in enumerate(queries))
    return f"SELECT 1 AS id{columns}"


def resolved(connection: Connection, text: str, path: str) -> str:
    """What PostgreSQL makes of a query."""
    connection.execute(sql.SQL("SET LOCAL search_path = {}").format(sql.Identifier(path)))
    connection.execute(f"CREATE TEMP VIEW resolved AS {text}".encode())
    connection.execute("SET LOCAL search_path = pg_catalog")
    row = connection.execute("SELECT pg_get_viewdef('pg_temp.resolved'::regclass)").fetchone()
    connection.execute("DROP VIEW pg_temp.resolved")
    assert row is not None
    return str(row[0])


def misread(connection: Connection, text: str) -> str | None:
    """What is wrong with the reading of a query; None if nothing is."""
    with connection.transaction(force_rollback=True):
        definition = resolved(connection, text, "public")
        again = resolved(connection, definition, "pg_catalog")
        of_definition, of_text = read_query(definition), read_query(text)
        for reading, path, right in (
            (write(of_definition, explicit=True), "pg_catalog", again),
            (write(of_definition), "pg_catalog", again),
            (write(of_definition, pretty=True), "pg_catalog", again),
            (write(of_text, explicit=True), "public", definition),
        ):
            found = resolved(connection, reading, path)
            if found != right:
                return f"{reading}: {found}"
    return None


def all_misread(
    connection: Connection, found: Sequence[str], query: Callable[[Sequence[str]], str]
) -> dict[str, str]:
    """The fragments of which a query is misread, and what is wrong."""
    wrong: dict[str, str] = {}
    for first in range(0, len(found), AT_ONCE):
        batch = found[first : first + AT_ONCE]
        if _fault(connection, query(batch)) is not None:
            faults = {each: _fault(connection, query([each])) for each in batch}
            wrong |= {each: fault for each, fault in faults.items() if fault is not None}
    return wrong


def _fault(connection: Connection, text: str) -> str | None:
    try:
        return misread(connection, text)
    except Exception as error:  # the fragment that it comes from is to be named, whatever it is
        return repr(error)


def test_no_expression_is_misread(connection: Connection) -> None:
    expressions = fragments("expressions.sql", connection)

    assert len(expressions) > 1000
    assert all_misread(connection, expressions, of_columns) == {}


def test_no_query_is_misread(connection: Connection) -> None:
    queries = fragments("queries.sql", connection)

    assert len(queries) > 200
    assert all_misread(connection, queries, of_queries) == {}


def test_every_operator_of_the_server_is_read(connection: Connection) -> None:
    operators = connection.execute(
        "SELECT CASE WHEN oprleft = 0 THEN '' ELSE format('NULL::%s ', oprleft::regtype) END || oprname"
        " || format(' NULL::%s IS NULL', oprright::regtype) FROM pg_operator"
        " WHERE oprnamespace = 'pg_catalog'::regnamespace AND NOT EXISTS"
        " (SELECT FROM pg_type WHERE pg_type.oid IN (oprleft, oprright) AND typtype = 'p')"
    ).fetchall()

    assert len(operators) > 700
    assert all_misread(connection, [text for (text,) in operators], of_columns) == {}


def test_every_operator_that_is_no_concatenation_of_arrays_is_strict(connection: Connection) -> None:
    lenient = connection.execute(
        "SELECT DISTINCT oprname FROM pg_operator AS o JOIN pg_proc AS p ON p.oid = o.oprcode"
        " WHERE NOT p.proisstrict AND o.oprnamespace = 'pg_catalog'::regnamespace"
    ).fetchall()

    assert lenient == [("||",)]


def test_every_function_of_the_server_is_read(connection: Connection) -> None:
    functions = connection.execute(
        "SELECT format('%s(%s)', p.oid::regproc, (SELECT string_agg(format('NULL::%s', type::regtype), ', '"
        " ORDER BY n) FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a(type, n))) FROM pg_proc AS p"
        " WHERE p.prokind = 'f' AND NOT p.proretset AND p.provariadic = 0"
        " AND p.pronamespace = 'pg_catalog'::regnamespace"
        " AND (SELECT count(*) FROM pg_proc AS q WHERE q.proname = p.proname) = 1"
        " AND NOT EXISTS (SELECT FROM pg_type AS t WHERE t.oid = ANY (p.proargtypes::oid[] || p.prorettype)"
        " AND t.typtype = 'p')"
    ).fetchall()

    assert len(functions) > 1000
    assert all_misread(connection, [text for (text,) in functions], of_columns) == {}


def test_every_type_of_the_server_is_read(connection: Connection) -> None:
    types = connection.execute(
        "SELECT format('NULL::%s', oid::regtype) FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace"
        " AND typtype IN ('b', 'd', 'e', 'r', 'm') AND NOT EXISTS (SELECT FROM pg_type AS e"
        " WHERE e.oid = pg_type.typelem AND e.typtype IN ('c', 'p'))"
    ).fetchall()

    assert len(types) > 100
    assert all_misread(connection, [text for (text,) in types], of_columns) == {}


def test_every_keyword_may_be_a_name(connection: Connection) -> None:
    words = connection.execute("SELECT word FROM pg_get_keywords()").fetchall()
    names = [sql.Identifier(word).as_string(connection) for (word,) in words]
    columns = ", ".join(f"{name} int" for name in names)
    connection.execute(f"CREATE SCHEMA words CREATE TABLE every ({columns})".encode())

    def query(some: Sequence[str]) -> str:
        outputs = ", ".join(f"w.{name}, {name}.one AS c{n}" for n, name in enumerate(some))
        items = "".join(f", (SELECT 1 AS one) AS {name}" for name in some)
        return f"SELECT {outputs} FROM words.every AS w{items}"

    assert all_misread(connection, names, query) == {}


def test_no_table_is_taken_whole_because_of_the_reading(connection: Connection) -> None:
    # The catalogue is read once, for a query that names every table; this takes longer than all the rest.
    every = "SELECT t.id FROM t, s, other.t AS o, v"
    described, catalogue = describe(
        connection, feed="f", text=every, key=("id",), entity=("id",), search_path="public"
    )
    expressions = fragments("expressions.sql", connection)
    batches = [of_columns(expressions[n : n + AT_ONCE]) for n in range(0, len(expressions), AT_ONCE)]
    found: dict[str, str] = {}
    for text in batches + fragments("queries.sql", connection):
        with connection.transaction(force_rollback=True):
            definition = resolved(connection, text, "public")
        tree = read_query(definition)
        if not isinstance(tree, exp.Query) or not tree.named_selects:
            continue  # VALUES
        name = tree.named_selects[0]
        query = replace(described, text=text, definition=definition, key=(name,), entity=(name,))
        analysis = analyse(query, catalogue)
        if text not in batches:
            analysis = check_routes(connection, analysis, catalogue)
        reasons = [str(each.reason) for each in analysis.occurrences if each.reason]
        faults = [each for each in reasons if any(part in each for part in MISREAD)]
        if faults:
            found[text] = faults[0]

    assert found == {}
