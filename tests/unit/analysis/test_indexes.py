"""Which visit is told that it lacks an index, and which statement makes it."""

from __future__ import annotations

from dataclasses import replace

from cdc_daemon.analysis.model.catalogue import Catalogue, Column, Table, TableName
from cdc_daemon.analysis.model.plan import Analysis, Occurrence, Route, RouteKind, Visit
from cdc_daemon.analysis.report.indexes import SMALL_TABLE_ROWS, create_index, missing_indexes, served

NAME = TableName("shop", "visit")
COLUMNS = {name: Column(name, "integer", "integer", not_null=True) for name in ("a", "b")}
TABLE = Table(NAME, 1, COLUMNS)
BY_A, BY_B = Visit(NAME, ("a",)), Visit(NAME, ("b",))


def missing(table: Table, *visits: Visit, lookups: tuple[Visit, ...] = ()) -> list[str]:
    route = Route(RouteKind.JOIN, ("id",), "SELECT 1", None, visits)
    occurrence = Occurrence(TableName("shop", "tax"), "t", ("a",), ("a",), (route,))
    analysis = Analysis("feed", (occurrence,), lookups=lookups)
    return [verdict.hint for verdict in missing_indexes(analysis, Catalogue({NAME: table}))]


def test_an_index_serves_by_its_first_column() -> None:
    assert served(BY_A, replace(TABLE, indexes=(("a", "b"),)))
    assert not served(BY_B, replace(TABLE, indexes=(("a", "b"),)))


def test_an_index_on_an_expression_serves_however_that_is_spelled() -> None:
    table = replace(TABLE, index_expressions=("lower( a )",))
    assert served(Visit(NAME, (), ("lower(a)",)), table)
    assert not served(Visit(NAME, (), ("upper(a)",)), table)


def test_only_the_index_of_a_table_without_partitions_is_made_by_a_helper_session_writers() -> None:
    assert create_index(BY_A, TABLE) == "CREATE INDEX CONCURRENTLY ON shop.visit (a);"
    assert create_index(BY_A, replace(TABLE, partitioned=True)) == "CREATE INDEX ON shop.visit (a);"
    assert create_index(Visit(NAME, ()), TABLE) is None


def test_a_small_table_needs_no_index_but_one_that_is_empty_yet_may_grow() -> None:
    assert not missing(replace(TABLE, rows=SMALL_TABLE_ROWS - 1), BY_A)
    assert missing(replace(TABLE, rows=SMALL_TABLE_ROWS), BY_A)
    assert missing(replace(TABLE, rows=0), BY_A)
    assert missing(TABLE, BY_A)


def test_a_table_that_no_trigger_can_watch_is_told_nothing_of_indexes() -> None:
    assert not missing(replace(TABLE, kind="materialized view"), BY_A)


def test_each_missing_index_is_told_once() -> None:
    assert len(missing(TABLE, BY_A, BY_A)) == 1
    assert len(missing(TABLE, BY_A, BY_B)) == 2
    assert len(missing(TABLE, BY_A, lookups=(BY_A,))) == 1


def test_one_index_is_enough_to_find_an_entity() -> None:
    assert not missing(replace(TABLE, indexes=(("a",),)), lookups=(BY_A, BY_B))
    assert not missing(replace(TABLE, indexes=(("b",),)), lookups=(BY_A, BY_B))
    assert missing(TABLE, lookups=(BY_A, BY_B)) == ["CREATE INDEX CONCURRENTLY ON shop.visit (a);"]


def test_an_index_that_begins_with_a_constant_of_the_query_serves() -> None:
    table = replace(TABLE, indexes=(("b", "a"),))
    assert served(Visit(NAME, ("a",), constants=("b",)), table)
    assert not served(Visit(NAME, ("a",)), table)


def test_a_table_that_each_recomputation_reads_whole_is_told() -> None:
    analysis = Analysis("feed", (), joined_lookups=(BY_A,))
    [told] = missing_indexes(analysis, Catalogue({NAME: TABLE}))
    assert told.what == "each recomputation of an entity reads all of shop.visit: no index begins with a"
    assert told.hint == "CREATE INDEX CONCURRENTLY ON shop.visit (a);"
