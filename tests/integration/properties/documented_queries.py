"""All queries that stand in fixtures and tests, each with a schema in which PostgreSQL takes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cdc_daemon.analysis.source_text import without_last_semicolon
from tests.integration.test_analysis_corpus import DIRECTORY as CORPUS
from tests.integration.test_analysis_corpus import questions
from tests.integration.test_verdicts import DIRECTORY as VERDICTS
from tests.integration.test_verdicts import THEMES, cases
from tests.support.analysis_fixtures import DIRECTORY, PUBLISHED, fixtures
from tests.support.soundness.queries import CASES, SCHEMA


class Query(NamedTuple):
    """A query; without an entity, its first output column is its entity."""

    text: str
    entity: tuple[str, ...]


class Library(NamedTuple):
    """Queries over one schema."""

    name: str
    schema: str
    search_path: str
    queries: Sequence[Query]


def libraries() -> Iterator[Library]:
    """Every schema with its queries."""
    yield _published("", "pg_catalog")
    yield from (_published(name, name) for name in PUBLISHED)
    for folder in sorted(path for path in CORPUS.iterdir() if path.is_dir()):
        asked = [Query(each.query, each.entity) for each in questions(folder)]
        yield Library(folder.name, _text(folder), folder.name, asked)
    usual = [Query(case.query, tuple(case.entity.split(","))) for case in CASES.values()]
    yield Library("soundness", SCHEMA, "public", usual)
    judged = [
        Query(without_last_semicolon(case.query), ())
        for theme in THEMES
        for case in cases(theme)
        if case.path == "public"
    ]
    schema = f"{_without_roles(_text(VERDICTS))} CREATE TEMPORARY TABLE scratch (id integer PRIMARY KEY);"
    yield Library("verdicts", schema, "public", judged)


def _published(folder: str, search_path: str) -> Library:
    read = [Query(fixture.query, fixture.entity) for fixture in fixtures(folder)]
    return Library(folder or "shop", _text(DIRECTORY / folder), search_path, read)


def _text(folder: Path) -> str:
    return (folder / "schema.sql").read_text("utf-8")


def _without_roles(schema: str) -> str:
    """The schema without rights: roles are the server's, and other tests make them at the same time."""
    return re.sub(r"^.*\breader(_stranger)?;$", "", schema, flags=re.MULTILINE)
