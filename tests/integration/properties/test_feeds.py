"""The specification as a property: after catching up, what was delivered is what the query says, byte for
byte.

Real capture, and several writers whose transactions overlap: they set savepoints and go back to them, fail,
wait for each other in vain, change keys, cascade, truncate; passes run in between, while they are open.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.integration.daemon import Daemon
from tests.integration.properties.changes import change, filling
from tests.integration.properties.delta import accepted
from tests.integration.properties.queries import Feed, Grammar
from tests.integration.properties.schemas import Chance, Schema, schema

SCHEMA = "property"
WRITERS = 3
PASS = -1
"""As a step's writer: the daemon catches up."""
# A pass costs some hundred times what a statement costs in the test of the routes.
EXAMPLES = max(settings().max_examples // 10, 5)


class Step(NamedTuple):
    writer: int
    statement: str


class Trial(NamedTuple):
    schema: Schema
    feeds: list[tuple[Feed, list[str]]]
    rows: list[str]
    steps: list[Step]


@st.composite
def trials(draw: Any) -> Trial:
    chance = Chance(draw)
    tables = schema(chance)
    grammar = Grammar(chance, tables)
    feeds = [unique(chance, grammar.feed()) for _ in range(chance.number(1, 2))]
    steps = [step(chance, tables) for _ in range(chance.number(1, 20))]
    return Trial(tables, feeds, filling(chance, tables), steps)


def unique(chance: Chance, feed: Feed) -> tuple[Feed, list[str]]:
    """The feed with a key that is unique and never NULL: a document per entity, or per row of it."""
    entity = [f"q.{name}" for name in feed.entity]
    known = " AND ".join(f"{name} IS NOT NULL" for name in entity)
    inside = f"FROM (\n{feed.sql}\n) q WHERE {known}"
    if chance.percent(50):
        query = (
            f"SELECT {', '.join(entity)}, array_agg((q.*)::text ORDER BY (q.*)::text) AS rows "
            f"{inside} GROUP BY {', '.join(entity)}"
        )
        return Feed(query, feed.entity), list(feed.entity)
    number = f"row_number() OVER (PARTITION BY {', '.join(entity)} ORDER BY (q.*)::text) AS number"
    return Feed(f"SELECT q.*, {number} {inside}", feed.entity), [*feed.entity, "number"]


def step(chance: Chance, tables: Schema) -> Step:
    writer = chance.number(0, WRITERS - 1)
    what = chance.weighed({"change": 62, "commit": 12, "savepoint": 8, "back": 5, "rollback": 4, "pass": 5})
    match what:
        case "change":
            return Step(writer, change(chance, tables))
        case "pass":
            return Step(PASS, "")
        case _:
            words = {"savepoint": "SAVEPOINT s", "back": "ROLLBACK TO s"}
            return Step(writer, words.get(what, what.upper()))


@settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(trial=trials())
def test_delivered_documents_are_those_of_the_query(database: str, tmp_path: Path, trial: Trial) -> None:
    with installed(database, tmp_path, trial) as daemon, ExitStack() as stack:
        writers = [stack.enter_context(Writer.opened(database)) for _ in range(WRITERS)]
        for each in trial.steps:
            if each.writer == PASS:
                for writer in writers:
                    if writer.truncated:  # it would keep the pass waiting, and nobody else is there to end it
                        writer.execute("COMMIT")
                daemon.assert_in_step()
            else:
                writers[each.writer].execute(each.statement)
        for writer in writers:
            writer.execute("COMMIT")
        daemon.assert_in_step()


@contextmanager
def installed(database: str, folder: Path, trial: Trial) -> Iterator[Daemon]:
    """The trial's tables with a few rows in them, its feeds installed and delivered a first time."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}; SET search_path = {SCHEMA}")
        connection.execute(trial.schema.ddl)
        for each in trial.rows:
            with suppress(psycopg.IntegrityError):
                connection.execute(each)
        place = folder / "trial"
        place.mkdir()
        daemon = Daemon(place, database, database={"search_path": SCHEMA})
        try:
            assume(all(accepted(connection, feed.sql) for feed, _ in trial.feeds))
            for number, (feed, key) in enumerate(trial.feeds):
                daemon.feed(f"f{number}", feed.sql, key=key, entity=list(feed.entity))
            daemon.install()
            daemon.assert_in_step()
            yield daemon
        finally:
            connection.execute(f"DROP SCHEMA IF EXISTS cdc CASCADE; DROP SCHEMA {SCHEMA} CASCADE")
            shutil.rmtree(place)


class Writer:
    """A session that writes as applications do: what fails is taken back, to the savepoint or wholly."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._savepoint = False
        self.truncated = False

    @classmethod
    @contextmanager
    def opened(cls, database: str) -> Iterator[Writer]:
        connection = psycopg.connect(database, autocommit=True)
        try:
            connection.execute(f"SET search_path = {SCHEMA}; SET lock_timeout = '20ms'")
            connection.execute("SET client_min_messages = error")
            yield cls(connection)
        finally:
            connection.close()

    def execute(self, statement: str) -> None:
        if statement in ("COMMIT", "ROLLBACK"):
            self._end(statement)
            return
        if statement == "ROLLBACK TO s" and not self._savepoint:
            return
        if self._connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            self._connection.execute("BEGIN")
        try:
            self._connection.execute(statement)
        except psycopg.Error as error:
            event(type(error).__name__)
            if self._savepoint:
                self._connection.execute("ROLLBACK TO s")
            else:
                self._end("ROLLBACK")
            return
        self._savepoint = self._savepoint or statement == "SAVEPOINT s"
        self.truncated = self.truncated or statement.startswith("TRUNCATE")

    def _end(self, statement: str) -> None:
        self._savepoint = self.truncated = False
        if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            with suppress(psycopg.IntegrityError):  # a deferred constraint
                self._connection.execute(statement)
