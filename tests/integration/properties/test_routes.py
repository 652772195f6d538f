"""No entity is missed: random schemas, queries and changes, and each query's routes against what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from cdc_daemon.analysis.model.plan import RouteKind
from tests.support.delta import Connection, accepted, created, follow, outcome, remember
from tests.support.grammar.changes import change, execute, filling
from tests.support.grammar.queries import Feed, Grammar
from tests.support.grammar.schemas import CLEAN, SEARCH_PATH, Chance, Schema, prepare, schema
from tests.support.grammar.terms import View

pytestmark = pytest.mark.any_server

_REFUSALS = (
    psycopg.IntegrityError,
    psycopg.errors.CardinalityViolation,  # MERGE, of a row that matches twice
    psycopg.errors.FeatureNotSupported,  # TRUNCATE, of a table that another refers to
)


class Trial(NamedTuple):
    """What one example does: `batches` are statements that are seen as one delta."""

    schema: Schema
    views: list[View]
    feeds: list[Feed]
    rows: list[str]
    batches: list[list[str]]


@st.composite
def trials(draw: Any) -> Trial:
    chance = Chance(draw)
    tables = schema(chance)
    grammar = Grammar(chance, tables)
    views = [grammar.view() for _ in range(chance.number(1, 2) if chance.percent(25) else 0)]
    feeds = [grammar.feed() for _ in range(chance.number(1, 3))]
    batches = [
        [change(chance, tables) for _ in range(chance.of((1, 1, 2, 3)))] for _ in range(chance.number(1, 4))
    ]
    return Trial(tables, views, feeds, filling(chance, tables), batches)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        # Statements of a few rows: compiling and parallel workers would take most of the time.
        connection.execute(
            "SET jit = off; SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off;"
            "SET client_min_messages = error"
        )
        prepare(connection)
        yield connection


@pytest.mark.timeout(600 + 4 * settings().max_examples)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(trial=trials())
def test_every_changed_entity_is_named(connection: Connection, trial: Trial) -> None:
    """Documents of an entity that changed, appeared or vanished are always among those that a route names."""
    connection.execute(f"{CLEAN}; SET search_path = {SEARCH_PATH}".encode())
    connection.execute(trial.schema.ddl.encode())
    assume(all(created(connection, view) for view in trial.views))
    assume(all(accepted(connection, feed.sql) for feed in trial.feeds))
    followed = [follow(connection, feed.sql, feed.entity, SEARCH_PATH) for feed in trial.feeds]
    for each in followed:
        kinds = [occurrence.kind for occurrence in each.analysis.occurrences]
        event(str(max(kinds, key=list(RouteKind).index, default="no table")))
    written(connection, trial.rows)
    for batch in trial.batches:
        remember(connection, followed)
        written(connection, batch)
        for number, each in enumerate(followed):
            missed = outcome(connection, number, each).missed
            assert not missed, f"{missed}\n{each.query}\n{batch}\n{each.analysis.occurrences}"


def written(connection: Connection, statements: list[str]) -> None:
    """Execute what the constraints allow."""
    for each in statements:
        try:
            execute(connection, each)
        except _REFUSALS as refusal:
            event(f"refused: {type(refusal).__name__}")
