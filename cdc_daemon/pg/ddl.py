"""Changing the schema without harm: steps, one table a transaction, short lock waits with retries."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import psycopg
from psycopg import sql

from cdc_daemon.analysis.catalogue import TableName
from cdc_daemon.errors import InstallError
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import OWN_PATH, Connection, first_line, with_temporary_last
from cdc_daemon.pg.statements import statement
from cdc_daemon.visible import visible


class TableBusy(InstallError):
    """A table could not be locked, or the installer's lock not be had: a session that is open holds it."""


@dataclass(frozen=True)
class Step:
    """One object to create, replace or drop.

    Attributes:
        what: kind and name, such as `trigger cdc_capture_insert on public.product`.
        locks: the user's table that it locks while writers may use it, if any.
    """

    action: Literal["create", "replace", "drop"]
    what: str
    statements: tuple[sql.Composed | sql.SQL, ...]
    locks: TableName | None = None


def apply(
    connection: Connection,
    steps: Sequence[Step],
    *,
    lock_timeout_seconds: float,
    attempts: int,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Carry out the steps; those of one table in one transaction, each lock waited for briefly.

    A lock request that waits makes every later writer of the table wait behind it. So it gives up after
    `lock_timeout_seconds` and comes again after a pause with jitter.

    Raises:
        TableBusy: a table stayed locked; the message names the transactions that hold it.
        InstallError: rights are missing.
    """
    blockers = ""
    for table, group in transactions(steps):
        for attempt in range(1, attempts + 1):
            if _applied(connection, group, lock_timeout_seconds):
                break
            blockers = _blockers(connection, table, lock_timeout_seconds)
            pause(min(0.1 * 2**attempt, 5.0) * random.uniform(0.5, 1.0))  # noqa: S311 # jitter, not a secret
        else:
            raise TableBusy(
                f"could not lock {table or own_schema.shown()} within {attempts} tries{blockers}",
                where=group[0].what,
                hint="end those transactions or install at a quieter time; what is installed so far works",
            )


def transactions(steps: Sequence[Step]) -> Iterator[tuple[TableName | None, list[Step]]]:
    """The steps in their order, gathered into what shares a transaction."""
    for table, group in groupby(steps, key=lambda step: step.locks):
        yield table, list(group)


def _applied(connection: Connection, group: list[Step], lock_timeout_seconds: float) -> bool:
    """Carry out one transaction; false if a lock could not be had in time."""
    try:
        with connection.transaction():
            milliseconds = f"{lock_timeout_seconds * 1000:.0f}"
            connection.execute(statement("ddl.lock_timeout"), {"milliseconds": milliseconds})
            for step in group:
                for piece in step.statements:
                    connection.execute(piece)
    except psycopg.errors.LockNotAvailable:
        return False
    except psycopg.errors.DuplicateObject as error:
        # Only a trigger of ours is replaced. Who gave another one this name is unknown, and what it does.
        raise InstallError(
            f"{first_line(error)}, and it is not cdc-daemon's",
            where=group[0].what,
            hint="give it another name (ALTER TRIGGER … ON … RENAME TO …) or drop it",
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise InstallError(
            first_line(error),
            where=group[0].what,
            hint="install as the owner of the table, or have a DBA run `cdc-daemon install --script`",
        ) from error
    return True


def _blockers(connection: Connection, table: TableName | None, waited_seconds: float) -> str:
    if table is None:
        return ""
    rows = connection.execute(
        statement("ddl.holders"),
        {"schema": table.schema, "table": table.name, "seconds": waited_seconds},
    ).fetchall()
    held = [f"pid {pid}" if pid is not None else "a prepared transaction" for (pid,) in rows]
    return f"; held by {', '.join(held)}" if held else ""


# First of all, and in a form in which nothing is looked up: the person who runs the script has a path, too.
_SCRIPT_PATH = f"SET search_path = {with_temporary_last(OWN_PATH)};"


def script(steps: Sequence[Step], connection: Connection, *, lock_timeout_seconds: float) -> str:
    """The same steps as plain SQL for psql, one transaction a table.

    The first line is psql's own. Every other client takes the rest as it is, and stops at an error by itself.
    """
    lines = [
        "\\set ON_ERROR_STOP on",
        _SCRIPT_PATH,
        # In some encodings (SJIS, GBK) a quote would be taken for the second byte of a letter; a backslash in
        # a text would end it where strings don't conform to the standard.
        "SET client_encoding = 'UTF8';",
        "SET standard_conforming_strings = on;",
        f"SET lock_timeout = '{lock_timeout_seconds:g}s';",
    ]
    for _, group in transactions(steps):
        lines += ["", "BEGIN;"]
        for step in group:
            lines.append(f"-- {step.action} {visible(step.what)}")
            lines += [f"{piece.as_string(connection)};" for piece in step.statements]
        lines.append("COMMIT;")
    return "\n".join(lines) + "\n"
