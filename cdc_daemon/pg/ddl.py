"""Changes the schema without blocking writers: one transaction for each table, short lock waits, retries."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import psycopg
from psycopg import sql

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.errors import InstallError
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import OWN_PATH, Connection, first_line, with_temporary_last
from cdc_daemon.pg.statements import statement
from cdc_daemon.visible import visible


class TableBusy(InstallError):
    """A table, or the installer's lock, could not be locked: another session holds it."""


@dataclass(frozen=True)
class Step:
    """One object to create, replace or drop.

    Attributes:
        what: kind and name of the object, such as `trigger cdc_capture_insert on public.product`.
        locks: the user's table that the step locks while writers may use it, or None.
        rows_only: whether it only writes rows of state tables, which a daemon's role may do.
    """

    action: Literal["create", "replace", "drop"]
    what: str
    statements: tuple[sql.Composed | sql.SQL, ...]
    locks: TableName | None = None
    rows_only: bool = False


def apply(
    connection: Connection,
    steps: Sequence[Step],
    *,
    lock_timeout_seconds: float,
    attempts: int,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Execute the steps, those of one table in one transaction, with short waits for locks.

    While a lock request waits, every later writer of the table waits behind it. So a request gives up after
    `lock_timeout_seconds` and is repeated after a pause with jitter.

    Raises:
        TableBusy: a table stayed locked. The message names the transactions that hold it.
        InstallError: the role lacks a right.
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
    """Group the steps, in their order, by transaction. Yields the locked table and its steps."""
    for table, group in groupby(steps, key=lambda step: step.locks):
        yield table, list(group)


def _applied(connection: Connection, group: list[Step], lock_timeout_seconds: float) -> bool:
    """Execute one transaction. Return False if it did not get a lock in time."""
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
        # Replace only a trigger of ours. Another trigger of this name belongs to somebody else.
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


# This comes first, in a form that looks no name up: the person who runs the script has a search path too.
_SCRIPT_PATH = f"SET search_path = {with_temporary_last(OWN_PATH)};"


def script(steps: Sequence[Step], connection: Connection, *, lock_timeout_seconds: float) -> str:
    """Return the steps as plain SQL for psql, with one transaction for each table.

    The first line is a command of psql. The rest is for any client that stops at an error by itself.
    """
    lines = [
        "\\set ON_ERROR_STOP on",
        _SCRIPT_PATH,
        # In some encodings (SJIS, GBK) a quote may be the second byte of a character. With nonconforming
        # strings a backslash escapes the end of a text.
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
