"""What `plan` tells of a real database: places, forecasts from ANALYZE, and PostgreSQL's own plans."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc_daemon.feeds.explain import Explained
from cdc_daemon.insight.feed_plan import reached
from cdc_daemon.pg.session import connect as open_session
from cdc_daemon.settings import load
from cdc_daemon.workers.plan_costs import PlanCosts, plan_costs
from cdc_daemon.workers.planning import plan_feed

# Autovacuum would analyse the product table behind the test that needs it without statistics.
SHOP = """
CREATE TABLE product (id integer PRIMARY KEY, sku text NOT NULL UNIQUE, name text, tax_class integer)
    WITH (autovacuum_enabled = off);
CREATE TABLE tax_rate (class integer PRIMARY KEY, rate numeric);
CREATE TABLE price (product_id integer, store_id integer, price numeric, PRIMARY KEY (product_id, store_id));
CREATE VIEW named AS SELECT p.id, p.name FROM product AS p;
INSERT INTO product SELECT n, 'sku-' || n, 'n' || n, n % 3 FROM generate_series(1, 12000) AS n;
INSERT INTO tax_rate SELECT n, n FROM generate_series(0, 2) AS n;
INSERT INTO price SELECT n, s, n FROM generate_series(1, 12000) AS n, generate_series(1, 2) AS s;
"""
QUERY = """SELECT p.sku, t.rate, r.price
FROM product AS p
LEFT JOIN tax_rate AS t ON t.class = p.tax_class
LEFT JOIN (
    SELECT pr.product_id, max(pr.price) AS price FROM price AS pr GROUP BY pr.product_id
) AS r ON r.product_id = p.id"""


class Shop:
    """A database with a shop, and feeds over it."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder = folder
        self.dsn = dsn

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(statement.encode())

    def costs(self, query: str, *, explained: bool = False) -> PlanCosts:
        (self.folder / "feed.sql").write_text(query)
        (self.folder / "cdc.toml").write_text(
            '[database]\ndsn_file = "dsn"\n[feeds.feed]\nquery = "feed.sql"\nkey = ["sku"]\n'
        )
        (self.folder / "dsn").write_text(self.dsn)
        settings = load(self.folder / "cdc.toml")
        with open_session(self.dsn) as connection:
            found = plan_costs(connection, plan_feed(connection, settings, "feed"), explained=explained)
            assert connection.execute("SELECT to_regclass('pg_temp.delta')").fetchone() == (None,)
        return found


@pytest.fixture
def shop(tmp_path: Path, database: str) -> Shop:
    found = Shop(tmp_path, database)
    found.execute(SHOP)
    return found


def by_alias(found: PlanCosts) -> dict[str, tuple[Any, Any]]:
    pairs = zip(found.plan.analysis.occurrences, found.forecasts, strict=True)
    return {occurrence.alias: (occurrence, forecast) for occurrence, forecast in pairs}


def places(found: PlanCosts) -> dict[str, tuple[int | None, int | None]]:
    return {each.alias: (each.line, each.column) for each in found.plan.analysis.occurrences}


def routes(found: PlanCosts) -> dict[str, Explained]:
    return {str(each.occurrence.table): each for each in found.explained if each.occurrence}


def recompute(found: PlanCosts) -> Explained:
    return next(each for each in found.explained if each.occurrence is None)


def test_each_place_where_a_table_is_read_has_its_line_and_column(shop: Shop) -> None:
    assert places(shop.costs(QUERY)) == {"p": (2, 6), "t": (3, 11), "pr": (5, 55)}


def test_places_of_one_table_are_told_apart_by_their_order(shop: Shop) -> None:
    query = """WITH product AS (SELECT id, sku, tax_class FROM product)
    SELECT a.sku, (SELECT max(b.name) FROM public.product b WHERE b.id = a.id) AS name
    FROM product a JOIN Product c ON c.id = a.id, "product" d WHERE d.id = a.id"""
    found = shop.costs(query)
    assert sorted(place for place in places(found).values() if place[0]) == [(1, 49), (2, 44)]
    assert len(places(found)) == 2, "the CTE is read three times, its table at one place"


def test_a_table_inside_a_view_has_the_place_of_the_view(shop: Shop) -> None:
    found = shop.costs("SELECT p.sku, n.name\nFROM product AS p\nJOIN named AS n ON n.id = p.id")
    assert places(found) == {"p": (2, 6), "named.p": (3, 6)}


def test_a_repeated_expression_leaves_places_open_rather_than_wrong(shop: Shop) -> None:
    query = "SELECT p.sku, (SELECT max(t.rate) FROM tax_rate AS t) AS most FROM product AS p ORDER BY 2"
    found = [(each.alias, each.line) for each in shop.costs(query).plan.analysis.occurrences]
    assert ("p", 1) in found
    assert {line for alias, line in found if alias.startswith("t")} == {None}


def test_before_analyze_the_forecast_says_what_is_missing(shop: Shop) -> None:
    found = shop.costs(QUERY)
    assert found.entities is None
    assert [str(table) for table in by_alias(found)["t"][1].not_analysed] == ["public.product"]


def test_after_analyze_one_tax_rate_reaches_a_third_of_the_products_and_one_price_one(shop: Shop) -> None:
    shop.execute("ANALYZE")
    found = by_alias(shop.costs(QUERY))
    assert found["t"][1].typical == pytest.approx(4000, rel=0.1)
    assert (found["pr"][1].typical, found["pr"][1].worst) == (1.0, 1.0)


