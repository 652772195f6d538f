"""A schema full of shadows: for every operator and function that we use, others of the same name that raise.

Tables are there for all of pg_catalog: without columns, so that each use of one fails.

They fit better than PostgreSQL's own where the types compared are not those that an operator is declared for
(varchar, oid, name), and everywhere where the schema stands before pg_catalog in a search path.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import psycopg

from cdc_daemon.pg.statements import sql_directory

FIRST = "shadow, pg_catalog, public"
"""A search path in which every unqualified name is a shadow's."""

TYPES = (
    *("text", "varchar", "bpchar", "name", '"char"', "bool", "int2", "int4", "int8", "numeric", "float8"),
    *("oid", "xid", "xid8", "json", "jsonb", "bytea", "timestamptz", "timestamp", "date", "interval", "uuid"),
    *("pg_snapshot", "regclass", "regnamespace", "regproc", "_text", "_varchar", "_name", "_int4", "_int8"),
    *("_oid", "_jsonb"),
)
"""Types that our statements compare with one another."""

MIXED = (
    ("text", "varchar", "name", '"char"'),
    ("oid", "regclass", "regnamespace", "regproc", "int2", "int4", "int8", "numeric", "float8"),
    ("jsonb", "text", "int4", "jsonb"),
    ("timestamptz", "interval", "float8", "int4"),
    ("_text", "text"),
)
"""Types that are compared with types of another name."""

POLYMORPHIC = (
    *(("anyelement", "anyelement"), ("anyarray", "anyarray"), ("anyarray", "anyelement")),
    *(("anyenum", "anyenum"), ("anycompatible", "anycompatible")),
)

_CALL = re.compile(r"\b([a-z_][a-z0-9_]*)\s*\(")

_CAST = """
CREATE SCHEMA shadow;
GRANT USAGE ON SCHEMA shadow TO PUBLIC;
-- What is swallowed by a handler shows all the same: a sequence is not rolled back.
CREATE SEQUENCE shadow.called;
GRANT ALL ON SEQUENCE shadow.called TO PUBLIC;
DO $do$
DECLARE
    op text; sig record; fn record; shadow text;
    body text := $body$BEGIN
        PERFORM pg_catalog.nextval('shadow.called');
        RAISE EXCEPTION 'a shadow was called: %%', %L;
    END$body$;
BEGIN
    FOR op IN SELECT DISTINCT oprname FROM pg_operator WHERE oprkind = 'b' LOOP
        FOR sig IN
            SELECT * FROM unnest($lefts$LEFTS$lefts$::text[], $rights$RIGHTS$rights$::text[]) AS s (a, b)
        LOOP
            BEGIN
                shadow := format('%s (%s, %s)', op, sig.a, sig.b);
                EXECUTE format('CREATE FUNCTION shadow.%I(%s, %s) RETURNS bool LANGUAGE plpgsql AS %L',
                               'operator ' || op, sig.a, sig.b, format(body, shadow));
                EXECUTE format(
                    'CREATE OPERATOR shadow.%s (FUNCTION = shadow.%I, LEFTARG = %s, RIGHTARG = %s)',
                    op, 'operator ' || op, sig.a, sig.b
                );
            EXCEPTION WHEN OTHERS THEN NULL;  -- not every signature can be
            END;
        END LOOP;
    END LOOP;
    FOR op IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
    LOOP
        EXECUTE format('CREATE TABLE shadow.%I ()', op);
    END LOOP;
    FOR fn IN
        SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments
        FROM pg_proc AS p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname = ANY ($names$NAMES$names$::text[])
        UNION
        SELECT n.name, a.arguments
        FROM unnest($names$NAMES$names$::text[]) AS n (name)
        CROSS JOIN unnest($arguments${
            "", "text", "varchar", "name", "anyelement", "anyarray", "text, text", "text, name", "name, name",
            "anyelement, anyelement", "text, anyelement", "text, text, text", "text, name, name"
        }$arguments$::text[]) AS a (arguments)
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION shadow.%I(%s) RETURNS bool LANGUAGE plpgsql AS %L',
                           fn.proname, fn.arguments,
                           format(body, format('%s(%s)', fn.proname, fn.arguments)));
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $do$;
"""

_NAMES_OF_TYPES = (
    "text",
    "json",
    "jsonb",
    "name",
    "oid",
    "bytea",
    "timestamptz",
    "int8",
    "int4",
    "bool",
    "xid8",
)


def cast_shadows(connection: psycopg.Connection[Any]) -> None:
    """Fill the schema, which everybody may use."""
    pairs = {(type_, type_) for type_ in TYPES}
    for group in MIXED:
        pairs |= set(product(group, group))
    signatures = [*sorted((f"pg_catalog.{a}", f"pg_catalog.{b}") for a, b in pairs), *POLYMORPHIC]
    text = _CAST.replace("LEFTS", _array([left for left, _ in signatures]))
    text = text.replace("RIGHTS", _array([right for _, right in signatures]))
    connection.execute(text.replace("NAMES", _array(sorted(_called()))).encode())
    for name in _NAMES_OF_TYPES:
        connection.execute(f"CREATE DOMAIN shadow.{name} AS pg_catalog.bool CHECK (false)".encode())


def calls(connection: psycopg.Connection[Any]) -> bool:
    """Whether any shadow was called, even where the error went no further."""
    row = connection.execute("SELECT is_called FROM shadow.called").fetchone()
    return row == (True,)


def _called() -> set[str]:
    """Every name before a parenthesis in our statements and in the code that puts them together."""
    package = Path(__file__).parents[2] / "cdc_daemon"
    files = [*sql_directory().rglob("*.sql"), *package.rglob("*.py")]
    return {name for file in files for name in _CALL.findall(file.read_text("utf-8").lower())}


def _array(items: list[str]) -> str:
    quoted = ('"' + item.replace('"', '\\"') + '"' for item in items)
    return "{" + ",".join(quoted) + "}"
