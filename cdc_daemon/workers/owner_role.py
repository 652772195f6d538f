"""Dropping the role that owned the capture functions: an uninstall's last step, which may lack rights."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class Left:
    """Something of ours that an uninstall could not remove.

    Attributes:
        what: the object, and why it is there still.
        remedy: what a person does about it.
    """

    what: str
    remedy: str


def drop_owner(connection: Connection, name: str) -> Left | None:
    """Drop the owner role, in which schema cdc had its functions.

    Returns:
        What keeps it: it is in use in another database, or this session may not drop it. None: it is gone.
    """
    role = sql.Identifier(name)
    needed = [row for (row,) in connection.execute(statement("installation.owner_needed"), {"owner": name})]
    here = connection.info.dbname
    disown, drop = (statement(f"installation.{each}", owner=role) for each in ("disown", "drop_owner"))
    # DROP OWNED takes rights of the role itself, which a session that may drop the role can lack.
    wanted = [disown, drop] if None in needed or here in needed else [drop]
    try:
        for each in wanted:
            connection.execute(each)
    except psycopg.errors.UndefinedObject:
        return None  # a role is all databases': uninstall in a copy of this one was quicker
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
