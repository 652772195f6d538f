"""How changes find the documents of the pack."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from cdc_daemon.analysis.model.plan import RouteKind
from cdc_daemon.cli.plans import plan_feeds
from cdc_daemon.feeds.hashed_documents import affected, entity_arrays
from cdc_daemon.pg.search_path import find_names
from cdc_daemon.pg.session import connect
from tests.commerce.pack import settings
from tests.commerce.shop import ROOT

# Planning thirteen feeds takes seconds, on a loaded machine a minute.
pytestmark = pytest.mark.timeout(300)


def test_only_what_the_documentation_gives_reasons_for_recomputes_a_whole_feed(
    database: str, tmp_path: Path
) -> None:
    page = (ROOT / "docs" / "commerce.md").read_text("utf-8")
    routes = page[page.index("## Routes") :]
    documented = set(re.findall(r"^\| `(\w+)` \| `(\w+)` \| .+ \|$", routes, re.MULTILINE))
    configuration = settings(database, tmp_path)
    with connect(database) as connection:
        plans = plan_feeds(connection, configuration, list(configuration.feeds))
    places = [(plan.definition.name, place) for plan in plans for place in plan.analysis.occurrences]
    assert {(feed, place.table.name) for feed, place in places if place.kind is RouteKind.ALL} == documented
    assert f"each of {len(places)} places" in page
    warned = [(plan.definition.name, verdict) for plan in plans for verdict in plan.analysis.verdicts]
    assert [(feed, verdict) for feed, verdict in warned if not verdict.accepted] == []


@pytest.mark.parametrize(
    ("feed", "table", "column"),
    [
        ("products", "catalog_product_entity", "entity_id"),
        ("prices", "catalog_product_entity", "entity_id"),
        ("inventoryStockStatus", "catalog_product_entity", "entity_id"),
        ("productOverrides", "catalog_product_entity", "entity_id"),
        ("variants", "catalog_product_super_link", "product_id"),
        ("categories", "catalog_category_entity", "entity_id"),
        ("orders", "sales_order", "entity_id"),
        ("reviews", "review", "review_id"),
        ("scopesWebsite", "store_website", "website_id"),
        ("categoryPermissions", "magento_catalogpermissions", "permission_id"),
    ],
)
def test_entities_are_pushed_down_to_the_table_that_has_them(
    database: str, tmp_path: Path, feed: str, table: str, column: str
) -> None:
    """A batch must not read other entities; which index serves is the planner's choice, by size."""
    configuration = settings(database, tmp_path)
    with connect(database) as connection:
        (plan,) = plan_feeds(connection, configuration, [feed])
        definition = plan.definition
        explain = sql.SQL("EXPLAIN (COSTS OFF) SELECT * FROM (\n{}\n) AS q WHERE {}").format(
            definition.query(with_parameters=True), affected(definition, "q")
        )
        # Values are written into the statement: with parameters it could not be explained.
        with connection.transaction(), psycopg.ClientCursor(connection) as cursor:
            find_names(connection, definition.search_path)
            explained = cursor.execute(explain, entity_arrays(definition, [("1",), ("2",)]))
            lines = [line for (line,) in explained]
    scan = next(n for n, line in enumerate(lines) if re.search(rf" on {table} ", line))
    conditions = itertools.takewhile(lambda line: "->" not in line, lines[scan + 1 :])
    assert any(re.search(rf"\b{column} = ANY", line) for line in conditions), "\n".join(lines)
