"""What the statements' test finds, and what it does not take for a lookup."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from cdc_daemon.pg.statements import texts
from tests.security.lookups import looked_up
from tests.support.bed import Bed

pytestmark = pytest.mark.any_server


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a = b",
        "SELECT a || 'x'",
        "SELECT - a",
        "SELECT lower(a)",
        "SELECT a::text",
        "SELECT FROM t WHERE a IN (1, 2)",
        "SELECT FROM t WHERE a BETWEEN 1 AND 2",
        "SELECT FROM t WHERE a LIKE 'x'",
        "SELECT a IS NOT DISTINCT FROM b",
        "SELECT NULLIF(a, b)",
        "SELECT FROM t JOIN u USING (a)",
        "SELECT FROM t NATURAL JOIN u",
        "SELECT CASE a WHEN 1 THEN 2 END",
        "UPDATE t SET a = 1 WHERE b = 2",
        "SELECT FROM t HAVING pg_catalog.count(*) > 1",
    ],
)
def test_a_name_without_a_schema_is_found(statement: str) -> None:
    assert looked_up(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a OPERATOR(pg_catalog.=) b, 'a = b' -- a = b",
        "SELECT pg_catalog.count(*), COALESCE(t.*, -1), ROW(a)::pg_catalog.record FROM t AS u (a, b)",
        "UPDATE t SET a = 1, b = EXCLUDED.b WHERE c OPERATOR(public.=) ANY (ARRAY[1]::pg_catalog.int4[])",
        "INSERT INTO cdc.t AS f (a, b) SELECT CASE WHEN a IS NULL THEN 1 END ON CONFLICT (a) DO NOTHING",
        "SELECT a IS NOT DISTINCT FROM NULL FROM t JOIN (SELECT b FROM u) AS v ON true",  # a test for NULL
        "SELECT FROM UNNEST(%(a)s::pg_catalog.text[], %(b)s::pg_catalog.text[]) AS w (a, b)",
    ],
)
def test_what_is_named_or_no_lookup_is_not_found(statement: str) -> None:
    assert looked_up(statement) == []


UNPINNED = (
    "pin",
    "find_names",
    "process",
    "leave_mark",
    "read_mark",
    "wipe_mark",
    "activity",
)
"""Statements of sessions whose search path is not pinned yet, or never."""


@pytest.mark.parametrize("name", UNPINNED)
def test_a_session_whose_path_is_not_pinned_looks_nothing_up(name: str) -> None:
    assert looked_up(texts("queries/session")[name].replace("{schemas}", "''").replace("{{", "{")) == []


SHOP = """
CREATE TYPE mood AS ENUM ('calm', 'wild');
CREATE TYPE pair AS (number int, word text);
CREATE DOMAIN code AS text CHECK (value <> '');
CREATE TABLE product (id int PRIMARY KEY, mood mood, place pair, code code, tags int[], price numeric);
CREATE TABLE value (product_id int, attribute_id int, content text, PRIMARY KEY (product_id, attribute_id));
CREATE TABLE by_mood (mood mood PRIMARY KEY, word text);
CREATE TABLE keyless (product_id int, mood mood, at timestamptz);
"""
FEEDS = {
    "products": (
        "SELECT p.id, p.mood, p.place, p.code, p.tags, p.price, v.content, m.word FROM product AS p"
        " LEFT JOIN value AS v ON v.product_id = p.id AND v.attribute_id = 73"
        " LEFT JOIN by_mood AS m ON m.mood = p.mood"
    ),
    "others": (
        "SELECT p.id, (SELECT count(*) FROM keyless AS k WHERE k.product_id = p.id AND k.mood = 'wild') AS n"
        " FROM product AS p WHERE p.price > 1.5 AND p.code <> 'x' AND p.mood IS NOT NULL"
    ),
}


def test_the_bodies_of_capture_functions_look_nothing_up(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SHOP)
        daemon = Bed(tmp_path, database)
        for name, query in FEEDS.items():
            daemon.add_feed(name, query, key=["id"])
        daemon.install()
        bodies = connection.execute(
            "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'cdc'::regnamespace"
        ).fetchall()
    assert len(bodies) == 4
    assert {name: found for name, body in bodies if (found := looked_up(body))} == {}
