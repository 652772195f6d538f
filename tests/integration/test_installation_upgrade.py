"""An installation of an earlier version is brought to this one by `install`, and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from psycopg import sql

from cdc_daemon import __version__
from cdc_daemon.errors import InstallError
from cdc_daemon.feeds.key_id import key_id
from cdc_daemon.insight.status import read_status
from cdc_daemon.pg.session import connect
from cdc_daemon.pg.statements import sql_directory
from cdc_daemon.workers.owner_role import default_owner
from tests.support.bed import Bed
from tests.support.command import FILE_SINK, execute

pytestmark = pytest.mark.any_server

FIRST_VERSION = Path(__file__).parents[1] / "fixtures" / "installed" / "first_version.sql"


@pytest.fixture
def older(database: str, tmp_path: Path) -> Bed:
    """Installed by the first version."""
    execute(database, FIRST_VERSION.read_text())
    with connect(database) as session:
        # Roles are no part of a dump, and their rights were left out of this one.
        owner = sql.Identifier(default_owner(session))
        for text in (
            "CREATE ROLE {}",
            "GRANT USAGE, CREATE ON SCHEMA cdc TO {}",
            "GRANT ALL ON ALL TABLES IN SCHEMA cdc TO {}",
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA cdc TO {}",
            "ALTER FUNCTION cdc.capture_public_item() OWNER TO {}",
        ):
            session.execute(sql.SQL(text).format(owner))
    daemon = Bed(tmp_path, database, sinks=FILE_SINK.replace("[sinks.file]", "[sinks.out]"))  # as in the dump
    daemon.add_feed("items", "SELECT id, code FROM item", key=["id"])
    return daemon


def test_install_brings_it_to_this_version(older: Bed) -> None:
    assert [step.what for step in older.wanted() if "migration" in step.what] == [
        f"migration {path.stem} of schema cdc"
        for path in sorted((sql_directory() / "migrations").glob("*.sql"))
        if not path.name.startswith("0001")
    ]
    older.install()
    assert older.wanted() == []
    older.assert_in_step()
    execute(older.dsn, "UPDATE item SET code = 'b'")
    older.assert_in_step()
    with connect(older.dsn) as session:
        # The changelog of that version tells the operation now, and the history keeps it.
        kept = session.execute(
            "SELECT causes -> 0 -> 1 FROM cdc.history_pass ORDER BY last_revision DESC LIMIT 1"
        )
        assert kept.fetchone() == ("update",)
    assert older.uninstall() == []


def test_failed_items_of_it_are_found_by_their_digest(older: Bed) -> None:
    with connect(older.dsn) as session:
        session.execute('UPDATE cdc.failed_item SET key = key || \'{"price": [1.050, "1.50", 100, 7.00]}\'')
        for step in older.wanted():
            if "migration" in step.what:
                for text in step.statements:
                    session.execute(text)
        query = sql.SQL("SELECT i.id = {}, i.id = {} FROM cdc.failed_item AS i")
        other = sql.Literal('{"id": 2.0, "price": [1.05, "1.50", 100, 7]}')
        ids = key_id(sql.SQL("i.key")), key_id(sql.SQL("{}::pg_catalog.jsonb").format(other))
        assert session.execute(query.format(*ids)).fetchall() == [(True, False)]


def test_a_daemon_does_not_begin_before_that_and_status_says_why(older: Bed) -> None:
    with pytest.raises(InstallError, match="earlier version"):
        older.run_once()
    with connect(older.dsn) as session, pytest.raises(InstallError, match="earlier version"):
        read_status(session, older.settings)


def test_a_dba_gets_the_same_as_a_script(older: Bed) -> None:
    script = older.script()
    assert "CREATE TABLE cdc.delivered_document" in script
    execute(older.dsn, *_statements(script))
    assert older.wanted() == []


def _statements(script: str) -> list[str]:
    """What psql would send, a transaction each."""
    return [block.split("COMMIT;")[0] for block in script.split("BEGIN;")[1:]]


@pytest.fixture
def present(database: str, tmp_path: Path) -> Bed:
    """Installed by this version."""
    execute(database, "CREATE TABLE item (id int PRIMARY KEY, code text); INSERT INTO item VALUES (1, 'a')")
    daemon = Bed(tmp_path, database)
    daemon.add_feed("items", "SELECT id, code FROM item", key=["id"])
    daemon.install()
    return daemon


def test_status_tells_the_version_of_the_schema_and_which_daemon_made_it(present: Bed) -> None:
    last = max((sql_directory() / "migrations").glob("*.sql")).stem
    schema = present.read_status().schema
    assert schema is not None
    assert (schema.number, schema.name, schema.version) == (int(last[:4]), last, __version__)
    assert f"schema cdc: version {schema.number}, made by cdc-daemon {__version__} at" in present.call(
        "status"
    )
    assert json.loads(present.call("status", "--json"))["schema"]["version"] == __version__


def test_each_command_refuses_a_schema_that_a_later_version_changed(present: Bed) -> None:
    execute(present.dsn, "INSERT INTO cdc.applied_migration VALUES (9999, '9999_later', DEFAULT, '7.0.0')")
    for refused in (
        present.install,
        present.run_once,
        present.read_status,
        present.uninstall,
        present.script,
    ):
        with pytest.raises(
            InstallError, match=r"changed by cdc-daemon 7\.0\.0 \(migration 9999_later"
        ) as told:
            refused()
        assert "run cdc-daemon 7.0.0 or a later one" in str(told.value.hint)
    # Commands that only read or write the daemon's own state, in one process each.
    for arguments in (["failed"], ["resync", "items"], ["verify", "items"], ["trace", "items", "1"]):
        present.call(*arguments, code=InstallError.exit_code)
    with connect(present.dsn) as session:  # nothing was touched
        assert session.execute("SELECT count(*) FROM cdc.feed_items").fetchone() == (0,)


def test_a_migration_that_is_released_after_one_with_a_greater_number_runs_too(present: Bed) -> None:
    execute(
        present.dsn, "DROP TABLE cdc.canary", "DELETE FROM cdc.applied_migration WHERE name = '0028_canary'"
    )
    assert [step.what for step in present.wanted()] == ["migration 0028_canary of schema cdc"]
    present.install()
    assert present.wanted() == []
    present.assert_in_step()
