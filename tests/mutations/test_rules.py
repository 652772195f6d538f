"""Taking a rule out of the analysis makes it lose an entity, or a documented route: no rule stands untested.

A mutation whose place is not found any more fails, too: it has to follow the code.
"""

from __future__ import annotations

import importlib
import inspect
import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import ModuleType

import psycopg
import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import FeedQuery, Output
from cdc_daemon.errors import FeedError
from tests.integration import test_verdicts
from tests.mutations.anchors import find
from tests.mutations.mutants import Analyse, Mutation, mutant
from tests.mutations.rules.expressions import EXPRESSED
from tests.mutations.rules.filters import FILTERED
from tests.mutations.rules.grammar import WRITTEN
from tests.mutations.rules.grouping import GROUPED
from tests.mutations.rules.join_filters import NARROWED
from tests.mutations.rules.names import NAMED
from tests.mutations.rules.parts import PARTS
from tests.mutations.rules.precision import PRECISE
from tests.mutations.rules.reasons import REASONED
from tests.mutations.rules.recomputation import LOOKED_UP
from tests.mutations.rules.relations import RELATED
from tests.mutations.rules.soundness_of_conditions import SOUND_CONDITIONS
from tests.mutations.rules.soundness_of_routes import SOUND_ROUTES
from tests.mutations.rules.statements import STATED
from tests.mutations.rules.telling import TELLING
from tests.mutations.rules.uniqueness import ONCE
from tests.mutations.rules.verdicts import TOLD
from tests.support import delta
from tests.support.analysis_fixtures import CATALOGUE, Fixture, differences, fixtures
from tests.support.analysis_modules import modules
from tests.support.delta import Connection, Followed, follow, outcome, remember
from tests.support.soundness.case import Case
from tests.support.soundness.changes import after_its_change, change, insertion
from tests.support.soundness.queries import CASES, COLUMNS, SCHEMA

reader = test_verdicts.reader

# Which of two equal values stands for a group is the server's choice: the analysis must not count on either.
# (Their documents change without a change of rows, too, so they are no cases of the other tests.)
_ARBITRARY = {
    "text of a group": Case(
        "k", "SELECT g.price::text AS k, g.n FROM (SELECT p.price, count(*) AS n FROM p GROUP BY p.price) g"
    ),
    "text of a union": Case(
        "k",
        "SELECT g.price::text AS k FROM (SELECT price FROM p WHERE cat > 1 UNION SELECT price FROM p) g",
    ),
}
_WITHOUT_RULES = {
    "__init__": "names what the package offers",
    **{
        f"{room}.__init__": "says what the room is for"
        for room in ("model", "read", "derive", "capture_filters", "report")
    },
    "grammar.__init__": "names what the package offers",
    "grammar.nodes": "classes of nodes",
    "model.plan": "dataclasses: what the analysis tells",
    "stages": "prints what the others made",
}
_BATCHES = 150
_REFILL = 6
"""Batches after which the tables are filled anew, with few rows or many: the fewer, the more each decides."""


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SET jit = off; SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off;"
            "SET client_min_messages = error"
        )
        connection.execute(SCHEMA.encode())
        yield connection


@pytest.mark.parametrize("mutation", [*SOUND_CONDITIONS, *SOUND_ROUTES], ids=lambda mutation: mutation.rule)
def test_without_the_rule_an_entity_is_missed(connection: Connection, mutation: Mutation) -> None:
    with mutant(mutation, delta) as without:
        followed = [_followed(connection, name, without) for name in mutation.killed_by]
        if any(each is None for each in followed):
            return  # a route that can't be planned is refused when the feed is planned
        found = [each for each in followed if each is not None]
        assert _loses_written(connection, mutation, found) or _loses_one(connection, found), mutation


@pytest.mark.parametrize("mutation", PRECISE, ids=lambda mutation: mutation.rule)
def test_without_the_rule_a_documented_route_is_another(mutation: Mutation) -> None:
    with mutant(mutation) as without:
        assert any(_differs(fixture, without) for fixture in _places(mutation.killed_by)), mutation


@pytest.mark.parametrize(
    "mutation",
    [
        *FILTERED,
        *LOOKED_UP,
        *NARROWED,
        *ONCE,
        *EXPRESSED,
        *PARTS,
        *NAMED,
        *GROUPED,
        *REASONED,
        *TELLING,
        *WRITTEN,
    ],
    ids=lambda mutation: mutation.rule,
)
def test_without_the_rule_a_unit_test_fails(mutation: Mutation) -> None:
    modules = [importlib.import_module(f"tests.unit.analysis.{name}") for name in mutation.killed_by]
    with mutant(mutation, *modules):
        assert any(map(_fails, modules)), mutation


@pytest.mark.parametrize("mutation", [*TOLD, *STATED, *RELATED], ids=lambda mutation: mutation.rule)
def test_without_the_rule_a_verdict_is_another(reader: Connection, mutation: Mutation) -> None:
    with mutant(mutation, test_verdicts):
        assert any(_tells_otherwise(reader, theme) for theme in mutation.killed_by), mutation


