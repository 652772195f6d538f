"""Groups under a nondeterministic collation, of which the server shows any spelling."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import Catalogue, Column, FeedQuery, Table, TableName

SET_OPERATION = "UNION, INTERSECT or EXCEPT"
CASELESS = Column("name", "text", "text", not_null=False, collation="public.ci", deterministic=False)
PERSON = Table(
    TableName("shop", "person"),
    1,
    {"id": Column("id", "integer", "integer", not_null=True), "name": CASELESS},
    ("id",),
    (("id",),),
)


def warned(query: str) -> list[tuple[str, int | None, int | None]]:
    catalogue = Catalogue({PERSON.name: PERSON})
    analysis = analyse(FeedQuery("feed", query, query, (), ("k",), ("k",)), catalogue)
    return [
        (each.what.split(" takes ")[0], each.line, each.column)
        for each in analysis.verdicts
        if each.name == "equal-spellings"
    ]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("SELECT p.name AS k, count(*) AS n FROM shop.person p GROUP BY p.name", "GROUP BY"),
        ("SELECT p.name || 'x'::text AS k FROM shop.person p GROUP BY p.name", "GROUP BY"),
        ("SELECT p.name AS k FROM shop.person p WHERE p.name = 'a'::text GROUP BY p.name", "GROUP BY"),
        ("SELECT DISTINCT p.name AS k FROM shop.person p", "DISTINCT"),
        ("SELECT p.name AS k FROM shop.person p UNION SELECT p.name FROM shop.person p", SET_OPERATION),
        (
            "SELECT q.name AS k FROM (SELECT p.name FROM shop.person p INTERSECT SELECT 'a'::text) q",
            SET_OPERATION,
        ),
    ],
)
def test_a_spelling_that_the_server_chooses_is_told(query: str, word: str) -> None:
    assert warned(query) == [(word, 1, query.index("name") + 1)]


@pytest.mark.parametrize(
    "query",
    [
        'SELECT min(p.name COLLATE "C") AS k, count(*) AS n FROM shop.person p GROUP BY p.name',
        'SELECT p.name COLLATE "C" AS k FROM shop.person p GROUP BY (p.name COLLATE "C")',
        "SELECT p.id AS k, p.name FROM shop.person p GROUP BY p.id, p.name",
        "SELECT DISTINCT p.id AS k, p.name FROM shop.person p",
        "SELECT p.name AS k FROM shop.person p UNION ALL SELECT p.name FROM shop.person p",
        "SELECT p.id AS k, p.name FROM shop.person p WHERE p.name = 'a'::text",
    ],
)
def test_a_spelling_that_rows_decide_is_not(query: str) -> None:
    assert warned(query) == []
