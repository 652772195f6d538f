"""Any query that PostgreSQL takes is analysed without a defect, and any tree at all without an exception."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery
from cdc_daemon.analysis.model.dialect import Unreadable
from cdc_daemon.analysis.model.plan import Analysis
from cdc_daemon.errors import FeedError
from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.feeds.cross_check import check_routes, cross_check
from cdc_daemon.pg.session import Connection
from tests.integration.properties.documented_queries import Library, libraries
from tests.support import servers
from tests.support.mutated_queries import UNWRITABLE, mutant

pytestmark = pytest.mark.any_server

_LIBRARIES = list(libraries())


@pytest.fixture(scope="module")
def sessions(server: servers.Server) -> Iterator[list[Connection]]:
    """A session for each library, in a database with its schema."""
    with ExitStack() as stack:
        found: list[Connection] = []
        for library in _LIBRARIES:
            dsn = stack.enter_context(server.fresh_database())
            found.append(stack.enter_context(psycopg.connect(dsn, autocommit=True)))
            found[-1].execute(library.schema.encode())
        yield found


@pytest.mark.timeout(600 + settings().max_examples)
@settings(
    max_examples=max(settings().max_examples // 5, 30),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 2**63))
def test_mutated_queries_are_analysed_or_refused(sessions: list[Connection], seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 # the same mutants for one seed
    number = chance.randrange(len(_LIBRARIES))
    library, session = _LIBRARIES[number], sessions[number]
    query = chance.choice(library.queries)
    donors = [each.text for each in library.queries]
    try:
        resolved, catalogue = _described(session, library, query.text, query.entity)
    except FeedError:  # some of the queries with verdicts are no single SELECT
        event("the fixture is refused")
        return
    text = _mutant(chance, query.text, donors)
    if text is not None:
        _analysed_as_written(session, library, text, resolved.entity)
    definition = _mutant(chance, resolved.definition, donors)
    if definition is not None:
        try:
            analyse(replace(resolved, text=definition, definition=definition), catalogue)
        except FeedError:
            event("a tree is refused")


def _mutant(chance: random.Random, text: str, donors: list[str]) -> str | None:
    try:
        return mutant(chance, text, donors)
    except (Unreadable, *UNWRITABLE):
        return None


def _analysed_as_written(session: Connection, library: Library, text: str, entity: tuple[str, ...]) -> None:
    """Do what `check` does with a query."""
    try:
        described, catalogue = _described(session, library, text, entity)
    except FeedError:
        event("PostgreSQL refuses the query")
        return
    try:
        found = cross_check(analyse(described, catalogue), catalogue.dependencies)
        found = check_routes(session, found, catalogue)
    except FeedError:
        event("the query is refused")
        return
    event("the query is analysed")
    _assert_no_defect(found, text)


def _described(
    session: Connection, library: Library, text: str, entity: tuple[str, ...]
) -> tuple[FeedQuery, Catalogue]:
    described, catalogue = describe(
        session, feed="feed", text=text, key=entity, entity=entity, search_path=library.search_path
    )
    first = tuple(output.name for output in described.outputs[:1])
    return replace(described, key=entity or first, entity=entity or first), catalogue


def _assert_no_defect(analysis: Analysis, text: str) -> None:
    told = [each.reason or "" for each in analysis.occurrences]
    told += [each.what for each in analysis.verdicts if each.name in ("unjudged", "unadvised")]
    assert not [each for each in told if "defect of cdc-daemon" in each], f"{told}\n{text}"
