"""What the text of a function's body shows of the tables and clocks that it reads."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.lint.function_bodies import names_in, reads_clock, relation_read, runs_on


@pytest.mark.parametrize(
    ("body", "relation"),
    [
        ("SELECT rate FROM shop.tax_rate", "shop.tax_rate"),
        ("SELECT 1 FROM (SELECT 1) q JOIN shop.tax_rate USING (id)", "shop.tax_rate"),
        ("SELECT 1 FROM ONLY shop.tax_rate", "shop.tax_rate"),
        ("BEGIN EXECUTE query INTO found; END", "EXECUTE"),
        ("SELECT extract(year FROM day)", None),
        ("SELECT a IS DISTINCT FROM b", None),
        ("SELECT n FROM generate_series(1, 3) n", None),
        ("SELECT 'from shop.tax_rate'", None),
        ("SELECT greatest($1,$2) + rate FROM shop.tax_rate", "shop.tax_rate"),
        ("SELECT $q$,$1,$q$ FROM shop.tax_rate", "shop.tax_rate"),
        ("SELECT $1 -- it isn't\n FROM shop.tax_rate", "shop.tax_rate"),
    ],
)
def test_a_body_shows_a_relation_that_it_reads(body: str, relation: str | None) -> None:
    assert relation_read(body) == relation


@pytest.mark.parametrize(
    ("body", "clock", "goes_on"),
    [
        ("SELECT current_date", True, False),
        ("SELECT pg_catalog.now()", True, False),
        ("SELECT clock_timestamp()", True, True),
        ("SELECT t.now FROM t", False, False),
        ("SELECT 'current_date'", False, False),
    ],
)
def test_a_body_shows_a_clock_and_whether_it_goes_on(body: str, clock: bool, goes_on: bool) -> None:
    assert (reads_clock(body), runs_on(body)) == (clock, goes_on)


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN RETURN shop.tax($1,$2); END",
        "BEGIN RETURN $q$it isn't$q$ || shop.tax($1,$2,$3); END",
        "# it isn't SQL\nreturn plpy.execute('SELECT' + shop.tax(args))",
        'SELECT "unfinished || shop.tax(1)',
    ],
)
def test_a_body_shows_the_functions_that_it_may_call(body: str) -> None:
    assert ("shop", "tax") in names_in(body)
