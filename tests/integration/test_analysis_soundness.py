"""No entity is missed: random changes to a small shop, each query's routes against what they changed."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping

import psycopg
import pytest

from tests.support.delta import Connection, Followed, Outcome, follow, outcome, remember
from tests.support.soundness.case import Case
from tests.support.soundness.correlated import CORRELATED
from tests.support.soundness.fallbacks import FALLBACKS
from tests.support.soundness.nested import BEYOND, COMBINED, NESTED
from tests.support.soundness.null_safe import NULL_SAFE
from tests.support.soundness.queries import CASES, COLUMNS, FILTERED, PLAIN, SCHEMA
from tests.support.soundness.stacked import STACKED
from tests.support.soundness.usual import USUAL
from tests.support.soundness.whole_rows import WHOLE_ROWS

BATCHES = int(os.environ.get("ANALYSIS_BATCHES", "80"))


@pytest.mark.parametrize(
    "cases",
    [PLAIN, NESTED, COMBINED, BEYOND, FALLBACKS, CORRELATED, NULL_SAFE, WHOLE_ROWS, STACKED, USUAL, FILTERED],
    ids=[
        "every construct",
        "views and recursion",
        "groups, functions and joins",
        "beyond outer joins",
        "fallbacks",
        "of each row around",
        "null-safe equality",
        "whole rows",
        "queries in one another",
        "as usual",
        "constant filters",
    ],
)
def test_every_changed_entity_is_named(cases: Mapping[str, Case], database: str) -> None:
    """Documents of an entity that changed, appeared or vanished are always among those that a route names."""
    chance = random.Random(20240229)  # noqa: S311 # the same batches each time
    with psycopg.connect(database, autocommit=True) as connection:
        # Statements of a few rows: compiling and parallel workers would take most of the time.
        connection.execute(
            "SET jit = off; SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off"
        )
        connection.prepared_max = 10_000  # every statement of a batch is that of the batch before
        connection.execute(SCHEMA)
        followed = {
            name: follow(connection, case.query, case.entity.split(","), "public")
            for name, case in cases.items()
        }
        changed: Counter[str] = Counter()
        for _ in range(12):
            for table in COLUMNS:
                connection.execute(insertion(chance, table).encode())
        for batch in range(BATCHES):
            remember(connection, list(followed.values()), again=batch > 0)
            script = change(connection, chance)
            for number, (name, each) in enumerate(followed.items()):
                seen = outcome(connection, number, each, prepare=True)
                assert not seen.missed, (
                    f"{name}: batch {batch} misses {seen.missed}\n{chr(10).join(script)}\n{each.analysis}"
                )
                changed[name] += seen.changed
        still = [name for name, case in cases.items() if not changed[name] and not case.change]
        assert not still, f"nothing changes in {still}: they show nothing"


def test_no_entity_is_missed_where_it_is_hard_to_see(database: str) -> None:
    """Changes of several tables at once that random ones hardly ever hit upon."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA)
        for name, case in CASES.items():
            if case.change:
                each = follow(connection, case.query, case.entity.split(","), "public")
                seen = after_its_change(connection, case, each)
                assert seen.changed, f"{name}: nothing changes"
                assert not seen.missed, f"{name} misses {seen.missed}\n{each.analysis}"


def after_its_change(connection: Connection, case: Case, followed: Followed) -> Outcome:
    """What becomes of a query by the change that is written down for it."""
    connection.execute(f"TRUNCATE {', '.join(COLUMNS)}; {case.rows}".encode())
    remember(connection, [followed])
    with connection.transaction():
        connection.execute(case.change.encode())
    return outcome(connection, 0, followed)


def value(chance: random.Random, kind: str) -> str:
    if kind not in ("key", "set") and chance.random() < 0.2:
        return "NULL"
    number = chance.randint(1, 4)
    return {
        "text": f"'{'abcd'[number - 1]}'",
        "word": f"'{chance.choice('abcd1234')}'",
        "numeric": chance.choice(["1.0", "1.00", "2", "2.0"]),
        "ints": f"ARRAY[{number}, {chance.randint(1, 4)}]",
    }.get(kind, str(number))


def insertion(chance: random.Random, table: str) -> str:
    values = ", ".join(value(chance, kind) for kind in COLUMNS[table].values())
    return f"INSERT INTO {table} VALUES ({values}) ON CONFLICT DO NOTHING"


def change(connection: Connection, chance: random.Random) -> list[str]:
    """One transaction of random DML on some of the tables.

    Rows that hang together often go together: that is when one table's route may not lean on another's rows.
    """
    tables = chance.sample(list(COLUMNS), chance.choice([1, 1, 2, 3, 7]))
    kind = chance.random()
    if kind < 0.1:
        script = [f"DELETE FROM {table}" for table in tables[:2]]
    elif kind < 0.35:
        number = chance.randint(1, 4)
        script = [delete_all(table, number) for table in tables]
    else:
        script = [statement(chance, table) for _ in range(chance.choice([1, 1, 2, 4])) for table in tables]
    with connection.transaction():
        for each in script:
            connection.execute(each.encode())
    return script


def delete_all(table: str, number: int) -> str:
    numbers = [column for column, kind in COLUMNS[table].items() if kind in ("int", "key", "set")]
    return f"DELETE FROM {table} WHERE {number} IN ({', '.join(numbers)})"


def statement(chance: random.Random, table: str) -> str:
    action = chance.random()
    if action < 0.5:
        return insertion(chance, table)
    one = f"ctid = (SELECT ctid FROM {table} ORDER BY md5(ctid::text || '{chance.random()}') LIMIT 1)"
    if action < 0.65:
        return f"DELETE FROM {table} WHERE {one}"
    column, kind = chance.choice(list(COLUMNS[table].items()))
    new = value(chance, kind)
    free = f" AND NOT EXISTS (SELECT FROM {table} x WHERE x.{column} = {new})" if kind == "key" else ""
    return f"UPDATE {table} SET {column} = {new} WHERE {one}{free}"
