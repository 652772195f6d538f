"""Queries as tools and people write them: no entity is missed, and hardly a change concerns all of them."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from cdc_daemon.analysis.model.plan import RouteKind
from tests.support.analysis_fixtures import DIRECTORY as ANALYSIS
from tests.support.delta import Connection, Followed, follow, outcome, quoted, remember

pytestmark = pytest.mark.any_server

DIRECTORY = ANALYSIS.parent / "corpus"
FOLDERS = (*sorted(path for path in DIRECTORY.iterdir() if path.is_dir()), ANALYSIS / "generated")
BATCHES = int(os.environ.get("CORPUS_BATCHES", "6"))
_FILLING = 10
_VALUES: Mapping[str, Sequence[str]] = {
    "integer": ("1", "2", "3", "4"),
    "text": ("'a'", "'b'", "'c'"),
    "boolean": ("true", "false"),
    "date": ("'2024-02-28'", "'2024-02-29'", "'2024-03-01'", "'2024-03-02'"),
    "text[]": ("'{a,b}'", "'{}'", "'{b,c,NULL}'"),
    "integer[]": ("'{1,2}'", "'{}'", "'{2,2,3}'", "'{4,NULL}'"),
    "jsonb": ("""'{"checker": 1, "city": "x"}'""", """'{"checker": 2, "zip": 3}'""", "'{}'"),
    "daterange": ("'[2024-02-28,2024-03-01)'", "'[2024-02-29,)'", "'empty'"),
}
# Where the queries compare a column with words of their own.
_WORDS: Mapping[str, Sequence[str]] = {
    "state": ("'live'", "'draft'", "'open'", "'done'"),
    "kind": ("'a'", "'b'", "'done'"),
    "role": ("'lead'", "'a'"),
    "owner_type": ("'Article'", "'Remark'"),
    "sku": ("'A b'", "'a'", "'b b'"),
    "month": ("'2024-02-01'", "'2024-03-01'"),
    "settings": ("'[1, 2]'", "'[2]'", """'{"a": 1}'""", "'{}'"),
}


class Question(NamedTuple):
    """A query of the corpus.

    Attributes:
        everything: by the alias of each place that is `all`, a word of the reason.
        instead: the name of a query that asks for the same.
    """

    name: str
    entity: tuple[str, ...]
    query: str
    everything: Mapping[str, str]
    instead: str


class Column(NamedTuple):
    name: str
    type: str
    required: bool
    key: bool


def questions(folder: Path) -> Iterator[Question]:
    """The queries of a folder, in the order of its files."""
    for path in sorted(folder.glob("*.sql")):
        for piece in re.split(r"^-- name: ", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
            name, *rest = piece.strip().split("\n")
            notes = [line[3:].split(": ", 1) for line in rest if re.match(r"-- \w+: ", line)]
            yield Question(
                f"{path.stem}: {name}",
                tuple(part.strip() for part in dict(notes)["entity"].split(",")),
                "\n".join(line for line in rest if not line.startswith("-- ")),
                dict(what.split(" ", 1) for note, what in notes if note == "all"),
                dict(notes).get("instead", ""),
            )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_every_changed_entity_of_the_corpus_is_named(folder: Path, database: str) -> None:
    """Documents that changed are among those that a route names, and `all` is where it is documented."""
    chance = random.Random(20240229)  # noqa: S311 # the same batches each time
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SET jit = off; SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off;"
            "SET client_min_messages = error"
        )
        connection.execute((folder / "schema.sql").read_bytes())
        asked = list(questions(folder))
        followed = {each.name: follow(connection, each.query, each.entity, folder.name) for each in asked}
        connection.execute(f"SET search_path = {folder.name}".encode())
        wrong = [line for each in asked for line in _differences(each, followed)]
        assert not wrong, "\n".join(wrong)
        tables = _tables(connection, folder.name)
        changed = dict.fromkeys(followed, 0)
        for batch in range(BATCHES):
            _written(connection, _filling(chance, tables))
            remember(connection, list(followed.values()))
            script = _written(connection, list(_changes(chance, tables)))
            for number, (name, each) in enumerate(followed.items()):
                seen = outcome(connection, number, each)
                assert not seen.missed, (
                    f"{name}: batch {batch} misses {seen.missed}\n{script}\n{each.analysis}"
                )
                changed[name] += seen.changed
            _same_documents(connection, asked)
        still = [name for name, count in changed.items() if not count]
        assert len(still) <= len(followed) / 3, f"nothing changes in {still}: they show nothing"


def test_at_most_three_places_of_a_hundred_concern_every_entity() -> None:
    """What the other test compares with the analysis, counted."""
    asked = [each for folder in FOLDERS for each in questions(folder)]
    places = sum(
        len(re.findall(r"\b(?:FROM|JOIN)\s+(?!LATERAL|\()", each.query, re.IGNORECASE)) for each in asked
    )

    assert len(asked) >= 150
    assert sum(len(each.everything) for each in asked) <= places * 0.03


def _differences(question: Question, followed: Mapping[str, Followed]) -> Iterator[str]:
    """Where `all` is not what the question documents, or what it names instead is no better."""
    found = _everything(followed[question.name])
    if found.keys() != question.everything.keys():
        yield f"{question.name}: {found} is all, {list(question.everything)} is documented"
    for alias, word in question.everything.items():
        if word not in found.get(alias, word):
            yield f"{question.name}: the reason for {alias} is {found[alias]}"
    if question.everything:
        better = [each for name, each in followed.items() if name.endswith(f": {question.instead}")]
        if len(better) != 1 or _everything(better[0]):
            yield f"{question.name}: {question.instead!r} is no better"


def _everything(followed: Followed) -> dict[str, str]:
    """The reason by the alias of each place that is `all`."""
    every = (each for each in followed.analysis.occurrences if each.kind == RouteKind.ALL)
    return {each.alias: each.reason or "" for each in every}


def _same_documents(connection: Connection, asked: Sequence[Question]) -> None:
    """What is asked instead of a question yields what the question does."""
    for question in asked:
        if question.instead:
            (better,) = (each for each in asked if each.name.endswith(f": {question.instead}"))
            both = [
                connection.execute(f"SELECT q::text FROM ({each.query}) q ORDER BY 1".encode()).fetchall()
                for each in (question, better)
            ]
            assert both[0] == both[1], f"{question.name} is not {better.name}"


# Rows and changes


def _tables(connection: Connection, schema: str) -> dict[str, list[Column]]:
    """The columns of each table, in the order in which foreign keys let rows be written."""
    rows = connection.execute(
        """SELECT c.relname, a.attname, format_type(a.atttypid, NULL), a.attnotnull,
               coalesce(a.attnum = ANY (k.conkey), false)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
        WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' ORDER BY c.oid, a.attnum""",
        (schema,),
    ).fetchall()
    tables: dict[str, list[Column]] = {}
    for table, *column in rows:
        tables.setdefault(table, []).append(Column(*column))
    return tables


