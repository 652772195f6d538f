"""An installation of an earlier version is brought to this one by `install`, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.errors import InstallError
from cdc_daemon.pg.statements import sql_directory
from cdc_daemon.workers import installation
from tests.acceptance.command import execute
from tests.integration.daemon import Daemon

FIRST_ONLY = "0001_schema.sql"


@pytest.fixture
def older(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """Installed and delivered by a version that had only the first migration, with a failed item."""
    execute(database, "CREATE TABLE item (id int PRIMARY KEY, code text); INSERT INTO item VALUES (1, 'a')")
    daemon = Daemon(tmp_path, database)
    daemon.feed("items", "SELECT id, code FROM item", key=["id"])
    (tmp_path / "sql" / "migrations").mkdir(parents=True)
    text = (sql_directory() / "migrations" / FIRST_ONLY).read_text()
    (tmp_path / "sql" / "migrations" / FIRST_ONLY).write_text(text)
    with monkeypatch.context() as earlier:
        earlier.setattr(installation, "sql_directory", lambda: tmp_path / "sql")
        daemon.install()
    execute(
        database,
        "INSERT INTO cdc.failed_item (sink, feed, key, revision, reason)"
        """ VALUES ('out', 'items', '{"id": 2}', 99, 'no')""",
    )
    return daemon


def test_install_brings_it_to_this_version_and_keeps_what_is_there(older: Daemon) -> None:
    assert [step.what for step in older.wanted() if "migration" in step.what] == [
        f"migration {path.stem} of schema cdc"
        for path in sorted((sql_directory() / "migrations").glob("*.sql"))
        if path.name != FIRST_ONLY
    ]
    older.install()
    assert older.wanted() == []
    older.assert_in_step()
    assert older.status().feeds[0].sinks[0].failed_items == 1
    assert older.uninstall() == []


def test_a_daemon_does_not_begin_before_that(older: Daemon) -> None:
    with pytest.raises(InstallError, match="earlier version"):
        older.run_once()


def test_a_dba_gets_the_same_as_a_script(older: Daemon) -> None:
    script = older.script()
    assert "CREATE TABLE cdc.delivered_document" in script
    execute(older.dsn, *_statements(script))
    assert older.wanted() == []


def _statements(script: str) -> list[str]:
    """What psql would send, a transaction each."""
    return [block.split("COMMIT;")[0] for block in script.split("BEGIN;")[1:]]
