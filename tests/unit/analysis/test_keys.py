"""What the catalogue's keys say of two rows, and what they don't."""

from __future__ import annotations

import re
from dataclasses import replace

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import Catalogue, Column, FeedQuery, Output, Table, TableName
from cdc_daemon.analysis.model.plan import Occurrence
from tests.support.analysis_fixtures import CATALOGUE

BOOKING = CATALOGUE.tables[TableName("shop", "booking")]
CUSTOMER = CATALOGUE.tables[TableName("shop", "customer")]
BOOKINGS = "SELECT a.tenant_id, a.id, b.amount FROM shop.account a JOIN shop.booking b ON b.account_id = a.id"
# The entity is the account's tenant: a booking finds it by the key that is compared, or has it already.
BY_KEY = ("account_id",)
AT_ONCE = ("tenant_id",)


def links(query: str, alias: str, *tables: Table) -> tuple[str, ...]:
    """The columns with which a row's change is followed to the first column of the query."""
    return occurrence(query, alias, *tables).links


def occurrence(query: str, alias: str, *tables: Table) -> Occurrence:
    entity = (re.split(r"\W+", query.partition(",")[0])[-1],)
    catalogue = Catalogue({**CATALOGUE.tables, **{table.name: table for table in tables}})
    feed = FeedQuery("feed", query, query, (Output(entity[0], "integer"),), entity, entity)
    return next(each for each in analyse(feed, catalogue).occurrences if each.alias == alias)


def with_column(table: Table, name: str, *, not_null: bool, type_: str = "integer") -> Table:
    column = Column(name, type_, type_, not_null)
    return replace(table, columns={**table.columns, name: column})


def test_a_foreign_key_of_several_columns_agrees_in_all_of_them() -> None:
    assert links(BOOKINGS, "b") == AT_ONCE


def test_a_column_that_the_query_does_not_use_is_not_captured_for_its_key() -> None:
    query = "SELECT a.id, b.amount FROM shop.account a JOIN shop.booking b ON b.account_id = a.id"

    assert occurrence(query, "b").columns == ("account_id", "amount")


def test_a_foreign_key_that_may_be_null_says_nothing() -> None:
    """With a NULL in it PostgreSQL does not check the others, and the row may go with any that they equal."""
    assert links(BOOKINGS, "b", with_column(BOOKING, "tenant_id", not_null=False)) == BY_KEY


def test_a_foreign_key_says_nothing_of_another_table() -> None:
    elsewhere = replace(BOOKING.foreign_keys[0], references=TableName("shop", "old_account"))

    assert links(BOOKINGS, "b", replace(BOOKING, foreign_keys=(elsewhere,))) == BY_KEY


def test_an_equality_of_another_join_is_no_part_of_the_key() -> None:
    """Two parts of the key are compared where the row is joined, the third only where a store is."""
    query = (
        "SELECT y.amount, z.code FROM shop.price x "
        "LEFT JOIN shop.price y ON y.product_id = x.product_id AND y.group_id = x.group_id{} "
        "LEFT JOIN shop.store z ON z.id = y.store_id{}"
    )
    third = " AND y.store_id = x.store_id"

    assert links(query.format(third, ""), "x") == ("amount",)
    assert links(query.format("", third), "x") == ("group_id", "product_id")


def test_a_foreign_key_of_another_type_carries_an_equal_value_no_more() -> None:
    """The entity is a function of the account's tenant, which a numeric of the same value need not share."""
    query = BOOKINGS.replace("a.tenant_id,", "a.tenant_id / 2 AS tenant_id,")
    numeric = with_column(BOOKING, "tenant_id", not_null=True, type_="numeric")

    assert links(query, "b") == AT_ONCE
    assert links(query, "b", numeric) == BY_KEY


def test_rows_that_are_null_together_are_not_one_row() -> None:
    """NULL IS NOT DISTINCT FROM NULL, of any number of rows of which a unique key knows none."""
    query = "SELECT y.id, x.group_id FROM shop.customer x JOIN shop.customer y ON {}"
    unique = with_column(CUSTOMER, "email", not_null=False, type_="text")

    assert links(query.format("y.email = x.email"), "x", unique) == ("id",)
    assert links(query.format("y.email IS NOT DISTINCT FROM x.email"), "x", unique) == ("email",)
