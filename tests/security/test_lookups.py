"""What the statements' test finds, and what it does not take for a lookup."""

from __future__ import annotations

import pytest

from cdc_daemon.pg.statements import texts
from tests.security.lookups import looked_up


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
