"""Measures the precision of routes: recomputed entities ÷ really changed entities, for each query.

The queries are those of tests/fixtures/analysis and of the soundness test. `sample.py` makes rows for their
schemas, and `workload.py` changes them. A route may name too many entities, never too few; this measures how
many too many. `--store` writes the figures that a test compares with (tests/precision): they may shrink, not
grow.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg.conninfo import make_conninfo

from bench.sample import Sample
from bench.workload import run, workload
from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.pg.embedded import EmbeddedServer
from tests.support.analysis_fixtures import DIRECTORY, PUBLISHED, fixtures
from tests.support.delta import Connection, Followed, Outcome, comparison, follow, remember
from tests.support.soundness.case import Case
from tests.support.soundness.queries import CASES, SCHEMA

_CHANCE = frozenset({"unordered-aggregate", "limit-without-order", "ties", "float-sum", "volatile-function"})
STORED = Path(__file__).with_name("precision.json")
ARBITRARY = ("every_entity: TABLESAMPLE",)
"""Queries whose rows are a new random choice each time, so that a difference means nothing."""


class Precision(NamedTuple):
    """Sums over all statements: entities that the routes name, and entities whose document changed."""

    named: int
    changed: int

    @property
    def ratio(self) -> float:
        """Named entities ÷ changed entities."""
        return self.named / max(self.changed, 1)


def measure(
    connection: Connection, schema: str, ddl: bytes, queries: Mapping[str, Case]
) -> dict[str, Precision]:
    """Measure the routes of each query under the standard workload.

    Args:
        connection: session in an empty database.
        ddl: statements that create the tables of `schema`.

    Raises:
        AssertionError: an entity changed that no route names.
    """
    # The statements read few rows. JIT and parallel workers would take most of the time.
    connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off")
    connection.execute(ddl)
    connection.execute(f"SET search_path = {schema}, pg_catalog".encode())
    followed = [follow(connection, each.query, each.entity.split(","), schema) for each in queries.values()]
    sample = Sample(connection, schema, {name: each.query for name, each in queries.items()})
    remember(connection, followed)
    found = dict.fromkeys(queries, Precision(0, 0))
    # Planning a comparison takes longer than executing it, so it is planned once for all steps. PREPARE does
    # that; psycopg forgets its own prepared statements when a transaction is rolled back.
    connection.prepare_threshold = None
    for number, (name, each) in enumerate(zip(queries, followed, strict=True)):
        connection.execute(f"PREPARE compare_{number} AS {comparison(number, each)}".encode())
        for step in workload(sample, name, _used(each)):
            with connection.transaction(force_rollback=True):
                try:
                    run(connection, sample, step)
                except psycopg.IntegrityError:  # a constraint may forbid a change of the workload
                    continue
                row = connection.execute(f"EXECUTE compare_{number}".encode()).fetchone()
            assert row is not None
            seen = Outcome(*row)
            assert not seen.missed or _left_to_chance(each), f"{name} misses {seen.missed}: {step}"
            found[name] = Precision(found[name].named + seen.named, found[name].changed + seen.changed)
    return found


def of_fixtures(connection: Connection, folder: str) -> dict[str, Precision]:
    """Measure the queries of a folder of tests/fixtures/analysis; "" means that folder itself."""
    queries = {
        each.id: Case(",".join(each.entity), each.query)
        for each in fixtures(folder)
        if each.id not in ARBITRARY
    }
    return measure(connection, folder or "shop", (DIRECTORY / folder / "schema.sql").read_bytes(), queries)


def of_soundness(connection: Connection) -> dict[str, Precision]:
    """Measure the queries of the soundness test, over tables with few keys."""
    return measure(connection, "public", SCHEMA.encode(), CASES)


def _left_to_chance(followed: Followed) -> bool:
    """Whether documents may differ without a change of rows, so that no route can name them."""
    return any(verdict.name in _CHANCE for verdict in followed.analysis.verdicts)


def _used(followed: Followed) -> Mapping[str, Sequence[str]]:
    """Return the columns that a query uses, by table."""
    used: dict[str, set[str]] = {}
    for occurrence in followed.analysis.occurrences:
        used.setdefault(occurrence.table.name, set()).update(occurrence.columns)
    return {name: sorted(used[name]) for name in sorted(used)}


PARTS: Mapping[str, Callable[[Connection], dict[str, Precision]]] = {
    "soundness": of_soundness,
    **{folder or "shop": partial(of_fixtures, folder=folder) for folder in ("", *PUBLISHED)},
}
"""The measurements, each with its own database."""


def stored() -> dict[str, Precision]:
    """Return the figures of the last `--store`."""
    return {name: Precision(*each) for name, each in json.loads(STORED.read_text("utf-8")).items()}


def lines(found: Mapping[str, Precision]) -> Iterator[str]:
    """Yield the figures as a table, the least precise first, and their sum."""
    for name, each in sorted(found.items(), key=lambda item: -item[1].ratio):
        yield f"{each.ratio:8.2f}  {each.named:6} named {each.changed:6} changed  {name}"
    total = Precision(
        sum(each.named for each in found.values()), sum(each.changed for each in found.values())
    )
    yield f"{total.ratio:8.2f}  {total.named:6} named {total.changed:6} changed  all {len(found)} queries"


def main() -> None:
    """Measure on a private server and print the figures; `--store` writes them to the file."""
    found: dict[str, Precision] = {}
    with tempfile.TemporaryDirectory(prefix="cdc-precision-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedServer(Path(folder) / "server", fast=True)
        server.binaries = find_binaries("embedded", only=True)
        try:
            dsn = server.start()
            for name, of in PARTS.items():
                with psycopg.connect(dsn, autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
                with psycopg.connect(make_conninfo(dsn, dbname=name), autocommit=True) as connection:
                    began = time.monotonic()
                    figures = of(connection)
                print(f"{name}, {time.monotonic() - began:.0f} s", *lines(figures), "", sep="\n")
                found |= figures
        finally:
            server.remove()
    if "--store" in sys.argv:
        each = ",\n".join(f"  {json.dumps(name)}: {json.dumps(list(found[name]))}" for name in sorted(found))
        STORED.write_text(f"{{\n{each}\n}}\n", "utf-8")


if __name__ == "__main__":
    main()
