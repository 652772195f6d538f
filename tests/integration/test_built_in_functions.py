"""Every function of PostgreSQL's own is known by what it depends on, on each server that the tests run on."""

from __future__ import annotations

from cdc_daemon.analysis.lint.built_in import KINDS, UNKNOWN, kind_of
from cdc_daemon.analysis.model.catalogue import Function
from tests.conftest import Connect

FUNCTIONS = """
SELECT p.proname, ARRAY(SELECT format_type(t.type, -1)
                        FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS t (type, place) ORDER BY t.place)
FROM pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.provolatile = 's' AND p.prokind <> 'p'
"""


def test_each_stable_function_of_the_server_is_listed_with_its_reason(connect: Connect) -> None:
    unknown = [
        name
        for name, arguments in connect().execute(FUNCTIONS).fetchall()
        if kind_of(Function("pg_catalog", name, "stable", arguments=tuple(arguments))) is UNKNOWN
    ]
    assert unknown == []


def test_no_function_is_listed_for_two_reasons() -> None:
    names = [name for kind in KINDS for name in kind.functions.split()]
    assert len(names) == len(set(names))


def test_a_function_that_a_later_server_brings_gets_a_verdict() -> None:
    later = Function("pg_catalog", "pg_whatever", "stable")
    assert kind_of(later) is UNKNOWN
