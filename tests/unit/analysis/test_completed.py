"""What an analysis holds beside its routes."""

from __future__ import annotations

from dataclasses import replace

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.completed import accepting
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery, Output, TableName
from cdc_daemon.analysis.model.plan import Analysis, RouteKind, Verdict
from tests.support.analysis_fixtures import CATALOGUE

PRODUCT, STOCK = TableName("shop", "product"), TableName("shop", "stock")


def analysed(
    query: str, catalogue: Catalogue = CATALOGUE, reads: tuple[TableName, ...] | None = None
) -> Analysis:
    outputs = (Output("id", "integer"),)
    return analyse(FeedQuery("feed", query, query, outputs, ("id",), ("id",), reads), catalogue)


def test_each_change_of_a_table_that_the_feed_declares_means_every_entity() -> None:
    found = analysed("SELECT p.id FROM shop.product p", reads=(STOCK,)).occurrences

    assert [each.kind for each in found if each.table == STOCK] == [RouteKind.ALL]


def test_a_relation_that_no_trigger_can_watch_is_named_and_has_no_occurrence() -> None:
    view = replace(CATALOGUE.tables[STOCK], kind="materialized view")
    catalogue = replace(CATALOGUE, tables={**CATALOGUE.tables, STOCK: view})
    found = analysed(
        "SELECT p.id, s.qty FROM shop.product p JOIN shop.stock s ON s.product_id = p.id", catalogue
    )

    assert [each.table for each in found.occurrences] == [PRODUCT]
    assert found.unwatched == {STOCK}


def test_the_configuration_accepts_a_verdict_by_its_name() -> None:
    verdicts = Verdict("star", "", ""), Verdict("clock", "", "")
    found = accepting(Analysis("feed", (), verdicts), ["star"])

    assert [each.accepted for each in found.verdicts] == [True, False]


def test_a_recomputation_looks_the_entity_up_in_its_table() -> None:
    assert [each.table for each in analysed("SELECT p.id FROM shop.product p").lookups] == [PRODUCT]


def test_a_table_of_a_query_that_is_not_understood_has_its_first_place() -> None:
    query = "SELECT p.id FROM\n  shop.product p JOIN shop.stock s USING (id) WHERE p.id = = 0"
    places = {each.table: (each.line, each.column) for each in analysed(query).occurrences}

    assert places[STOCK] == (2, 28)