def _filling(chance: random.Random, tables: Mapping[str, Sequence[Column]]) -> list[str]:
    """Rows in the place of those that are gone, so that rows meet."""
    return [_insertion(chance, name, columns) for name, columns in tables.items() for _ in range(_FILLING)]


def _changes(chance: random.Random, tables: Mapping[str, Sequence[Column]]) -> Iterator[str]:
    """Statements of one transaction; rows that hang together often go together."""
    names = chance.sample(list(tables), chance.choice([1, len(tables), len(tables)]))
    if chance.random() < 0.1:
        number = chance.randint(1, 4)
        for name in names:
            numbers = [each.name for each in tables[name] if each.type == "integer"]
            yield f"DELETE FROM {name} WHERE {number} IN ({', '.join(numbers or ['0'])})"
        return
    for name in names:
        columns = tables[name]
        for _ in range(chance.choice([1, 2, 3])):
            match chance.choice(["insert", "insert", "update", "update", "delete"]):
                case "insert":
                    yield _insertion(chance, name, columns)
                case "update":
                    column = chance.choice([each for each in columns if not each.key] or columns)
                    new = f"{column.name} = {_value(chance, column)}"
                    yield f"UPDATE {name} SET {new} WHERE {_some(chance, columns)}"
                case _:
                    yield f"DELETE FROM {name} WHERE {_some(chance, columns)}"


def _insertion(chance: random.Random, name: str, columns: Sequence[Column]) -> str:
    values = ", ".join(_value(chance, each) for each in columns)
    return f"INSERT INTO {name} VALUES ({values}) ON CONFLICT DO NOTHING"


def _some(chance: random.Random, columns: Sequence[Column]) -> str:
    column = chance.choice([each for each in columns if each.type in ("integer", "date")] or columns)
    return f"{quoted(column.name)} = {_value(chance, column._replace(required=True))}"


def _value(chance: random.Random, column: Column) -> str:
    if not column.required and chance.random() < 0.2:
        return "NULL"
    if column.key and column.name == "id":
        return str(chance.randint(1, 6))
    return chance.choice(_WORDS.get(column.name) or _VALUES[column.type])


def _written(connection: Connection, statements: Sequence[str]) -> list[str]:
    """Execute, in one transaction, what the constraints allow."""
    done: list[str] = []
    with connection.transaction():
        for each in statements:
            try:
                with connection.transaction():
                    connection.execute(each.encode())
                done.append(each)
            except psycopg.IntegrityError:
                continue
    return done
