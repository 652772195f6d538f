"""No entity is missed: random changes to a small shop, each query's routes against what they changed."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import psycopg

from cdc_daemon.analysis import analyse
from cdc_daemon.analysis.plan import Analysis, RouteKind
from cdc_daemon.feeds.catalogue import describe
from cdc_daemon.feeds.referee import check_routes, referee
from tests.integration.analysis_queries import CASES, COLUMNS, SCHEMA

BATCHES = int(os.environ.get("ANALYSIS_BATCHES", "80"))

Connection = psycopg.Connection[tuple[Any, ...]]


def test_every_changed_entity_is_named(database: str) -> None:
    """Documents of an entity that changed, appeared or vanished are always among those that a route names."""
    chance = random.Random(20240229)  # noqa: S311 # the same batches each time
    with psycopg.connect(database, autocommit=True) as connection:
        # Statements of a few rows: compiling and parallel workers would take most of the time.
        connection.execute(
            "SET jit = off; SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off"
        )
        connection.execute(SCHEMA)
        routes = {name: analysed(connection, name) for name in CASES}
        named: Counter[str] = Counter()
        changed: Counter[str] = Counter()
        for _ in range(12):
            for table in COLUMNS:
                connection.execute(insertion(chance, table))
        for batch in range(BATCHES):
            remember(connection)
            script = change(connection, chance)
            for name, analysis in routes.items():
                hits, touched, missed = compare(connection, name, analysis)
                assert not missed, (
                    f"{name}: batch {batch} misses {missed}\n{chr(10).join(script)}\n{analysis}"
                )
                named[name] += hits
                changed[name] += touched
        for name, analysis in routes.items():
            kinds = sorted({str(occurrence.kind) for occurrence in analysis.occurrences})
            print(f"{named[name]:5} named {changed[name]:5} changed  {name} ({', '.join(kinds)})")
        precise = [name for name, analysis in routes.items() if full(analysis)]
        total = sum(named[name] for name in precise), sum(changed[name] for name in precise)
        print(f"precision over {len(precise)} queries: {total[0] / total[1]:.2f} named per changed")
        assert sum(changed.values()) > BATCHES


def analysed(connection: Connection, name: str) -> Analysis:
    case = CASES[name]
    entity = case.entity.split(",")
    query, catalogue = describe(
        connection, feed=name, text=case.query, key=entity, entity=entity, search_path="public"
    )
    analysis = referee(analyse(query, catalogue), catalogue.dependencies)
    return check_routes(connection, analysis, catalogue)


def full(analysis: Analysis) -> bool:
    return all(occurrence.kind in (RouteKind.DIRECT, RouteKind.JOIN) for occurrence in analysis.occurrences)


def value(chance: random.Random, kind: str) -> str:
    if kind not in ("key", "set") and chance.random() < 0.2:
        return "NULL"
    number = chance.randint(1, 4)
    return {
        "text": f"'{'abcd'[number - 1]}'",
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
            connection.execute(each)
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


def remember(connection: Connection) -> None:
    for table in COLUMNS:
        connection.execute(
            f"DROP TABLE IF EXISTS old_{table}; CREATE TEMP TABLE old_{table} AS TABLE {table}"
        )
    for number, case in enumerate(CASES.values()):
        entity = ", ".join(f"q.{name}" for name in case.entity.split(","))
        connection.execute(
            f"DROP TABLE IF EXISTS before_{number}; CREATE TEMP TABLE before_{number} AS "
            f"SELECT {entity}, q::text AS document FROM ({case.query}) q"
        )


def compare(connection: Connection, name: str, analysis: Analysis) -> tuple[int, int, list[Any]]:
    """How many entities the routes name, how many changed, and those that changed without being named."""
    case = CASES[name]
    entity = case.entity.split(",")
    before = f"before_{list(CASES).index(name)}"
    columns = ", ".join(entity)
    of_query = ", ".join(f"q.{column}" for column in entity)
    identity = ", ".join(f"{column}::text" for column in entity)
    pieces = [
        f"""changed AS (
            SELECT DISTINCT {columns} FROM (
                SELECT {columns}, sum(w) OVER (PARTITION BY ({identity}), document) AS w
                FROM (SELECT {columns}, document, 1 AS w FROM {before}
                      UNION ALL SELECT {of_query}, q::text, -1 FROM ({case.query}) q) AS states) AS weighed
            WHERE w <> 0 AND {" AND ".join(f"{column} IS NOT NULL" for column in entity)})"""
    ]
    matches: list[str] = []
    everything: list[str] = []
    for occurrence in analysis.occurrences:
        table = occurrence.table.name
        links = ", ".join(occurrence.links) or "1 AS nothing"
        image = f"ROW({', '.join(occurrence.columns)})::text"
        delta = f"""SELECT * FROM (SELECT {links}, sum(w) OVER (PARTITION BY image) AS w$ FROM (
            SELECT *, {image} AS image, 1 AS w FROM old_{table}
            UNION ALL SELECT *, {image}, -1 FROM {table}) AS states) AS weighed WHERE w$ <> 0"""
        for route in occurrence.routes:
            number = len(pieces)
            if route.kind is RouteKind.ALL:
                matches.append(f"EXISTS ({delta})")
                continue
            pieces.append(f"r{number} AS (WITH delta AS ({delta}) {route.sql})")
            same = " AND ".join(f"r.{column} = changed.{column}" for column in route.bound)
            matches.append(f"EXISTS (SELECT FROM r{number} AS r WHERE {same})")
            if len(route.bound) == len(entity):
                everything.append(f"SELECT {columns} FROM r{number}")
    row = connection.execute(
        f"""WITH {", ".join(pieces)}
        SELECT (SELECT count(*) FROM ({" UNION ".join(everything) or "SELECT 1 WHERE false"}) AS n),
               (SELECT count(*) FROM changed),
               ARRAY(SELECT changed::text FROM changed WHERE NOT ({" OR ".join(matches) or "false"}))"""
    ).fetchone()
    assert row is not None
    return row
