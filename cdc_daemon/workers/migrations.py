"""The migrations of schema cdc: which ran, which have yet to run, and whether this version knows them all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from psycopg import sql

from cdc_daemon import __version__
from cdc_daemon.capture import catalogue
from cdc_daemon.errors import InstallError
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import migration, sql_directory, statement

_RECORDS_VERSION = 37
"""Number of the migration that made the table in which migrations are recorded with a version."""


@dataclass(frozen=True)
class Migration:
    """A migration that ran in this database.

    Attributes:
        number: its position in the order; the greatest one is the version of schema cdc.
        name: its file, without the ending.
        version: the version of cdc-daemon that ran it; None if that version did not record it.
    """

    number: int
    name: str
    applied_at: datetime
    version: str | None


def read_applied(connection: Connection) -> list[Migration]:
    """Return the migrations that ran, in their order; schema cdc must exist."""
    row = connection.execute(statement("migration.records_version")).fetchone()
    name = "migration.applied" if row and row[0] else "migration.applied_before_versions"
    return [Migration(*each) for each in connection.execute(statement(name)).fetchall()]


@cache
def _files() -> Mapping[str, Path]:
    """Return the file of each migration by its name, in their order. Every command and every page asks."""
    return {path.stem: path for path in sorted((sql_directory() / "migrations").glob("*.sql"))}


def migration_steps(applied: Sequence[Migration]) -> Iterator[Step]:
    """Yield a step for each file of sql/migrations that did not run yet, in the order of their numbers.

    A migration may have a lower number than one that ran: it was written earlier and released later.
    """
    done = {each.name for each in applied}
    records_version = any(each.number == _RECORDS_VERSION for each in applied)
    for name, path in _files().items():
        if name in done:
            continue
        number = int(name.split("_", 1)[0])
        text = re.sub(r"^\s*--.*$\n?", "", migration(path), flags=re.MULTILINE)
        # PostgreSQL splits the statements: a semicolon may be within a text.
        statements = sql.SQL(text.strip().removesuffix(";"))  # pyright: ignore[reportArgumentType] # our own file
        what = own_schema.shown() if number == 1 else f"migration {name} of {own_schema.shown()}"
        records_version = records_version or number == _RECORDS_VERSION
        recorded = _recorded(number, name, with_version=records_version)
        yield Step("create", what, (statements, recorded))


def _recorded(number: int, name: str, *, with_version: bool) -> sql.Composed:
    pieces = {"number": sql.Literal(number), "name": sql.Literal(name)}
    if with_version:
        return statement("migration.record", version=sql.Literal(__version__), **pieces)
    return statement("migration.record_before_versions", **pieces)


def require_known(applied: Sequence[Migration]) -> None:
    """Check that no later version of cdc-daemon changed schema cdc.

    This version does not know how the later one uses the schema. It could store or deliver wrong documents
    without an error.

    Raises:
        InstallError: a migration ran that this version does not have.
    """
    unknown = [each for each in applied if each.name not in _files()]
    if not unknown:
        return
    last = unknown[-1]
    other = f"cdc-daemon {last.version}" if last.version else "a later cdc-daemon"
    raise InstallError(
        f"was changed by {other} (migration {last.name}, {last.applied_at:%Y-%m-%d %H:%M}); "
        f"this is {__version__}, which does not have that migration. Nothing was done",
        where=own_schema.shown(),
        hint=f"run {other if last.version else 'the version that ran it'} or a later one; there is no way "
        "back but a backup, or `cdc-daemon uninstall` by that version and a new first sync by this one",
    )


def require_current(connection: Connection) -> None:
    """Check that schema cdc exists in the form of this version.

    Raises:
        InstallError: the schema does not exist, or another version installed it.
    """
    catalogue.require_schema(connection)
    applied = read_applied(connection)
    require_known(applied)
    if any(True for _ in migration_steps(applied)):
        raise InstallError(
            "was installed by an earlier version", where=own_schema.shown(), hint="run `cdc-daemon install`"
        )
