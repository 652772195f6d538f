"""Checks that the daemon can use a session: the server is a primary, and no pooler shares the session."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import psycopg

from cdc_daemon.errors import ConfigurationError, DatabaseUnavailable
from cdc_daemon.pg.statements import statement

PROBE_SECONDS = 5
"""Seconds that the check for a pooler waits for a second connection."""

_HINTS = (
    ("password authentication failed", "correct user and password in database.dsn or in its dsn_file"),
    (
        "no password supplied",
        "put the password into the connection string, best in a file: database.dsn_file",
    ),
    ("no pg_hba.conf entry", "admit this host, user and database in the server's pg_hba.conf"),
    ("does not support SSL", "turn TLS on at the server, or lower sslmode in database.dsn"),
    ("certificate verify failed", "name the server's authority in database.dsn: sslrootcert=…"),
    ("too many clients", "raise max_connections at the server, or lower the number of the daemon's sessions"),
    ("too many connections", "raise the connection limit of the role or database"),
    ("connection slots are reserved", "raise max_connections at the server"),
    ("session is read-only", "a standby takes no writes: name the primary's host in database.dsn"),
    ("is starting up", "wait: the server recovers or starts"),
    ('role "', "create the role, or name another user in database.dsn"),
    ('database "', "create the database, or name another one in database.dsn"),
)
"""Text in a refusal of the server or of libpq, and its remedy. libpq gives no SQLSTATE for a refusal."""

_ANYTHING_ELSE = "see that the server runs and that database.dsn names host, port, user and database"


def remedy(refusal: str) -> str:
    """Return the remedy for a refused connection.

    Args:
        refusal: libpq's message.
    """
    return next((hint for words, hint in _HINTS if words in refusal), _ANYTHING_ELSE)


def require_own_session_on_primary(connection: psycopg.Connection[Any], dsn: str) -> None:
    """Refuse a hot standby, and a pooler that gives one server session to several clients.

    Args:
        connection: the session to check.
        dsn: the connection string with which it was opened.

    Raises:
        DatabaseUnavailable: the server is a standby, which may be promoted later.
        ConfigurationError: a pooler shares the session. Settings, prepared statements and locks would get
            lost between two statements.
    """
    # PostgreSQL 14 and later send this value by themselves (protocol documentation, ParameterStatus).
    if connection.info.parameter_status("in_hot_standby") == "on":
        raise DatabaseUnavailable(
            "is a hot standby, which takes no writes",
            where="database",
            hint="connect to the primary; of several hosts in database.dsn, libpq finds it with "
            "target_session_attrs=read-write",
        )
    row = connection.execute(statement("session.process")).fetchone()
    # A pooler invents a process number.
    if row and row[0] != connection.info.backend_pid and _shares_sessions(dsn):
        raise ConfigurationError(
            [
                (
                    "database",
                    "the connection goes through a pooler in transaction mode: two clients share one session",
                    "connect to the server itself, or to a pool in session mode (pool_mode = session)",
                )
            ]
        )


@lru_cache(maxsize=16)
def _shares_sessions(dsn: str) -> bool:
    """Whether one client sees a setting that another client has made in its session.

    In transaction mode the pooler gives an idle client's session to the next client that asks.
    """
    try:
        with (
            psycopg.connect(dsn, autocommit=True, connect_timeout=PROBE_SECONDS) as first,
            psycopg.connect(dsn, autocommit=True, connect_timeout=PROBE_SECONDS) as second,
        ):
            first.execute(statement("session.leave_mark"))
            row = second.execute(statement("session.read_mark")).fetchone()
            first.execute(statement("session.wipe_mark"))
            return bool(row and row[0])
    except psycopg.Error:
        return False  # the fault will show when the session is used
