"""Knows the daemon's own objects in the database by name. The daemon drops no other object."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from psycopg import sql

from cdc_daemon.capture.catalogue import Installed
from cdc_daemon.errors import InstallError
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import sql_directory, statement

_FIXED = re.compile(
    r"^(?:CREATE (?:TABLE|VIEW|SEQUENCE|(?:OR REPLACE )?FUNCTION) cdc\."
    r"|ALTER TABLE cdc\.\w+ RENAME TO )(\w+)",
    re.MULTILINE,
)

_LONGEST_LIST = 5

_ORDER = ("VIEW", "TABLE", "FUNCTION", "SEQUENCE")


def require_own_schema(connection: Connection) -> None:
    """Check that schema cdc, if it exists, is the daemon's.

    Raises:
        InstallError: the schema belongs to another program.
    """
    row = connection.execute(statement("installation.schema_stands")).fetchone()
    if row is None or not row[0] or row[1]:
        return
    found = _named(foreign(connection, Installed(), ()))
    raise InstallError(
        f"exists, and is not cdc-daemon's{f': it has {found}' if found else ''}",
        where=own_schema.shown(),
        hint="set database.schema to another name; or rename that schema, or drop it if it is empty",
    )


def require_nothing_foreign(connection: Connection, installed: Installed, feeds: Iterable[str]) -> None:
    """Check that dropping schema cdc would drop no foreign object.

    Raises:
        InstallError: there are foreign objects in the schema, or objects that depend on ours. It names them.
    """
    if found := foreign(connection, installed, tuple(feeds)):
        raise InstallError(
            f"holds, or is needed by, what is not cdc-daemon's: {_named(found)}. Nothing was removed",
            where=own_schema.shown(),
            hint="move it to another schema, or drop it; then uninstall again",
        )


def foreign(connection: Connection, installed: Installed, feeds: tuple[str, ...]) -> list[str]:
    """Return foreign objects in schema cdc, and objects that depend on ours, as PostgreSQL describes them.

    Args:
        feeds: names of the stored feeds.
    """
    rows = connection.execute(
        statement("installation.foreign"),
        {
            "relations": [*_fixed(), *_changelogs(installed), *_stored(feeds)] if installed.schema else [],
            "functions": [*_fixed(), *installed.functions] if installed.schema else [],
        },
    )
    return [description for (description,) in rows]


def drop_all(connection: Connection) -> tuple[sql.Composed, ...]:
    """Return statements that drop every object in schema cdc by its name, and then the schema.

    None of them has CASCADE. If a foreign object came into the schema, or began to depend on ours, after the
    check, all of them fail.
    """
    members: dict[str, list[str]] = {}
    for kind, name in connection.execute(statement("installation.members")):
        members.setdefault(kind, []).append(name)
    dropped = [
        # The names are from PostgreSQL, which quotes them if necessary.
        sql.SQL("DROP {} {}").format(sql.SQL(kind), sql.SQL(", ".join(members[kind])))  # pyright: ignore[reportArgumentType]
        for kind in _ORDER
        if kind in members
    ]
    return (*dropped, statement("installation.drop_schema"))


def _fixed() -> Iterator[str]:
    for path in (sql_directory() / "migrations").glob("*.sql"):
        yield from _FIXED.findall(path.read_text("utf-8"))


def _changelogs(installed: Installed) -> Iterator[str]:
    for changelog in {source.changelog for source in installed.sources.values()}:
        yield from (changelog, f"{changelog}_0", f"{changelog}_1", f"{changelog}_version_id_seq")


def _stored(feeds: tuple[str, ...]) -> Iterator[str]:
    for name in feeds:
        feed = FeedDefinition(name, "", (), (), ())
        yield from (feed.table, feed.log, *feed.segments, feed.backlog, feed.revision)
        yield f"pending_{name}"  # the backlog's name before migration 20


def _named(found: list[str]) -> str:
    more = len(found) - _LONGEST_LIST
    return ", ".join(found[:_LONGEST_LIST]) + (f" and {more} more" if more > 0 else "")
