"""Records the acts of persons: `cdc.audit`."""

from __future__ import annotations

import getpass
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import orjson
import psycopg
from psycopg import sql

from cdc_daemon.errors import CdcError
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection, Session, first_line
from cdc_daemon.pg.statements import statement
from cdc_daemon.redaction import hide

LONGEST_OUTCOME = 500
"""Largest length of a recorded outcome, in characters."""


@dataclass(frozen=True)
class Act:
    """An act of a person.

    Attributes:
        name: `pause`, `resume`, `replay`, `resync`, `retry`, `discard`, `install`, `uninstall`, `verify`
            (with `--repair`); of the dashboard alone also `verify` of one document, and `test` of a sink.
        feed, sink: what it is about; None means all.
        arguments: further arguments by name.
        web_user: the user of the dashboard; None for a command.
    """

    name: str
    feed: str | None = None
    sink: str | None = None
    arguments: Mapping[str, object] | None = None
    web_user: str | None = None

    def record(self, connection: Session, outcome: str) -> None:
        """Record the act, in the current transaction if there is one.

        The database role is that of the session; the user of the operating system is that of this process.
        """
        arguments = orjson.dumps(dict(self.arguments or {}), default=str).decode()
        connection.execute(
            statement("audit.record"),
            {
                "act": self.name,
                "os_user": os_user(),
                "web_user": self.web_user,
                "feed": self.feed,
                "sink": self.sink,
                "arguments": hide(arguments),
                "outcome": hide(outcome)[:LONGEST_OUTCOME],
            },
        )

    def record_failure(self, connection: Connection, error: BaseException, done: str = "") -> None:
        """Record that the act failed, if the database takes the record: the error itself matters more.

        Args:
            done: what was done before.
        """
        told = "interrupted" if isinstance(error, KeyboardInterrupt) else first_line(error)
        with suppress(psycopg.Error):
            self.record(connection, f"failed: {told}" + (f" (before: {done})" if done else ""))


def script_step(feeds: Sequence[str], steps: int) -> Step:
    """Return the last step of an installer's script, which records who ran it."""
    arguments = orjson.dumps({"feeds": feeds, "script": True}).decode()
    record = statement(
        "audit.script", arguments=sql.Literal(arguments), outcome=sql.Literal(f"{steps} steps by a script")
    )
    return Step("create", "record of this act", (record,))


@dataclass
class Outcome:
    """The outcome of an act, to be set while it is done."""

    text: str = "done"


@contextmanager
def audited(connection: Connection, act: Act) -> Generator[Outcome]:
    """Do an act in a transaction that also records it. If the act fails, only the failure is recorded."""
    outcome = Outcome()
    with failure_recorded(connection, act), connection.transaction():
        yield outcome
        act.record(connection, outcome.text)


@contextmanager
def recorded(connection: Connection, act: Act) -> Generator[Outcome]:
    """Do an act of several transactions, and record it at its end, also if it fails half-way.

    The outcome's text tells at every moment how much is done.
    """
    outcome = Outcome("")
    with failure_recorded(connection, act, outcome):
        yield outcome
    act.record(connection, outcome.text)


@contextmanager
def failure_recorded(connection: Connection, act: Act, outcome: Outcome | None = None) -> Generator[None]:
    """Record the act if it fails or a person interrupts it. Something else records its success."""
    try:
        yield
    except (CdcError, psycopg.Error, KeyboardInterrupt) as error:
        act.record_failure(connection, error, outcome.text if outcome else "")
        raise


def forget(connection: Connection, *, days: int) -> None:
    """Remove acts that are older."""
    connection.execute(statement("audit.forget"), {"days": days})


def os_user() -> str | None:
    """Return the user of the operating system; None if its ID has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user ID without a name, as containers have (KeyError before Python 3.13)
        return None
