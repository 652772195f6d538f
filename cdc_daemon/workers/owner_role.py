"""Drops the owner role of the capture functions, as the last step of an uninstall, which may lack rights."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class Left:
    """An object of ours that an uninstall could not remove.

    Attributes:
        what: the object, and the reason why it remains.
        remedy: what a person can do.
    """

    what: str
    remedy: str


def drop_owner(connection: Connection, name: str) -> Left | None:
    """Drop the role that owned the functions of schema cdc.

    Returns:
        None if the role no longer exists. Otherwise the reason why it remains: another database uses it, or
        this session may not drop it.
    """
    role = sql.Identifier(name)
    needed = [row for (row,) in connection.execute(statement("installation.owner_needed"), {"owner": name})]
    here = connection.info.dbname
    disown, drop = (statement(f"installation.{each}", owner=role) for each in ("disown", "drop_owner"))
    # DROP OWNED needs rights of the role itself. A session that may drop the role can lack them.
    wanted = [disown, drop] if None in needed or here in needed else [drop]
    try:
        for each in wanted:
            connection.execute(each)
    except psycopg.errors.UndefinedObject:
        return None  # all databases share a role: an uninstall in a copy of this database was quicker
    except psycopg.errors.DependentObjectsStillExist as error:
        elsewhere = ", ".join(sorted(one for one in needed if one not in {None, here}))
        return Left(
            f"role {name} ({first_line(error)})",
            f"run `cdc-daemon uninstall` for each other database that has something of it ({elsewhere}), or "
            f"`{disown.as_string(connection)}` there; then `{drop.as_string(connection)}`",
        )
    except psycopg.errors.InsufficientPrivilege as error:
        commands = "; ".join(each.as_string(connection) for each in wanted)
        return Left(
            f"role {name} ({first_line(error)})",
            f"have a superuser, or the role that made it, run in this database: {commands}",
        )
    return None
