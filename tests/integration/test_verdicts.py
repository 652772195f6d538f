"""What is refused and what is warned about, as PostgreSQL resolves it: tests/fixtures/verdicts.

A case stands below `-- case:`, the settings below `-- accept:`, `-- reads:` and `-- path:` (the search path,
`public` by default), and each verdict that it gets in a line `-- verdict: name line:column words of its
message or remedy`, in order; `none` if nothing is to be said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest

from cdc_daemon.analysis.analyse import analyse
from cdc_daemon.analysis.completed import accepting
from cdc_daemon.analysis.lint import statements
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.source_text import SqlText, without_last_semicolon
from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.feeds.cross_check import check_routes, cross_check
from cdc_daemon.verdicts import VERDICTS, Accepting

DIRECTORY = Path(__file__).parents[1] / "fixtures" / "verdicts"
THEMES = (
    "statements",
    "clocks",
    "functions",
    "relations",
    "orders",
    "views",
    "indexes",
    *("foreign_code", "paths"),
)


class Case(NamedTuple):
    name: str
    accept: tuple[str, ...]
    reads: tuple[str, ...] | None
    path: str
    expected: tuple[tuple[str, str, str], ...]
    query: str


def cases(theme: str) -> Iterator[Case]:
    for piece in (DIRECTORY / f"{theme}.sql").read_text("utf-8").split("-- case: ")[1:]:
        name, *lines = piece.strip("\n").split("\n")
        notes = [
            line[3:].split(": ", 1) for line in lines if re.match(r"-- (accept|reads|path|verdict): ", line)
        ]
        query = "\n".join(lines[len(notes) :]).rstrip()
        settings = {key: tuple(value.split(", ")) for key, value in notes if key != "verdict"}
        found = [value.split(" ", 2) for key, value in notes if key == "verdict" and value != "none"]
        expected = tuple((verdict, place, words) for verdict, place, words in found)
        path = ", ".join(settings.get("path", ("public",)))
        yield Case(name, settings.get("accept", ()), settings.get("reads"), path, expected, query)


@pytest.fixture(scope="module")
def reader(server: Any) -> Iterator[psycopg.Connection[Any]]:
    """A session of the role `reader` in a database with the schema of the cases."""
    with server.fresh_database() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        role = f"reader_{uuid4().hex[:8]}"  # roles are the server's, which other workers use, too
        connection.execute(f"CREATE ROLE {role}; CREATE ROLE {role}_stranger".encode())
        try:
            connection.execute((DIRECTORY / "schema.sql").read_text("utf-8").replace("reader", role).encode())
            connection.execute(f"SET SESSION AUTHORIZATION {role}".encode())
            connection.execute("CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY)")
            yield connection
        finally:
            connection.execute("RESET SESSION AUTHORIZATION")
            for each in (role, f"{role}_stranger"):
                connection.execute(f"DROP OWNED BY {each} CASCADE; DROP ROLE {each}".encode())


def judged(connection: psycopg.Connection[Any], case: Case) -> list[Verdict]:
    """As `plan_feed` does it: what can't be accepted is found before PostgreSQL is asked."""
    early = [
        verdict
        for verdict in statements(SqlText(case.query))
        if VERDICTS[verdict.name].accepting is Accepting.NEVER
    ]
    if early:
        return early
    query, catalogue = describe(
        connection,
        feed="shop",
        text=without_last_semicolon(case.query),
        key=(),
        entity=(),
        search_path=case.path,
        reads=case.reads,
    )
    first = (query.outputs[0].name,)
    query = replace(query, key=first, entity=first)
    analysis = cross_check(analyse(query, catalogue), catalogue.dependencies)
    return list(accepting(check_routes(connection, analysis, catalogue), case.accept).verdicts)


@pytest.mark.parametrize("theme", THEMES)
def test_each_case_gets_its_verdicts_with_their_places(theme: str, reader: psycopg.Connection[Any]) -> None:
    for case in cases(theme):
        found = judged(reader, case)

        told = [(v.name, f"{v.line}:{v.column}" if v.line else "-") for v in found]
        assert told == [(name, place) for name, place, _ in case.expected], (case.name, found)
        for verdict, (_, _, words) in zip(found, case.expected, strict=True):
            told_of = re.sub(r"reader_\w{8}", "reader", f"{verdict.what} {verdict.hint}")
            assert words in told_of, (case.name, verdict)
            assert verdict.accepted == (verdict.name in case.accept), case.name


def test_every_verdict_has_a_case_and_every_theme_a_query_that_passes() -> None:
    every = {theme: list(cases(theme)) for theme in THEMES}
    shown = {name for found in every.values() for case in found for name, _, _ in case.expected}
    # `check` tells of keys (test_check_keys) and `every-entity` (test_cli), the cross-check of
    # `unnamed-column` (test_analysis_catalogue); two of what a defect leaves unknown (test_failure). The
    # embedded server has no nondeterministic collations (test_equal_spellings).
    told = {
        "equal-spellings",
        "every-entity",
        "unnamed-column",
        "unproven-key",
        "nullable-key",
        "unjudged",
        "unadvised",
    }
    assert shown | told == set(VERDICTS)
    assert all(any(not case.expected for case in found) for found in every.values())
