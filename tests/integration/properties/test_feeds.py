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
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.support.bed import Bed
from tests.support.delta import accepted, created, quoted
from tests.support.grammar.changes import change, execute, filling
from tests.support.grammar.keys import unique
from tests.support.grammar.queries import Feed, Grammar
from tests.support.grammar.schemas import (
    CLEAN,
    MOMENT,
    SEARCH_PATH,
    Chance,
    Schema,
    Table,
    prepare,
    schema,
)
from tests.support.grammar.terms import View

pytestmark = pytest.mark.any_server

WRITERS = 3
PASS = -1
"""As a step's writer: the daemon catches up."""
# A pass costs some hundred times what a statement costs in the test of the routes.
EXAMPLES = max(settings().max_examples // 10, 5)
_ROUNDS = 40
"""More moments than a trial has pass while it catches up: then it never will."""


class Step(NamedTuple):
    writer: int
    statement: str


class Trial(NamedTuple):
    schema: Schema
    views: list[View]
    feeds: list[tuple[Feed, list[str]]]
    rows: list[str]
    steps: list[Step]

    @property
    def moments(self) -> Table | None:
        """The table whose `due` decides when documents are made anew."""
        table = self.schema.tables[0]
        return table if any(column.type == MOMENT for column in table.columns) else None


@st.composite
def trials(draw: Any) -> Trial:
    chance = Chance(draw)
    tables = schema(chance, moments=chance.percent(30))
    grammar = Grammar(chance, tables)
    views = [grammar.view() for _ in range(chance.number(1, 2) if chance.percent(25) else 0)]
    feeds = [unique(chance, grammar.feed()) for _ in range(chance.number(1, 2))]
    steps = [step(chance, tables) for _ in range(chance.number(1, 20))]
    trial = Trial(tables, views, feeds, filling(chance, tables), steps)
    if trial.moments is None:
        return trial
    due = [(refreshed(chance, trial.moments, feed), key) for feed, key in feeds]
    return trial._replace(feeds=due)


def refreshed(chance: Chance, table: Table, feed: Feed) -> Feed:
    """The feed with the time in its documents, and when they must be made anew for that: `_refresh_at`."""
    numbers = [column.name for column in table.columns if column.type == "integer"]
    tied = [
        f"x.{chance.of(numbers)} = q.{quoted(name)}"
        for name, type_ in zip(feed.entity, feed.types, strict=True)
        if type_ == "integer"
    ]
    of = f"FROM {table.name} AS x WHERE {' AND '.join(tied) or 'true'}"
    return feed._replace(
        sql=f"SELECT q.*, (SELECT count(*) {of} AND x.due <= now()) AS started, "
        f"(SELECT min(x.due) {of} AND x.due > now()) AS _refresh_at FROM (\n{feed.sql}\n) q"
    )


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


@pytest.fixture
def prepared(database: str) -> str:
    """The database, with what all examples need."""
    with psycopg.connect(database, autocommit=True) as connection:
        prepare(connection)
    return database


@pytest.mark.timeout(600 + 20 * EXAMPLES)
@settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(trial=trials())
def test_delivered_documents_are_those_of_the_query(prepared: str, tmp_path: Path, trial: Trial) -> None:
    with installed(prepared, tmp_path, trial) as daemon, ExitStack() as stack:
        writers = [stack.enter_context(Writer.opened(prepared)) for _ in range(WRITERS)]
        for each in trial.steps:
            if each.writer == PASS:
                for writer in writers:
                    if writer.truncated:  # it would keep the pass waiting, and nobody else is there to end it
                        writer.execute("COMMIT")
                assert_in_step(daemon, trial.moments)
            else:
                writers[each.writer].execute(each.statement)
        for writer in writers:
            writer.execute("COMMIT")
        if trial.moments is not None:
            wait_for_the_last(prepared, trial.moments)
        assert_in_step(daemon, trial.moments)


@contextmanager
def installed(database: str, folder: Path, trial: Trial) -> Iterator[Bed]:
    """The trial's tables with a few rows in them, its feeds installed and delivered a first time."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"SET search_path = {SEARCH_PATH}".encode())
        connection.execute(trial.schema.ddl.encode())
        place = folder / "trial"
        place.mkdir()
        daemon = Bed(place, database, database={"search_path": SEARCH_PATH})
        try:
            assume(all(created(connection, view) for view in trial.views))
            assume(all(accepted(connection, feed.sql) for feed, _ in trial.feeds))
            for each in trial.rows:
                with suppress(psycopg.IntegrityError):
                    execute(connection, each)
            for number, (feed, key) in enumerate(trial.feeds):
                daemon.add_feed(f"f{number}", feed.sql, key=key, entity=list(feed.entity))
            daemon.install()
            assert_in_step(daemon, trial.moments)
            yield daemon
        finally:
            connection.execute(f"DROP SCHEMA IF EXISTS cdc CASCADE; {CLEAN}".encode())
            shutil.rmtree(place)


def assert_in_step(daemon: Bed, moments: Table | None) -> None:
    """Catch up; then what was delivered is what the queries say.

    Where documents depend on the time, a moment may come between the pass and the look at the queries: then
    there is another pass to do. Moments are few, so that ends.
    """
    if moments is None:
        daemon.assert_in_step()
        return
    due = f"SELECT count(*) FROM {moments.name} WHERE due <= clock_timestamp()"
    with psycopg.connect(daemon.dsn, autocommit=True) as connection:
        connection.execute(f"SET search_path = {SEARCH_PATH}".encode())
        for _ in range(_ROUNDS):
            before = connection.execute(due.encode()).fetchone()
            try:
                daemon.assert_in_step()
            except AssertionError:
                if connection.execute(due.encode()).fetchone() == before:
                    raise
                event("a moment came while it was looked at")
            else:
                return
    raise AssertionError("moments never end")


def wait_for_the_last(database: str, moments: Table) -> None:
    """Until every `due` lies in the past: some documents are now due, and no row of them changes."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"SET search_path = {SEARCH_PATH}".encode())
        connection.execute(
            f"SELECT pg_sleep(extract(epoch FROM max(due) - clock_timestamp())) FROM {moments.name} "
            "WHERE due > clock_timestamp()".encode()
        )


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
            connection.execute(f"SET search_path = {SEARCH_PATH}; SET lock_timeout = '20ms'".encode())
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
            execute(self._connection, statement)
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
            # A deferred constraint, which may be violated or have to wait for another writer.
            with suppress(psycopg.IntegrityError, psycopg.errors.LockNotAvailable):
                self._connection.execute(statement.encode())
