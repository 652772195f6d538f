"""No entity is missed: random schemas, queries and changes, and each query's routes against what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from cdc_daemon.analysis.plan import RouteKind
from tests.integration.properties.changes import change, filling
from tests.integration.properties.delta import Connection, accepted, follow, outcome, remember
from tests.integration.properties.queries import Feed, Grammar
from tests.integration.properties.schemas import Chance, Schema, schema

SCHEMA = "property"


class Trial(NamedTuple):
    """What one example does: `batches` are statements that are seen as one delta."""

    schema: Schema
    feeds: list[Feed]
    rows: list[str]
    batches: list[list[str]]


@st.composite
def trials(draw: Any) -> Trial:
    chance = Chance(draw)
    tables = schema(chance)
    grammar = Grammar(chance, tables)
    feeds = [grammar.feed() for _ in range(chance.number(1, 3))]
    batches = [
        [change(chance, tables) for _ in range(chance.of((1, 1, 2, 3)))] for _ in range(chance.number(1, 4))
    ]
    return Trial(tables, feeds, filling(chance, tables), batches)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        # Statements of a few rows: compiling and parallel workers would take most of the time.
        connection.execute(
            "SET jit = off; SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off;"
            "SET client_min_messages = error"
        )
        yield connection


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(trial=trials())
def test_every_changed_entity_is_named(connection: Connection, trial: Trial) -> None:
    """Documents of an entity that changed, appeared or vanished are always among those that a route names."""
    connection.execute(
        f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}; SET search_path = {SCHEMA}"
    )
    connection.execute(trial.schema.ddl)
    assume(all(accepted(connection, feed.sql) for feed in trial.feeds))
    followed = [follow(connection, feed.sql, feed.entity, SCHEMA) for feed in trial.feeds]
    for each in followed:
        kinds = [occurrence.kind for occurrence in each.analysis.occurrences]
        event(str(max(kinds, key=list(RouteKind).index, default="no table")))
    written(connection, trial.rows)
    for batch in trial.batches:
        remember(connection, [table.name for table in trial.schema.tables], followed)
        written(connection, batch)
        for number, each in enumerate(followed):
            missed = outcome(connection, number, each).missed
            assert not missed, f"{missed}\n{each.query}\n{batch}\n{each.analysis.occurrences}"


def written(connection: Connection, statements: list[str]) -> None:
    """Execute what the constraints allow."""
    for each in statements:
        try:
            connection.execute(each)
        except psycopg.IntegrityError:
            event("refused by a constraint")
