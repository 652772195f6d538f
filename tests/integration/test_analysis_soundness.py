"""No entity is missed: random changes to a small shop, each query's routes against what they changed."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Mapping

import psycopg
import pytest

from tests.support.delta import follow, outcome, remember
from tests.support.soundness.beyond import BEYOND
from tests.support.soundness.case import Case
from tests.support.soundness.changes import after_its_change, change, insertion
from tests.support.soundness.combined import COMBINED
from tests.support.soundness.correlated import CORRELATED
from tests.support.soundness.fallbacks import FALLBACKS
from tests.support.soundness.filtered import FILTERED
from tests.support.soundness.nested import NESTED
from tests.support.soundness.null_safe import NULL_SAFE
from tests.support.soundness.plain import PLAIN
from tests.support.soundness.queries import CASES, COLUMNS, SCHEMA
from tests.support.soundness.stacked import STACKED
from tests.support.soundness.usual import USUAL
from tests.support.soundness.whole_rows import WHOLE_ROWS

pytestmark = pytest.mark.any_server

BATCHES = int(os.environ.get("ANALYSIS_BATCHES", "40"))
MOST_BATCHES = 4 * BATCHES
"""For queries whose documents have not changed until then: random changes hardly ever hit upon some."""


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
        still = [name for name, case in cases.items() if not case.change]
        for batch in range(MOST_BATCHES):
            if batch >= BATCHES and not still:
                break
            remember(connection, list(followed.values()), again=batch > 0)
            script = change(connection, chance)
            for number, (name, each) in enumerate(followed.items()):
                seen = outcome(connection, number, each, prepare=True)
                assert not seen.missed, (
                    f"{name}: batch {batch} misses {seen.missed}\n{chr(10).join(script)}\n{each.analysis}"
                )
                changed[name] += seen.changed
            still = [name for name in still if not changed[name]]
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
