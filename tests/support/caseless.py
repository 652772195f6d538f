"""A type with an equality of its own, as citext has: capitals make no difference. It needs no extension."""

from __future__ import annotations

CASELESS = """
CREATE TYPE caseless;
CREATE FUNCTION caseless_in(cstring) RETURNS caseless LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION caseless_out(caseless) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE caseless (
    INPUT = caseless_in, OUTPUT = caseless_out, LIKE = text, CATEGORY = 'S', COLLATABLE = true
);
CREATE CAST (caseless AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (text AS caseless) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE FUNCTION caseless_cmp(a caseless, b caseless) RETURNS int LANGUAGE sql IMMUTABLE STRICT
    RETURN bttextcmp(lower(a::text), lower(b::text));
"""
for name, sign in (("lt", "<"), ("le", "<="), ("eq", "="), ("ge", ">="), ("gt", ">")):
    CASELESS += f"""
CREATE FUNCTION caseless_{name}(a caseless, b caseless) RETURNS bool LANGUAGE sql IMMUTABLE STRICT
    RETURN lower(a::text) {sign} lower(b::text);
CREATE OPERATOR {sign} (FUNCTION = caseless_{name}, LEFTARG = caseless, RIGHTARG = caseless);
"""
CASELESS += """
CREATE OPERATOR CLASS caseless_ops DEFAULT FOR TYPE caseless USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 caseless_cmp(caseless, caseless);
"""
"""Creates the type `caseless` with its operators and its operator class."""