def test_with_every_rule_none_of_these_fails() -> None:
    """Else a mutation would seem to be found for a reason that is not its own."""
    assert not [fixture.id for fixture in fixtures() if _differs(fixture, analyse)]
    names = {
        name
        for mutation in (
            *FILTERED,
            *LOOKED_UP,
            *NARROWED,
            *ONCE,
            *EXPRESSED,
            *PARTS,
            *NAMED,
            *GROUPED,
            *REASONED,
            *TELLING,
            *WRITTEN,
        )
        for name in mutation.killed_by
    }
    assert not [name for name in names if _fails(importlib.import_module(f"tests.unit.analysis.{name}"))]


def test_every_module_of_the_analysis_has_a_rule_that_is_taken_out() -> None:
    every = (
        *SOUND_CONDITIONS,
        *SOUND_ROUTES,
        *PRECISE,
        *FILTERED,
        *LOOKED_UP,
        *NARROWED,
        *ONCE,
        *EXPRESSED,
        *PARTS,
        *NAMED,
        *GROUPED,
        *REASONED,
        *TELLING,
        *TOLD,
        *STATED,
        *RELATED,
        *WRITTEN,
    )
    ruled = {find(mutation.at, mutation.old, mutation.new).module for mutation in every}
    assert ruled == modules().keys() - _WITHOUT_RULES.keys()


def _fails(module: ModuleType) -> bool:
    """Whether a test of a module fails, of those that need no fixture."""
    tests = [value for name, value in vars(module).items() if name.startswith("test_")]
    return any(_raises(test, arguments) for test in tests for arguments in _arguments(test))


def _raises(test: Callable[..., None], arguments: Mapping[str, object]) -> bool:
    try:
        test(**arguments)
    except (Exception, pytest.fail.Exception):  # however it fails; pytest.raises fails with the latter
        return True
    return False


def _arguments(test: Callable[..., None]) -> Iterator[Mapping[str, object]]:
    """Yield what a test is called with; nothing for one that needs a fixture."""
    for arguments in _parametrized(test):
        if inspect.signature(test).parameters.keys() <= arguments.keys():
            yield arguments


def _parametrized(test: Callable[..., None]) -> Iterator[Mapping[str, object]]:
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    if not marks:
        yield {}
    for mark in marks:
        names = mark.args[0].split(", ") if isinstance(mark.args[0], str) else mark.args[0]
        for values in mark.args[1]:
            yield dict(zip(names, values if len(names) > 1 else (values,), strict=True))


def _tells_otherwise(reader: Connection, theme: str) -> bool:
    return _raises(
        test_verdicts.test_each_case_gets_its_verdicts_with_their_places, {"theme": theme, "reader": reader}
    )


def _followed(connection: Connection, name: str, without: Analyse) -> Followed | None:
    case = _ARBITRARY.get(name) or CASES[name]
    try:
        return follow(connection, case.query, case.entity.split(","), "public", without)
    except (FeedError, KeyError, AssertionError):
        return None


def _loses_written(connection: Connection, mutation: Mutation, followed: list[Followed]) -> bool:
    """Whether one of the changes that are written down for the queries is missed."""
    cases = (CASES.get(name) for name in mutation.killed_by)
    return any(
        after_its_change(connection, case, each).missed
        for case, each in zip(cases, followed, strict=True)
        if case is not None and case.change
    )


def _loses_one(connection: Connection, followed: list[Followed]) -> bool:
    chance = random.Random(7)  # noqa: S311 # the same batches each time
    tables = list(COLUMNS)
    for batch in range(_BATCHES):
        if batch % _REFILL == 0:
            connection.execute(f"TRUNCATE {', '.join(tables)}".encode())
            for table in tables * (3 if batch % (2 * _REFILL) else 8):
                connection.execute(insertion(chance, table).encode())
        remember(connection, followed, again=batch > 0)
        change(connection, chance)
        try:
            if any(
                outcome(connection, number, each, prepare=True).missed for number, each in enumerate(followed)
            ):
                return True
        except psycopg.Error:
            return True  # a route that fails stops the feed
    return False


@cache
def _places(places: tuple[str, ...]) -> list[Fixture]:
    return [fixture for fixture in fixtures() if fixture.place in places]


def _differs(fixture: Fixture, without: Analyse) -> bool:
    outputs = tuple(Output(name, "text") for name in fixture.entity)
    query = FeedQuery("feed", fixture.query, fixture.query, outputs, fixture.entity, fixture.entity)
    found = {
        occurrence.alias: (occurrence.kind.value, occurrence.links, occurrence.reason or "")
        for occurrence in without(query, CATALOGUE).occurrences
    }
    # A query that is not understood takes every table of the catalogue, which holds more than it reads.
    named = {expected.alias for expected in fixture.expected}
    found = {name: each for name, each in found.items() if name in named or not name.startswith("shop.")}
    return bool(differences(fixture, found))
