"""The documented queries give the same routes when PostgreSQL resolves their names, and it plans them."""

from __future__ import annotations

import psycopg

from cdc_daemon.analysis import analyse
from cdc_daemon.analysis.catalogue import FeedQuery
from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.feeds.referee import check_routes, referee
from tests.unit.analysis.fixtures import DIRECTORY, fixtures


def test_the_documented_routes_hold_for_what_postgresql_makes_of_the_queries(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute((DIRECTORY / "schema.sql").read_bytes())
        for fixture in fixtures():
            query, catalogue = describe(
                connection,
                feed=fixture.name,
                text=fixture.query,
                key=fixture.entity,
                entity=fixture.entity,
                search_path="pg_catalog",
            )
            analysis = check_routes(
                connection, referee(analyse(query, catalogue), catalogue.dependencies), catalogue
            )
            by_hand = analyse(
                FeedQuery("", fixture.query, fixture.query, query.outputs, query.key, query.entity), catalogue
            )
            assert [(o.table, o.alias, o.kind, o.links) for o in analysis.occurrences] == [
                (o.table, o.alias, o.kind, o.links) for o in by_hand.occurrences
            ], fixture.name
