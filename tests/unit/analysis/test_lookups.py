"""Where a recomputation finds an entity."""

from __future__ import annotations

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import FeedQuery, Output, TableName
from cdc_daemon.analysis.model.plan import Visit
from tests.support.analysis_fixtures import CATALOGUE


def lookups(query: str) -> tuple[Visit, ...]:
    return analyse(
        FeedQuery("feed", query, query, (Output("k", "integer"),), ("k",), ("k",)), CATALOGUE
    ).lookups


def by_column(table: str, column: str) -> Visit:
    return Visit(TableName("shop", table), (column,))


def test_a_column_is_found_by_its_name_in_the_catalogue() -> None:
    assert lookups("SELECT p.number AS k FROM shop.product p(number)") == (by_column("product", "id"),)


def test_an_expression_of_one_table_is_found_by_an_index_on_it() -> None:
    assert lookups("SELECT lower(p.sku) AS k FROM shop.product p") == (
        Visit(TableName("shop", "product"), (), ("lower(sku)",)),
    )


def test_an_expression_of_other_names_or_of_two_tables_is_found_by_none() -> None:
    assert lookups("SELECT lower(p.b) AS k FROM shop.product p(a, b)") == ()
    assert lookups("SELECT p.id + s.qty AS k FROM shop.product p, shop.stock s") == ()


def test_an_aggregate_is_found_by_no_index() -> None:
    assert lookups("SELECT max(p.id) AS k FROM shop.product p GROUP BY p.sku") == ()


def test_each_arm_of_a_set_operation_is_looked_up_and_each_column_once() -> None:
    query = (
        "SELECT p.id AS k FROM shop.product p UNION SELECT s.product_id FROM shop.stock s "
        "UNION SELECT q.id FROM shop.product q"
    )
    assert lookups(query) == (by_column("product", "id"), by_column("stock", "product_id"))


def test_of_two_outputs_of_one_name_the_entity_is_the_first() -> None:
    assert lookups("SELECT p.id AS k, p.sku AS k FROM shop.product p") == (by_column("product", "id"),)
