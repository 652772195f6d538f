"""What is read of a feed's query, and how faults in it are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery, TableName
from cdc_daemon.analysis.model.plan import RouteKind
from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.feeds.cross_check import check_routes, cross_check

SCHEMA = """
CREATE TYPE size AS ENUM ('s', 'm');
CREATE DOMAIN code AS text CHECK (value <> '');
CREATE TABLE maker (id int PRIMARY KEY, name text);
CREATE TABLE product (
    id bigint PRIMARY KEY, maker_id int REFERENCES maker, sku varchar(20) UNIQUE, label char(3), size size,
    code code, tags text[], price numeric(10, 2), "Odd Name" text
);
CREATE INDEX ON product (lower(sku), maker_id);
CREATE FUNCTION shown(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';
CREATE VIEW offers AS SELECT id FROM product;
CREATE VIEW known AS SELECT oid::int AS id FROM pg_class;
CREATE MATERIALIZED VIEW summary AS SELECT id FROM product;
"""
PRODUCT = TableName("public", "product")


@pytest.fixture
def connection(database: str) -> Any:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield connection


def read(
    connection: psycopg.Connection[Any], text: str, *names: str, search_path: str = "public"
) -> tuple[FeedQuery, Catalogue]:
    names = names or ("id",)
    return describe(connection, feed="f", text=text, key=names, entity=names, search_path=search_path)


def test_tables_are_read_with_columns_keys_and_how_they_are_carried(
    connection: psycopg.Connection[Any],
) -> None:
    query, catalogue = read(
        connection, "SELECT p.id, m.name FROM product p JOIN maker m ON m.id = p.maker_id"
    )

    table = catalogue.tables[PRODUCT]
    assert {name: (column.type, column.carried_as) for name, column in table.columns.items()} == {
        "id": ("bigint", "bigint"),
        "maker_id": ("integer", "integer"),
        "sku": ("character varying", "character varying"),
        "label": ("bpchar", "bpchar"),
        "size": ("public.size", "text"),
        "code": ("public.code", "text"),
        "tags": ("text[]", "text"),
        "price": ("numeric", "numeric"),
        "Odd Name": ("text", "text"),
    }
    assert table.primary_key == ("id",)
    assert table.unique_keys == (("id",), ("sku",))
    assert [(key.columns, str(key.references)) for key in table.foreign_keys] == [
        (("maker_id",), "public.maker")
    ]
    assert table.columns["id"].not_null
    assert not table.columns["sku"].not_null
    assert [(output.name, output.type) for output in query.outputs] == [("id", "bigint"), ("name", "text")]
    assert catalogue.dependencies[PRODUCT] == {"id", "maker_id"}


def test_nothing_stays_behind(connection: psycopg.Connection[Any]) -> None:
    before = connection.execute("SHOW search_path").fetchone()

    read(connection, "SELECT id FROM product", search_path="public, pg_temp")

    assert connection.execute("SHOW search_path").fetchone() == before
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert connection.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'cdc%'").fetchone() == (0,)


def test_percent_signs_braces_and_a_comment_at_the_end_survive(connection: psycopg.Connection[Any]) -> None:
    query, _ = read(
        connection, "SELECT id, '{%s}' || id % 2 AS v FROM product WHERE sku LIKE 'a%' -- all of them"
    )

    assert "'{%s}'" in query.definition


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("SELECT id\nFROM product\nWHERE nothing = 1", "line 3, column 7", "nothing"),
        ("SELECT id FROM missing", "line 1, column 16", "missing"),
        ("SELECT id\n  FRM product", "line 2, column 7", "syntax error"),
    ],
)
def test_a_fault_is_told_with_its_line_and_column(
    connection: psycopg.Connection[Any], text: str, place: str, what: str
) -> None:
    with pytest.raises(FeedError) as caught:
        read(connection, text)

    assert place in str(caught.value.where)
    assert what in caught.value.what
    assert caught.value.hint


def test_a_second_statement_is_never_run(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(FeedError, match="several statements"):
        read(connection, "SELECT id FROM product; COMMIT; DROP TABLE product CASCADE; SELECT 1")

    assert connection.execute("SELECT to_regclass('product') IS NOT NULL").fetchone() == (True,)


def test_a_query_that_changes_data_is_refused(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(FeedError, match="changes data in WITH") as caught:
        read(connection, "WITH gone AS (DELETE FROM maker RETURNING id) SELECT id FROM gone")

    assert "take INSERT, UPDATE and DELETE out" in str(caught.value.hint)


def test_a_missing_key_column_names_the_nearest_output(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(FeedError) as caught:
        read(connection, "SELECT id AS productId FROM product", "productId")

    assert 'AS "productId"' in str(caught.value.hint)


def test_what_has_no_triggers_is_refused(connection: psycopg.Connection[Any]) -> None:
    for text, kind in (
        ("SELECT id FROM summary", "materialized view"),
        ("SELECT oid::int AS id FROM pg_class", "system catalogue"),
        ("SELECT t.table_name AS id FROM information_schema.tables t", "system catalogue"),
        ("SELECT id FROM known", "system catalogue"),
    ):
        query, catalogue = read(connection, text)
        assert [(v.refusal, v.what.rpartition(" is a ")[2]) for v in analyse(query, catalogue).verdicts] == [
            (True, kind)
        ]


def test_views_are_read_with_everything_behind_them(connection: psycopg.Connection[Any]) -> None:
    connection.execute("""
        CREATE VIEW named (key, shown) AS
            SELECT o.id, shown(m.name) FROM offers o JOIN maker m ON m.id = o.id;
        CREATE RULE added AS ON INSERT TO named DO INSTEAD NOTHING
    """)
    _, catalogue = read(
        connection, "SELECT n.key AS id, n.shown, p.sku FROM named n JOIN product p ON p.id = n.key"
    )

    assert {str(name): view.columns for name, view in catalogue.views.items()} == {
        "public.named": ("key", "shown"),
        "public.offers": ("id",),
    }
    assert {str(name): sorted(columns) for name, columns in catalogue.dependencies.items()} == {
        "public.maker": ["id", "name"],
        "public.product": ["id", "sku"],
    }
    assert {f.name for f in catalogue.functions} >= {"shown"}


def test_volatility_is_the_catalogues_word_for_built_in_functions_too(
    connection: psycopg.Connection[Any],
) -> None:
    query, catalogue = read(connection, "SELECT id, random() AS r, lower(sku) AS l FROM product")

    assert {f.name: f.volatility for f in catalogue.functions} == {"random": "volatile", "lower": "immutable"}
    assert [verdict.column for verdict in analyse(query, catalogue).verdicts] == [12]


def test_a_whole_row_means_every_column_although_pg_depend_drops_it(
    connection: psycopg.Connection[Any],
) -> None:
    query, catalogue = read(connection, "SELECT p.id, row_to_json(p) AS row FROM product p")

    (occurrence,) = cross_check(analyse(query, catalogue), catalogue.dependencies).occurrences
    assert set(occurrence.columns) == set(catalogue.tables[PRODUCT].columns)


def test_a_table_that_the_analysis_lacks_is_taken_as_all(connection: psycopg.Connection[Any]) -> None:
    query, catalogue = read(connection, "SELECT id FROM product")
    maker = TableName("public", "maker")

    widened = cross_check(analyse(query, catalogue), {**catalogue.dependencies, maker: frozenset({"name"})})

    added = next(each for each in widened.occurrences if each.table == maker)
    assert (added.kind, added.columns) == (RouteKind.ALL, ("name",))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT p.id, (jsonb_populate_record(NULL::maker, p.tags[1]::jsonb)).name FROM product p",
        "SELECT p.id, r.name FROM product p, jsonb_populate_record(NULL::maker, p.tags[1]::jsonb) r",
        "SELECT p.id, (ROW(1, p.sku)::maker).name FROM product p",
        "SELECT p.id, (NULL::maker).name FROM (SELECT id FROM offers) p",
    ],
)
def test_a_table_that_only_the_type_of_its_rows_is_named_of_is_no_source(
    connection: psycopg.Connection[Any], text: str
) -> None:
    query, catalogue = read(connection, text)

    found = cross_check(analyse(query, catalogue), catalogue.dependencies)

    assert [(str(each.table), each.kind) for each in found.occurrences] == [
        ("public.product", RouteKind.DIRECT)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT p.id, m.name FROM product p, makers() m WHERE m.id = p.maker_id",
        "SELECT p.id, pg_relation_size('maker') AS size, (NULL::maker).name FROM product p",
        "SELECT p.id, (NULL::maker).name, (SELECT max(m.id) FROM maker m) AS last FROM product p",
    ],
)
def test_a_table_that_something_may_read_stays_a_source(
    connection: psycopg.Connection[Any], text: str
) -> None:
    connection.execute(
        "CREATE FUNCTION makers() RETURNS SETOF maker STABLE LANGUAGE sql AS 'SELECT * FROM maker'"
    )
    query, catalogue = read(connection, text)

    found = cross_check(analyse(query, catalogue), catalogue.dependencies)

    assert TableName("public", "maker") in {each.table for each in found.occurrences}


@pytest.mark.parametrize(
    ("query", "sources"),
    [
        ("WITH t AS (SELECT name FROM maker) SELECT id FROM product", {"product"}),
        ("WITH t AS (SELECT id FROM maker), u AS (SELECT id FROM t) SELECT id FROM product", {"product"}),
        ("WITH t AS (SELECT id FROM offers) SELECT id FROM maker", {"maker"}),
        (
            "WITH RECURSIVE t AS (SELECT id FROM product UNION SELECT t.id FROM t) SELECT id FROM maker",
            {"maker"},
        ),
        ("SELECT id, (WITH t AS (SELECT id FROM product) SELECT 1) AS n FROM maker", {"maker"}),
        # Read after all, or read elsewhere, too.
        (
            "WITH t AS (SELECT id FROM product), u AS (SELECT id FROM t) SELECT m.id FROM maker m, u",
            {"maker", "product"},
        ),
        ("WITH t AS (SELECT id FROM product), u AS (SELECT id FROM offers) SELECT id FROM u", {"product"}),
        ("WITH t AS (SELECT name FROM maker) SELECT id FROM maker", {"maker"}),
        (
            "(WITH t AS (SELECT id FROM maker) SELECT id FROM product) UNION ALL (SELECT id FROM maker)",
            {"maker", "product"},
        ),
        # A CTE further inside has the name.
        (
            "WITH t AS (TABLE maker) SELECT id, (WITH u AS (TABLE t) SELECT sum(id) FROM u) AS n FROM offers",
            {"maker", "product"},
        ),
    ],
)
def test_a_table_that_only_an_unread_cte_names_is_no_source(
    connection: psycopg.Connection[Any], query: str, sources: set[str]
) -> None:
    described, catalogue = read(connection, query)

    found = cross_check(analyse(described, catalogue), catalogue.dependencies).occurrences
    assert {each.table.name for each in found} == sources


def test_a_join_that_using_names_is_followed_as_any_other(
    connection: psycopg.Connection[Any],
) -> None:
    query, catalogue = read(
        connection, "SELECT j.id, m.name\nFROM product p JOIN maker m USING (id) AS j ORDER BY j.id"
    )

    found = cross_check(analyse(query, catalogue), catalogue.dependencies).occurrences
    assert {(each.alias, each.kind) for each in found} == {
        ("p", RouteKind.DIRECT),
        ("m", RouteKind.DIRECT),
    }


def test_a_column_that_the_analysis_lacks_is_added_with_a_warning(
    connection: psycopg.Connection[Any],
) -> None:
    query, catalogue = read(connection, "SELECT id FROM product")

    widened = cross_check(analyse(query, catalogue), {PRODUCT: frozenset({"id", "price"})})

    (occurrence,) = widened.occurrences
    assert (occurrence.kind, occurrence.columns) == (RouteKind.DIRECT, ("id", "price"))
    (verdict,) = widened.verdicts
    assert (verdict.name, verdict.refusal) == ("unnamed-column", False)
    assert "price" in verdict.what


def test_a_route_that_postgresql_cannot_plan_takes_all_and_asks_to_be_reported(
    connection: psycopg.Connection[Any],
) -> None:
    query, catalogue = read(connection, "SELECT id FROM product")
    analysis = analyse(query, catalogue)
    (occurrence,) = analysis.occurrences
    broken = replace(occurrence, routes=(replace(occurrence.routes[0], sql="SELECT delta.gone FROM delta"),))

    (checked,) = check_routes(connection, replace(analysis, occurrences=(broken,)), catalogue).occurrences

    assert (checked.kind, checked.links) == (RouteKind.ALL, ())
    assert "delta.gone" in str(checked.reason)
    assert "report it" in str(checked.reason)


def test_system_columns_stop_the_feed(connection: psycopg.Connection[Any]) -> None:
    query, catalogue = read(connection, "SELECT id, xmin::text AS version FROM product")

    with pytest.raises(FeedError, match="xmin"):
        analyse(query, catalogue)


def test_a_query_that_was_misread_takes_all(connection: psycopg.Connection[Any]) -> None:
    query, catalogue = read(connection, "SELECT id, id + maker_id * 2 AS p FROM product")
    analysis = analyse(query, catalogue)
    misread = "SELECT id, (id + maker_id) * 2 AS p FROM public.product"

    right, wrong = (
        check_routes(connection, replace(analysis, understood=each), catalogue).occurrences
        for each in (analysis.understood, misread)
    )

    assert [occurrence.kind for occurrence in right] == [RouteKind.DIRECT]
    assert [occurrence.kind for occurrence in wrong] == [RouteKind.ALL]


def test_an_index_that_a_route_lacks_is_printed(connection: psycopg.Connection[Any]) -> None:
    query, catalogue = read(
        connection, "SELECT p.id, m.name FROM product p JOIN maker m ON m.id = p.maker_id"
    )

    analysis = check_routes(connection, analyse(query, catalogue), catalogue)

    assert [verdict.hint for verdict in analysis.verdicts] == [
        "CREATE INDEX CONCURRENTLY ON public.product (maker_id);"
    ]
