"""`check` and the keys of a feed: what is proved, what is counted, and that a proof is never wrong."""

from __future__ import annotations

import random
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from tests.conftest import Connect
from tests.support.delta import follow
from tests.support.soundness.changes import insertion
from tests.support.soundness.queries import CASES, COLUMNS, SCHEMA

pytestmark = pytest.mark.any_server

TABLES = "CREATE TABLE product (id integer PRIMARY KEY, name text)"


@pytest.fixture
def check(database: str, connect: Connect, tmp_path: Path) -> CliRunner:
    """A feed whose key is a column without a unique key."""
    connect().execute(TABLES)
    (tmp_path / "names.sql").write_text("SELECT p.name, p.id FROM product AS p")
    (tmp_path / "dsn").write_text(database)
    (tmp_path / "cdc.toml").write_text(
        '[database]\ndsn_file = "dsn"\n[feeds.names]\nquery = "names.sql"\nkey = ["name"]\n'
    )
    return CliRunner(env={"CDC_CONFIG": str(tmp_path / "cdc.toml")})


def test_a_key_that_nothing_proves_is_told_with_the_offer_to_count(check: CliRunner) -> None:
    told = check.invoke(main, ["check"])
    assert told.exit_code == 0
    assert "no unique key proves that each key (name) occurs once" in told.stderr
    assert "[unproven-key]" in told.stderr
    assert "cdc-daemon check names --count" in told.stderr


def test_a_key_that_may_be_null_is_told(check: CliRunner, connect: Connect) -> None:
    connect().execute("ALTER TABLE product ADD UNIQUE (name)")
    told = check.invoke(main, ["check"])
    assert told.exit_code == 0
    assert "name may be NULL" in told.stderr
    assert "[nullable-key]" in told.stderr


def test_counting_finds_keys_that_occur_twice_and_keys_that_are_null(
    check: CliRunner, connect: Connect
) -> None:
    connect().execute("INSERT INTO product VALUES (1, 'a'), (2, 'a'), (3, NULL), (4, 'b')")
    told = check.invoke(main, ["check", "--count"])
    assert told.exit_code == 2
    assert "values that occur more than once: 1, with a NULL: 1" in told.stderr
    assert '{"name":"a"}' in told.stderr


def test_counting_that_finds_nothing_is_silent_about_keys(check: CliRunner, connect: Connect) -> None:
    connect().execute("INSERT INTO product VALUES (1, 'a'), (2, 'b')")
    told = check.invoke(main, ["check", "--count"])
    assert told.exit_code == 0
    assert "[unproven-key]" not in told.stderr


def test_no_query_yields_a_key_twice_that_is_proved_to_occur_once(database: str) -> None:
    chance = random.Random(7)  # noqa: S311 # the same rows each time
    with psycopg.connect(database, autocommit=True) as connection:
        # Statements of a few rows: compiling and parallel workers would take most of the time.
        connection.execute(
            "SET jit = off; SET max_parallel_workers_per_gather = 0; SET synchronous_commit = off"
        )
        connection.execute(SCHEMA)
        followed = {
            name: follow(connection, case.query, case.entity.split(","), "public")
            for name, case in CASES.items()
        }
        proved = {name for name, each in followed.items() if each.analysis.unique_key}
        assert len(proved) > len(CASES) / 4
        for _ in range(3):
            for table in COLUMNS:
                for _ in range(5):
                    connection.execute(insertion(chance, table).encode())
            for name in proved:
                case = CASES[name]
                columns = [f'q."{column}"' for column in case.entity.split(",")]
                groups = ", ".join(columns)
                without_null = " AND ".join(f"{column} IS NOT NULL" for column in columns)
                twice = connection.execute(
                    f"SELECT {groups} FROM (\n{case.query}\n) AS q WHERE {without_null} "  # pyright: ignore[reportArgumentType]
                    f"GROUP BY {groups} HAVING count(*) > 1".encode()
                ).fetchall()
                assert not twice, (name, twice)
