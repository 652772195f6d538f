"""PostgreSQL servers of one test that are copied, promoted, rewound and set back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from cdc_daemon.pg.binaries import Origin, find_binaries
from cdc_daemon.pg.embedded import EmbeddedServer
from cdc_daemon.pg.system_user import give, run_as, server_user
from tests.support import servers

SETTINGS = {
    "wal_level": "replica",
    "wal_log_hints": "on",  # pg_rewind wants it, and the next
    "full_page_writes": "on",
    "wal_keep_size": "256MB",
    "max_wal_size": "256MB",
    "synchronous_commit": "on",
}


class Node(EmbeddedServer):
    """A server whose data a test may replace while it is stopped.

    Args:
        origin: whose programs it runs; the machine's have pg_basebackup and pg_rewind, too.
    """

    def __init__(self, folder: Path, origin: Origin = "machine") -> None:
        super().__init__(folder, binaries=find_binaries(origin, only=True), fast=True, settings=SETTINGS)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def program(self, name: str, *arguments: str | Path) -> str:
        """Run a program of PostgreSQL as the server's user."""
        assert self.binaries is not None
        done = run_as([self.binaries / name, *arguments], server_user(self.directory / "data"))
        assert done.returncode == 0, done.stdout
        return done.stdout

    def crash(self) -> None:
        """Stop as a power failure does: nothing more is sent to a standby."""
        self.program("pg_ctl", "stop", "-D", self.data, "-m", "immediate", "-w")

    def promote(self) -> None:
        self.program("pg_ctl", "promote", "-D", self.data, "-w")

    def begin_as_standby_of(self, primary: Node) -> None:
        """Take a base backup and follow the primary."""
        user = server_user(primary.data)
        self.directory.mkdir()
        self.directory.chmod(0o755)
        self.data.mkdir(mode=0o700)
        give(self.data, user)
        backup = ("pg_basebackup", "-D", self.data, "-d", primary.dsn(), "-R", "-c", "fast", "-X", "stream")
        primary.program(*backup)
        self.start()

    def rewind_to(self, primary: Node) -> None:
        """Take back what the primary does not have, with pg_rewind, and follow it; this server is stopped."""
        # To end a crash, pg_rewind starts a server that knows nothing of our command line.
        with (self.data / "postgresql.auto.conf").open("a") as settings:
            settings.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        # It looks for the primary's timeline in its last checkpoint.
        primary.program("psql", "-d", primary.dsn(), "-c", "CHECKPOINT")
        rewind = ("pg_rewind", "-D", self.data, "--source-server", primary.dsn(), "--write-recovery-conf")
        primary.program(*rewind)
        self.start()

    def keep_copy(self, folder: Path) -> None:
        """What a storage snapshot of the stopped server holds."""
        shutil.copytree(self.data, folder)

    def go_back_to(self, folder: Path) -> None:
        """Put the copy in the place of the data; the server is stopped."""
        user = server_user(self.data)
        shutil.rmtree(self.data)
        shutil.copytree(folder, self.data)
        self.data.chmod(0o700)
        for path in (self.data, *self.data.rglob("*")):
            give(path, user)


@contextmanager
def nodes(count: int, origin: Origin = "machine") -> Iterator[list[Node]]:
    """Servers that are removed with the test; only the first one runs."""
    place = servers.make_place("cdc-nodes-")
    made = [Node(place / f"node{number}", origin) for number in range(count)]
    try:
        made[0].start()
        yield made
    finally:
        for node in made:
            if node.directory.exists():
                node.remove()
        shutil.rmtree(place, ignore_errors=True)


def dsn_of_all(made: list[Node], database: str = "postgres") -> str:
    """The connection string that names every server and means the one that takes writes."""
    hosts = ",".join(str(node.directory / "socket") for node in made)
    ports = ",".join("5432" for _ in made)
    return make_conninfo(
        user="postgres", dbname=database, host=hosts, port=ports, target_session_attrs="read-write"
    )
