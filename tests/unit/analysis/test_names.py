"""Which source a column belongs to, and of which type it is."""

from __future__ import annotations

import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.analysis.model.dialect import column, render
from cdc_daemon.analysis.model.plan import Analysis, Occurrence
from cdc_daemon.analysis.model.scopes import WHOLE_ROW, Source
from cdc_daemon.analysis.read.names import null_of
from cdc_daemon.errors import FeedError
from tests.support.analysis_fixtures import CATALOGUE, feed_query

PRODUCT = TableName("shop", "product")
TREE = (
    "WITH RECURSIVE t(id, parent_id) AS (SELECT c.id, c.parent_id FROM shop.category c UNION ALL "
    "SELECT c.id, c.parent_id FROM shop.category c JOIN t t_1 ON c.parent_id = t_1.id)"
)


def analysed(query: str) -> Analysis:
    return analyse(feed_query(query, "k"), CATALOGUE)


def occurrence(query: str, alias: str) -> Occurrence:
    return next(each for each in analysed(query).occurrences if each.alias == alias)


def visits_product(query: str, alias: str) -> bool:
    """Whether a change of a table looks the entity up in the products, or has it at once."""
    return any(visit.table == PRODUCT for route in occurrence(query, alias).routes for visit in route.visits)


@pytest.mark.parametrize("name", ["xmin", "p.ctid"])
def test_a_system_column_is_refused(name: str) -> None:
    with pytest.raises(FeedError, match="is not a column of any source table in sight"):
        analysed(f"SELECT p.id AS k, {name} AS version FROM shop.product p")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (
            "SELECT id AS k FROM shop.product p CROSS JOIN shop.store s",
            'column "id" could be one of several',
        ),
        ("SELECT p.nothing AS k FROM shop.product p", 'nothing in sight is called "p.nothing"'),
        ("SELECT nothing AS k FROM shop.product p", 'nothing in sight is called "nothing"'),
        ("SELECT q.id AS k FROM shop.product p", 'nothing in sight is called "q.id"'),
    ],
)
def test_a_query_with_a_column_that_is_not_found_is_followed_nowhere(query: str, reason: str) -> None:
    assert {each.reason for each in analysed(query).occurrences} == {reason}


def test_a_set_operation_has_the_type_of_its_arms_if_they_have_one() -> None:
    """Half of an integer is another number than half of the numeric that an arm of numerics makes of it."""
    query = (
        "SELECT t.k / 2 AS k FROM (SELECT p.{} AS k FROM shop.product p UNION ALL "
        "SELECT q.category_id FROM shop.product q) t"
    )
    assert occurrence(query.format("id"), "q").links == ("category_id",)
    assert occurrence(query.format("price"), "q").links == ()


def test_a_recursion_has_the_types_of_its_base() -> None:
    query = f"{TREE} SELECT p.category_id / 2 AS k FROM shop.product p JOIN t ON t.id = p.category_id"

    assert not visits_product(query, "c")


def test_what_a_clause_adds_to_a_recursion_is_of_no_type_that_is_known() -> None:
    query = f"{TREE} CYCLE id SET again USING way SELECT t.id AS k, t.way FROM t WHERE NOT t.again"

    assert occurrence(query, "c").links == ("id",)


def test_a_column_around_a_subquery_has_its_type() -> None:
    """A cast of a varchar to text is the column itself, also where a subquery names it."""
    query = (
        "SELECT p.sku AS k, (SELECT max(c.id) AS max FROM shop.category c WHERE c.name = p.sku::text) "
        "AS best FROM shop.product p"
    )
    assert not visits_product(query, "c")


def test_what_depends_on_a_row_around_can_not_be_visited_without_it() -> None:
    """The row around is two queries away; those between are looked into, not read as they stand."""
    query = (
        "SELECT p.id AS k, (SELECT max(o.id) AS max FROM shop.orders o JOIN LATERAL (SELECT i.order_id, "
        "i.product_id FROM shop.item i{}) x ON x.order_id = o.id WHERE x.product_id = p.id) AS newest "
        "FROM shop.product p"
    )
    assert occurrence(query.format(""), "o").links == ("id",)
    behind = occurrence(query.format(" WHERE i.qty > p.category_id"), "o").routes[0].sql
    assert " ".join(behind.split()) == (
        "SELECT i.product_id AS k FROM delta JOIN shop.item AS i ON i.order_id = delta.id"
    )


def test_a_null_is_of_the_type_of_the_column_that_it_stands_for() -> None:
    table = CATALOGUE.tables[PRODUCT]
    names = tuple(table.columns)
    source = Source("p", "p", names, table=table, real=dict(zip(names, names, strict=True)))

    assert render(null_of({"p": source}, column("p", "sku"))) == "CAST(NULL AS character varying)"
    assert render(null_of({}, column("p", "sku"))) == "NULL"
    assert render(null_of({"p": source}, column("p", WHOLE_ROW))) == "CAST(NULL AS shop.product)"
