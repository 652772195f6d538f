"""The daemon with a sink that dies, refuses or is down as a test tells it, and a kill within a statement."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.support.command import (
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
from tests.support.servers import Server

FEED = Feed("SELECT id, name FROM product")
SCHEMA = (
    "CREATE TABLE product (id int PRIMARY KEY, name text);"
    "INSERT INTO product SELECT n, 'a' FROM generate_series(1, 40) AS n"
)
_ADVISORY = 4712
_WAITING = (
    "FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database"
    f" WHERE d.datname = current_database() AND locktype = 'advisory' AND objid = {_ADVISORY} AND NOT granted"
)


class SelfKillingDaemon(Command):
    """The daemon with the sink that dies as it is told."""

    def __init__(self, folder: Path, dsn: str, *, patches: bool) -> None:
        self.place = folder / "delivered"
        self.place.mkdir()
        self.sink = (
            '[sinks.self_killing]\ntype = "self_killing"\nfolder = "delivered"\n'
            f"patches = {str(patches).lower()}\nbatch_records = 7\nmax_attempts = 5\n"
        )
        super().__init__(folder, dsn, {"products": FEED}, sinks=self.sink)

    @classmethod
    @contextmanager
    def delivered(cls, server: Server, folder: Path, *, patches: bool) -> Generator[SelfKillingDaemon]:
        """One over a database of its own, that has delivered all."""
        with server.fresh_database() as dsn:
            execute(dsn, SCHEMA)
            made = cls(folder, dsn, patches=patches)
            made.call("install")
            made.call("run", "--once")
            yield made

    def tell(self, what: str, content: str = "") -> None:
        (self.place / what).write_text(content)

    def tell_no_more(self, what: str) -> None:
        (self.place / what).unlink()

    def kill_within(self, statement: str, act: Callable[[], Running]) -> None:
        """Start something, and `kill -9` it in the middle of a statement, which is undone then.

        Args:
            statement: what stands behind BEFORE in a trigger: `UPDATE ON cdc.failed_item …`.
            act: starts it and has it work.
        """
        table = statement.split()[2]
        execute(
            self.dsn,
            "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" PERFORM pg_advisory_xact_lock({_ADVISORY});"
            " RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END; END $$",
            f"CREATE TRIGGER wait_here BEFORE {statement} EXECUTE FUNCTION wait_here()",
        )
        try:
            with psycopg.connect(self.dsn, autocommit=True) as holder:
                holder.execute(f"SELECT pg_advisory_lock({_ADVISORY})".encode())
                running = act()
                _await(holder, f"SELECT count(*) > 0 {_WAITING}")
                running.kill()
                # The server notices within half a second, and what the statement did is undone.
                _await(holder, f"SELECT count(*) = 0 {_WAITING}")
        finally:
            self.close()
            execute(self.dsn, f"DROP TRIGGER wait_here ON {table}", "DROP FUNCTION wait_here()")

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


def _await(holder: psycopg.Connection, text: str) -> None:
    def is_so() -> bool:
        row = holder.execute(text.encode()).fetchone()
        return bool(row and row[0])

    eventually(text, is_so)
