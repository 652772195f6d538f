"""Functions, operators and types that a stranger planted to be called instead of PostgreSQL's."""

from __future__ import annotations

from typing import Any

import psycopg

# Everything that a body names, and what PostgreSQL looks up by itself for other spellings of the same.
SHADOWS = """
CREATE SCHEMA evil;
CREATE TABLE evil.called (what text);
GRANT USAGE ON SCHEMA evil TO PUBLIC;
GRANT INSERT ON evil.called TO PUBLIC;
CREATE FUNCTION evil.trap(what text) RETURNS void LANGUAGE sql AS
    $$INSERT INTO evil.called VALUES (what || ' as ' || current_user)$$;
CREATE FUNCTION evil.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('unnest'); RETURN; END$$;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('clock_timestamp'); RETURN NULL; END$$;
CREATE FUNCTION evil.pg_current_xact_id() RETURNS xid8 LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('pg_current_xact_id'); RETURN NULL; END$$;
CREATE FUNCTION evil.date_part(text, timestamptz) RETURNS float8 LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('date_part'); RETURN 0; END$$;
CREATE FUNCTION evil.gather(state anyarray, value anynonarray) RETURNS anyarray LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('array_agg'); RETURN state; END$$;
CREATE AGGREGATE evil.array_agg(anynonarray) (SFUNC = evil.gather, STYPE = anyarray, INITCOND = '{}');
CREATE FUNCTION evil.either(state boolean, value boolean) RETURNS boolean LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('bool_or'); RETURN state; END$$;
CREATE AGGREGATE evil.bool_or(boolean) (SFUNC = evil.either, STYPE = boolean);
CREATE FUNCTION evil.counted(state bigint) RETURNS bigint LANGUAGE plpgsql AS
    $$BEGIN PERFORM evil.trap('count'); RETURN 0; END$$;
CREATE AGGREGATE evil.count(*) (SFUNC = evil.counted, STYPE = bigint, INITCOND = '0');
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.trap('type text') IS NOT NULL);
CREATE DOMAIN evil.int8 AS pg_catalog.int8 CHECK (evil.trap('type int8') IS NOT NULL);
CREATE DOMAIN evil.bool AS pg_catalog.bool CHECK (evil.trap('type bool') IS NOT NULL);
"""


OPERATORS = [
    (operator, left, left)
    for left in ("integer", "bigint", "pg_catalog.text", "boolean", "numeric", "uuid")
    for operator in ("=", "<>", ">", "-", "+", "%", "/")
] + [("||", "anyarray", "anyarray"), ("||", "anyarray", "anynonarray"), ("*<>", "record", "record")]


def plant(session: psycopg.Connection[tuple[Any, ...]]) -> None:
    session.execute(SHADOWS.encode())
    for number, (operator, left, right) in enumerate(OPERATORS):
        array = left == "anyarray"
        result = "anyarray" if array else "boolean"
        value = "$1" if array else "false"
        session.execute(
            f"CREATE FUNCTION evil.operator_{number}({left}, {right}) RETURNS {result} LANGUAGE plpgsql AS"
            f" $$BEGIN PERFORM evil.trap('{operator}'); RETURN {value}; END$$;"
            f" CREATE OPERATOR evil.{operator} (FUNCTION = evil.operator_{number}, LEFTARG = {left},"
            f" RIGHTARG = {right})".encode()
        )
