"""A hostile little shop and the queries over it: few values, many NULLs, hardly a key."""

from __future__ import annotations

from tests.support.soundness.beyond import BEYOND
from tests.support.soundness.combined import COMBINED
from tests.support.soundness.correlated import CORRELATED
from tests.support.soundness.fallbacks import FALLBACKS
from tests.support.soundness.nested import NESTED, VIEWS
from tests.support.soundness.null_safe import NULL_SAFE
from tests.support.soundness.plain import PLAIN
from tests.support.soundness.stacked import STACKED
from tests.support.soundness.usual import USUAL
from tests.support.soundness.whole_rows import WHOLE_ROWS

_TABLES = """
CREATE TABLE p (id int PRIMARY KEY, cat int, sku varchar(8), price numeric, tags int[]);
CREATE TABLE c (id int, parent int, name text);
CREATE TABLE s (id int NOT NULL, web int, code text);
CREATE TABLE ps (pid int, sid int, qty int);
CREATE TABLE o (id int, cust int, state int);
CREATE TABLE i (id int, oid int, pid int, n int);
CREATE TABLE a (pid bigint, attr int NOT NULL, sid int, val text);
CREATE SCHEMA own;
CREATE FUNCTION own.alike(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE
    AS 'SELECT $1 % 2 IS NOT DISTINCT FROM $2 % 2';
CREATE OPERATOR own.= (LEFTARG = int, RIGHTARG = int, FUNCTION = own.alike);
"""
SCHEMA = _TABLES + VIEWS

COLUMNS = {
    "p": {"id": "key", "cat": "int", "sku": "text", "price": "numeric", "tags": "ints"},
    "c": {"id": "int", "parent": "int", "name": "text"},
    "s": {"id": "set", "web": "int", "code": "text"},
    "ps": {"pid": "int", "sid": "int", "qty": "int"},
    "o": {"id": "int", "cust": "int", "state": "int"},
    "i": {"id": "int", "oid": "int", "pid": "int", "n": "int"},
    "a": {"pid": "int", "attr": "set", "sid": "int", "val": "word"},
}


CASES = {
    **PLAIN,
    **NESTED,
    **COMBINED,
    **BEYOND,
    **FALLBACKS,
    **CORRELATED,
    **NULL_SAFE,
    **WHOLE_ROWS,
    **STACKED,
    **USUAL,
}
