"""How precise the routes are: entities recomputed for one that really changed, query by query.

A hostile little shop (few values, many NULLs) is changed by the same statements each time. A route may name
too many entities, never too few; this prints how many too many. `--store` writes the figures that a test
compares with (tests/precision): they may shrink, not grow.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import psycopg

from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.pg.embedded import EmbeddedServer
from tests.integration.analysis_queries import CASES, COLUMNS, SCHEMA
from tests.integration.properties.delta import Connection, follow, outcome, remember
from tests.integration.test_analysis_soundness import insertion, value

STORED = Path(__file__).with_name("precision.json")
STATEMENTS = 8
ROWS = 10


class Precision(NamedTuple):
    """Over all statements: how many entities the routes name, and how many have another document."""

    named: int
    changed: int

    @property
    def ratio(self) -> float:
        return self.named / max(self.changed, 1)


def measure(connection: Connection) -> dict[str, Precision]:
    """Run the workload on an empty database, and see what the routes of each query make of it."""
    chance = random.Random(1)  # noqa: S311 # the same statements each time
    connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off")
    connection.execute(SCHEMA.encode())
    followed = {
        name: follow(connection, case.query, case.entity.split(","), "public") for name, case in CASES.items()
    }
    for _ in range(ROWS):
        for table in COLUMNS:
            connection.execute(insertion(chance, table).encode())
    found = dict.fromkeys(followed, Precision(0, 0))
    for _ in range(STATEMENTS):
        remember(connection, list(followed.values()))
        connection.execute(_statement(chance).encode())
        for number, (name, each) in enumerate(followed.items()):
            seen = outcome(connection, number, each)
            found[name] = Precision(found[name].named + seen.named, found[name].changed + seen.changed)
    return found


def stored() -> dict[str, Precision]:
    """The figures of the last `--store`."""
    return {name: Precision(*each) for name, each in json.loads(STORED.read_text("utf-8")).items()}


def _statement(chance: random.Random) -> str:
    """One statement on a few rows, which are chosen by their values: the same ones on every server."""
    table = chance.choice(list(COLUMNS))
    columns = {name: kind for name, kind in COLUMNS[table].items() if kind != "ints"}
    by, kind = chance.choice(list(columns.items()))
    where = f"{by} IS NOT DISTINCT FROM {value(chance, kind)}"
    action = chance.random()
    if action < 0.35:
        return insertion(chance, table)
    if action < 0.5:
        return f"DELETE FROM {table} WHERE {where}"
    column, kind = chance.choice([(name, kind) for name, kind in columns.items() if kind != "key"])
    return f"UPDATE {table} SET {column} = {value(chance, kind)} WHERE {where}"


def lines(found: Mapping[str, Precision]) -> Iterator[str]:
    """The figures as a table, the least precise first, and their sum."""
    for name, each in sorted(found.items(), key=lambda item: -item[1].ratio):
        yield f"{each.ratio:8.2f}  {each.named:6} named {each.changed:6} changed  {name}"
    total = Precision(
        sum(each.named for each in found.values()), sum(each.changed for each in found.values())
    )
    yield f"{total.ratio:8.2f}  {total.named:6} named {total.changed:6} changed  all {len(found)} queries"


def main() -> None:
    """Print the figures of a private server; `--store` keeps them."""
    with tempfile.TemporaryDirectory(prefix="cdc-precision-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "server", fast=True)
        server.binaries = find_binaries("embedded", only=True)
        try:
            with psycopg.connect(server.start(), autocommit=True) as connection:
                found = measure(connection)
        finally:
            server.remove()
    print("\n".join(lines(found)))
    if "--store" in sys.argv:
        each = ",\n".join(f"  {json.dumps(name)}: {json.dumps(list(found[name]))}" for name in sorted(found))
        STORED.write_text(f"{{\n{each}\n}}\n", "utf-8")


if __name__ == "__main__":
    main()
