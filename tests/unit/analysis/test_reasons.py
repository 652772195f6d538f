"""Each *all* names the construct that is to blame, where it stands, and what would make it precise."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import FeedQuery, Output
from cdc_daemon.analysis.model.plan import RouteKind
from cdc_daemon.analysis.model.scopes import Construct
from cdc_daemon.analysis.report.reasons import location_of
from cdc_daemon.analysis.source_text import Locations, SqlText
from tests.support.analysis_fixtures import CATALOGUE, feed_query


def reasons(query: str) -> dict[str, str]:
    """Why a change of a table, by its alias, means every entity."""
    outputs = (Output("id", "integer"),)
    analysis = analyse(FeedQuery("feed", query, query, outputs, ("id",), ("id",)), CATALOGUE)
    return {each.alias: each.reason or "" for each in analysis.occurrences if each.kind is RouteKind.ALL}


@pytest.mark.parametrize(
    ("query", "alias", "construct", "remedy"),
    [
        (
            "SELECT p.id,\n  rank() OVER (ORDER BY p.price) AS r FROM shop.product p",
            "p",
            "the window of rank() at 2:3 has no PARTITION BY",
            "PARTITION BY a column that the entity determines",
        ),
        (
            "SELECT i.id, count(*) OVER (PARTITION BY i.qty), rank() OVER (ORDER BY i.id) FROM shop.item i",
            "i",
            "the window of rank() at 1:50",
            "PARTITION BY",
        ),
        (
            "SELECT p.id FROM shop.product p\nORDER BY p.id\nLIMIT 3",
            "p",
            "LIMIT at 3:1",
            "LATERAL subquery",
        ),
        ("SELECT p.id FROM shop.product p ORDER BY p.id OFFSET 3", "p", "OFFSET at 1:47", "LATERAL"),
        (
            "SELECT p.id, (SELECT max(s.qty) AS max FROM shop.stock s) AS most FROM shop.product p",
            "s",
            "the subquery that reads s",
            "compare a column in it for equality",
        ),
        (
            "SELECT p.id FROM shop.product p WHERE p.id IN (SELECT max(s.qty) AS max FROM shop.stock s)",
            "s",
            "what the subquery that reads it is compared with is computed of many rows",
            "EXISTS",
        ),
        (
            "SELECT p.id FROM shop.product p WHERE p.* IN (SELECT s.* AS s FROM shop.product s)",
            "s",
            "compared with a whole row",
            "EXISTS with an equality of the whole rows",
        ),
        (
            (
                "SELECT p.id FROM shop.product p JOIN (SELECT s.price, count(*) AS n FROM shop.product s "
                "GROUP BY s.price) t ON t.price < p.price"
            ),
            "s",
            "t is joined by t.price < p.price, whose side of t stands for a group of values that are equal",
            "LATERAL",
        ),
        (
            "SELECT p.id FROM shop.product p CROSS JOIN shop.store s",
            "s",
            "no condition joins s with p (a cross join)",
            "yield a key of s and name it in `entity`",
        ),
        (
            "SELECT p.id FROM shop.product p JOIN (SELECT max(s.qty) AS n FROM shop.stock s) t ON t.n = p.id",
            "s",
            "t is joined by t.n = p.id",
            "one of its GROUP BY",
        ),
        (
            (
                "SELECT x.id FROM (SELECT max(p.id) AS id FROM shop.product p GROUP BY p.category_id "
                "UNION ALL SELECT c.id FROM shop.category c) x"
            ),
            "p",
            "id is not a value of single rows (an aggregate",
            "those of GROUP BY",
        ),
        (
            (
                "SELECT p.id FROM shop.product p CROSS JOIN (SELECT (SELECT max(s.qty) AS max "
                "FROM shop.stock s) AS most FROM shop.store) x"
            ),
            "s",
            "the subquery that reads s",
            "compare a column in it for equality",
        ),
        (
            (
                "SELECT p.id FROM shop.product p JOIN (SELECT max(o.id) AS n FROM shop.orders o "
                "UNION ALL SELECT max(s.qty) FROM shop.stock s) t ON t.n = p.id"
            ),
            "s",
            "t is joined by t.n = p.id",
            "one of its GROUP BY",
        ),
        (
            (
                "SELECT p.id FROM shop.product p JOIN (SELECT max(s.qty) AS quantity FROM shop.stock s) "
                "quantities ON quantities.quantity = p.category_id + p.category_id + p.category_id"
            ),
            "s",
            "is joined by quantities.quantity = p.category_id + p.category_id + p.cate …",
            "one of its GROUP BY",
        ),
        (
            """SELECT p.id, (SELECT count(*) FROM (SELECT c.id FROM shop.category c WHERE c.parent_id = p.id
            UNION SELECT s.id FROM shop.store s) v JOIN shop.orders o ON o.id = v.id) AS n
            FROM shop.product p""",
            "s",
            "nothing where v reads s refers to a row around it",
            "compare a column there for equality with one of the query around",
        ),
        (
            """WITH RECURSIVE t(k, id) AS (SELECT c.parent_id, count(*) FROM shop.category c
            GROUP BY c.parent_id UNION ALL SELECT t.k, t.id FROM t JOIN shop.store s ON s.id > t.id)
            SELECT t.id FROM t""",
            "c",
            "id is not a value of single rows",
            "name columns of rows in `entity`",
        ),
        (
            "SELECT max(p.id) AS id FROM shop.product p GROUP BY p.category_id",
            "p",
            "id is not a value of single rows (an aggregate",
            "those of GROUP BY",
        ),
    ],
)
def test_a_reason_names_the_construct_its_place_and_the_remedy(
    query: str, alias: str, construct: str, remedy: str
) -> None:
    reason = reasons(query)[alias]

    assert construct in reason
    assert remedy in reason.partition(construct)[2]


def test_more_outer_joins_than_can_be_told_apart_are_to_blame_themselves() -> None:
    joins = "".join(
        f" LEFT JOIN shop.category c{n} ON c{n}.id = {f'c{n - 1}.parent_id' if n else 'p.category_id'}"
        for n in range(6)
    )
    first = ", ".join(f"c{n}.parent_id" for n in range(6))
    reason = reasons(f"SELECT COALESCE({first}, p.id) AS id FROM shop.product p{joins}")["p"]
    assert "more outer joins than can be told apart" in reason


def test_what_a_view_wrote_has_no_place_in_the_text_of_the_query() -> None:
    text = SqlText("SELECT p.id FROM shop.product p LIMIT 1")

    assert location_of(Construct("LIMIT", "", None, ("limit",)), Locations(text, text)) is None


@pytest.mark.parametrize(
    "query",
    [
        # in the place of p IN (SELECT s …)
        "SELECT p.id FROM shop.product p WHERE (EXISTS ( SELECT FROM shop.product s WHERE (s.* = p.*)))",
        # in the place of a group that is joined by t.price < p.price
        """SELECT p.id, t.n FROM shop.product p CROSS JOIN LATERAL ( SELECT s.price, count(*) AS n
            FROM shop.product s WHERE (s.price < p.price) GROUP BY s.price) t""",
        # in the place of a chosen row that alone is the entity
        """SELECT p.id FROM shop.category c JOIN shop.product p ON p.category_id = c.id AND p.id = (
            SELECT max(s.id) AS max FROM shop.product s WHERE (s.category_id = c.id))""",
    ],
)
def test_what_a_reason_asks_for_helps(query: str) -> None:
    kinds = {each.alias: each.kind for each in analyse(feed_query(query), CATALOGUE).occurrences}
    assert RouteKind.ALL not in kinds.values(), kinds
