"""The owner role of the capture functions: created at an install, dropped at an uninstall."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from cdc_daemon.pg import own_schema
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection, first_line, object_name
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings


@dataclass(frozen=True)
class Owner:
    """The NOLOGIN role that owns the capture functions.

    Attributes:
        usable: whether it exists or this session can create it; otherwise the installing role owns the
            functions.
    """

    name: str
    exists: bool
    usable: bool


@dataclass(frozen=True)
class Left:
    """An object of ours that an uninstall could not remove.

    Attributes:
        what: the object, and the reason why it remains.
        remedy: what a person can do.
    """

    what: str
    remedy: str


def read_owner(connection: Connection, settings: Settings) -> Owner:
    """Return the owner of the capture functions, and whether this session can make it the owner."""
    name = settings.database.owner_role or own_owner(connection)
    row = connection.execute(statement("installation.owner"), {"owner": name}).fetchone()
    exists, can_create, can_give = row or (False, False, False)
    return Owner(name, exists, can_give if exists else can_create)


def own_owner(connection: Connection) -> str:
    """Return the role that an earlier install created for this database, or that an install would create."""
    found = [name for (name,) in connection.execute(statement("installation.installed_owner"))]
    return found[0] if len(found) == 1 else default_owner(connection)


def default_owner(connection: Connection) -> str:
    """Return `cdc_owner_<database>`: all databases of a server share roles, so the name has the database."""
    return object_name(f"{own_schema.name()}_owner", connection.info.dbname)


def owner_steps(connection: Connection, owner: Owner) -> Iterator[Step]:
    """Yield the step that creates the owner role, or corrects its rights on schema cdc."""
    role = sql.Identifier(owner.name)
    if not owner.exists:
        yield Step(
            "create",
            f"role {owner.name} (owns the capture functions, can't log in)",
            (
                _do(
                    statement("installation.create_owner", owner=role, name=sql.Literal(owner.name)),
                    connection,
                ),
                statement("installation.join_owner", owner=role),
                statement("installation.let_owner_in", owner=role),
            ),
        )
        return
    may_enter, may_create = _owner_rights(connection, owner)
    statements: list[sql.Composed] = []
    if not may_enter:
        statements.append(statement("installation.let_owner_in", owner=role))
    if may_create:
        statements.append(statement("installation.keep_owner_from_creating", owner=role))
    if statements:
        yield Step("replace", f"rights of role {owner.name}", tuple(statements))


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


def _owner_rights(connection: Connection, owner: Owner) -> tuple[bool, bool]:
    """Return whether the owner role may use schema cdc, and whether it may create objects there."""
    row = connection.execute(statement("installation.owner_may_enter"), {"owner": owner.name}).fetchone()
    return (bool(row[0]), bool(row[1])) if row else (False, False)


def _do(body: sql.Composed, connection: Connection) -> sql.Composed:
    """Return a DO block. Its body is quoted as a text, because a role's name may contain any dollar quote."""
    return sql.SQL("DO {}").format(sql.Literal(body.as_string(connection)))
