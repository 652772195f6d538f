"""The daemon is ended by `kill -9` at every step of a delivery; what the sink has in the end is the feed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString, cast

import psycopg
import pytest

from tests.acceptance.command import (
    Command,
    Feed,
    Running,
    assert_revisions_grow,
    eventually,
    execute,
    fold,
    loads,
    query,
)
from tests.acceptance.mortal import register

FEED = Feed("SELECT id, name FROM product")
ADVISORY = 4712
WAITING = (
    "FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
    f" WHERE d.datname = current_database() AND locktype = 'advisory' AND objid = {ADVISORY} AND NOT granted"
)


class Mortal(Command):
    """The daemon with the sink that dies as it is told."""

    def __init__(self, folder: Path, dsn: str, *, patches: bool) -> None:
        self.place = folder / "delivered"
        self.place.mkdir()
        sink = f'[sinks.mortal]\ntype = "mortal"\nfolder = "delivered"\npatches = {str(patches).lower()}\n'
        super().__init__(
            folder, dsn, {"products": FEED}, sinks=sink + "batch_records = 7\nmax_attempts = 5\n"
        )

    def tell(self, what: str, content: str = "") -> None:
        (self.place / what).write_text(content)

    def assert_delivered(self) -> None:
        """A new daemon catches up; then the sink's documents are those of the feed."""
        self.call("run", "--once")
        records = [
            loads(line)
            for line in (self.place / "products.ndjson").read_bytes().splitlines(keepends=True)
            if line.endswith(b"\n")
        ]
        assert fold(records) == query(self.dsn, FEED)
        assert_revisions_grow(records)


@pytest.fixture(params=[False, True], ids=["documents", "patches"])
def mortal(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Mortal]:
    monkeypatch.setenv("PYTHONPATH", register(tmp_path / "installed"))
    execute(
        database,
        "CREATE TABLE product (id int PRIMARY KEY, name text);"
        "INSERT INTO product SELECT n, 'a' FROM generate_series(1, 40) AS n",
    )
    found = Mortal(tmp_path, database, patches=request.param)
    found.call("install")
    found.call("run", "--once")
    yield found
    found.close()


CHANGES = (
    "UPDATE product SET name = 'b' WHERE id <= 30",
    "DELETE FROM product WHERE id > 35",
    "INSERT INTO product VALUES (100, 'new')",
)


def _ended(daemon: Running) -> bool:
    return daemon.process.poll() is not None


@pytest.mark.parametrize("step", ["before the send", "in the middle of the send", "after the send"])
def test_killed_while_it_sends(mortal: Mortal, step: str) -> None:
    daemon = mortal.start()
    daemon.await_event("feed_planned")
    mortal.tell("dies", step)
    execute(mortal.dsn, *CHANGES)
    eventually("it dies", lambda: _ended(daemon))
    assert daemon.process.returncode == -signal.SIGKILL, daemon.text()
    execute(mortal.dsn, "UPDATE product SET name = 'c' WHERE id <= 5")
    mortal.assert_delivered()


@pytest.mark.parametrize(
    ("table", "when"),
    [
        ("sink_state", "UPDATE ON cdc.sink_state FOR EACH ROW WHEN (NEW.revision > OLD.revision)"),
        ("failed_item", "INSERT ON cdc.failed_item FOR EACH ROW"),
    ],
    ids=["before the cursor moves", "before a refusal is noted"],
)
def test_killed_within_a_statement_after_the_answer(mortal: Mortal, table: str, when: str) -> None:
    if table == "failed_item":
        mortal.tell("refuses")
    execute(
        mortal.dsn,
        "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" PERFORM pg_advisory_xact_lock({ADVISORY}); RETURN NEW; END $$",
        f"CREATE TRIGGER wait_here BEFORE {when} EXECUTE FUNCTION wait_here()",
    )
    daemon = mortal.start()
    daemon.await_event("feed_planned")
    with psycopg.connect(mortal.dsn, autocommit=True) as holder:
        holder.execute(f"SELECT pg_advisory_lock({ADVISORY})")
        execute(mortal.dsn, *CHANGES)
        _await(holder, f"SELECT count(*) > 0 {WAITING}")
        daemon.kill()
        # The server notices within half a second, and what the statement did is undone.
        _await(holder, f"SELECT count(*) = 0 {WAITING}")
    execute(mortal.dsn, f"DROP TRIGGER wait_here ON cdc.{table}", "DROP FUNCTION wait_here()")
    (mortal.place / "refuses").unlink(missing_ok=True)
    mortal.assert_delivered()


def _await(holder: psycopg.Connection, text: str) -> None:
    def is_so() -> bool:
        row = holder.execute(cast("LiteralString", text)).fetchone()
        return bool(row and row[0])

    eventually(text, is_so)


def test_what_was_refused_before_a_kill_is_delivered_once_the_sink_takes_it(mortal: Mortal) -> None:
    mortal.tell("refuses")
    daemon = mortal.start()
    execute(mortal.dsn, "UPDATE product SET name = 'b' WHERE id <= 3")
    daemon.await_event("record_refused")
    daemon.kill()
    (mortal.place / "refuses").unlink()
    mortal.call("run", "--once")
    mortal.call("retry", "--all")
    mortal.assert_delivered()
    assert mortal.call("failed") == "No failed items.\n"