def test_all_entities_are_as_many_as_the_planner_expects(shop: Shop) -> None:
    shop.execute("ANALYZE")
    found = shop.costs("SELECT p.sku, (SELECT max(t.rate) FROM tax_rate AS t) AS most FROM product AS p")
    assert found.entities == pytest.approx(12000, rel=0.1)
    assert by_alias(found)["t"][1].worst == found.entities


def test_of_a_recursion_the_planners_guess_is_told_as_one(shop: Shop) -> None:
    shop.execute(
        "CREATE TABLE category (id integer PRIMARY KEY, parent_id integer, sku text);"
        "INSERT INTO category SELECT n, NULLIF(n / 10, 0), 'sku-' || n FROM generate_series(1, 5000) AS n;"
        "ANALYZE"
    )
    query = """WITH RECURSIVE tree AS (
        SELECT c.id, c.sku, c.sku AS path FROM category AS c WHERE c.parent_id IS NULL
        UNION ALL
        SELECT c.id, c.sku, tree.path || '/' || c.sku FROM tree JOIN category AS c ON c.parent_id = tree.id
    ) SELECT sku, path FROM tree"""
    found = shop.costs(query)
    (guessed,) = {
        reached(occurrence, forecast)
        for occurrence, forecast in zip(found.plan.analysis.occurrences, found.forecasts, strict=True)
        if forecast.guessed
    }
    assert re.fullmatch(r"about [\d,]+ entities, as PostgreSQL's planner guesses", guessed)


def test_partitions_count_together(shop: Shop) -> None:
    shop.execute(
        "CREATE TABLE stock (product_id integer, place integer) PARTITION BY HASH (product_id);"
        "CREATE TABLE stock_0 PARTITION OF stock FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE stock_1 PARTITION OF stock FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        "CREATE TABLE place (id integer PRIMARY KEY, name text);"
        "INSERT INTO place VALUES (0, 'a'), (1, 'b');"
        "INSERT INTO stock SELECT n, n % 2 FROM generate_series(1, 12000) AS n; ANALYZE"
    )
    query = """SELECT p.sku, pl.name FROM product AS p JOIN stock AS s ON s.product_id = p.id
    JOIN place AS pl ON pl.id = s.place"""
    assert by_alias(shop.costs(query))["pl"][1].typical == pytest.approx(6000, rel=0.1)


def test_a_route_that_reads_a_large_table_is_flagged_and_an_index_mends_it(shop: Shop) -> None:
    shop.execute("ANALYZE")
    before = routes(shop.costs(QUERY, explained=True))
    assert before["public.tax_rate"].flags == ("reads all of product (about 12,000 rows)",)
    assert before["public.product"].flags == ()
    shop.execute("UPDATE product SET tax_class = id; CREATE INDEX ON product (tax_class); ANALYZE")
    after = routes(shop.costs(QUERY, explained=True))
    assert after["public.tax_rate"].flags == ()
    assert after["public.tax_rate"].cost < before["public.tax_rate"].cost


def test_a_recomputation_that_reads_a_large_table_is_flagged(shop: Shop) -> None:
    shop.execute("ANALYZE")
    (flag,) = recompute(shop.costs(QUERY, explained=True)).flags
    assert flag.startswith("reads all of price (about 24,000 rows)")
    lateral = (
        QUERY.replace("LEFT JOIN (", "CROSS JOIN LATERAL (")
        .replace(
            "GROUP BY pr.product_id\n) AS r ON r.product_id = p.id", "WHERE pr.product_id = p.id\n) AS r"
        )
        .replace("pr.product_id, max", "max")
    )
    assert recompute(shop.costs(lateral, explained=True)).flags == ()


@pytest.mark.parametrize(
    ("query", "node"),
    [
        (
            "WITH q AS MATERIALIZED (SELECT p.sku, p.name FROM product AS p) SELECT q.sku, q.name FROM q",
            "CTE Scan q",
        ),
        (
            "SELECT q.sku, q.n FROM (SELECT sku, rank() OVER (ORDER BY name) AS n FROM product) AS q",
            "Subquery Scan",
        ),
    ],
)
def test_an_entity_that_is_not_pushed_down_is_flagged(shop: Shop, query: str, node: str) -> None:
    shop.execute("ANALYZE")
    flags = recompute(shop.costs(query, explained=True)).flags
    assert "the entity's condition is not pushed down" in flags[0]
    assert node in flags[0]


def test_a_feed_without_a_row_can_not_be_tried(shop: Shop) -> None:
    found = recompute(shop.costs("SELECT p.sku FROM product AS p WHERE p.name = 'none'", explained=True))
    assert found.failed == "the query yields no entity to try it with"


def test_a_column_by_which_a_subquery_looks_its_rows_up_wants_an_index(shop: Shop) -> None:
    query = (
        "SELECT p.sku, (SELECT max(m.price) FROM price AS m WHERE m.store_id = p.tax_class) AS price "
        "FROM product AS p"
    )
    create = "CREATE INDEX CONCURRENTLY ON public.price (store_id);"
    shop.execute("ANALYZE")
    found = shop.costs(query, explained=True)
    told = [verdict.hint for verdict in found.plan.analysis.verdicts if verdict.name == "missing-index"]
    assert create in told
    assert any(flag.endswith(create) for flag in recompute(found).flags), recompute(found).flags
