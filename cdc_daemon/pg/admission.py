"""Whether the daemon can use a session: the server lets it in, is a primary, and no pooler shares it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import psycopg

from cdc_daemon.errors import ConfigurationError, DatabaseUnavailable
from cdc_daemon.pg.statements import statement

PROBE_SECONDS = 5
"""How long the look for a pooler waits for a second connection."""

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
"""Words of a server's or libpq's refusal, and what to do about it: libpq gives no SQLSTATE for it."""

_ANYTHING_ELSE = "see that the server runs and that database.dsn names host, port, user and database"


def remedy(refusal: str) -> str:
    """What to do about a connection that was refused.

    Args:
        refusal: libpq's message.
    """
    return next((hint for words, hint in _HINTS if words in refusal), _ANYTHING_ELSE)


def require_own_session_on_primary(connection: psycopg.Connection[Any], dsn: str) -> None:
    """Refuse a hot standby, and a pooler that hands one server session to several clients.

    Raises:
        DatabaseUnavailable: the server is a standby; it may be promoted.
        ConfigurationError: a pooler shares the sessions. Settings, prepared statements and locks would be
            lost from one statement to the next.
    """
    # PostgreSQL 14 and later report it unasked (protocol documentation, ParameterStatus).
    if connection.info.parameter_status("in_hot_standby") == "on":
        raise DatabaseUnavailable(
            "is a hot standby, which takes no writes",
            where="database",
            hint="connect to the primary; of several hosts in database.dsn, libpq finds it with "
            "target_session_attrs=read-write",
        )
    row = connection.execute(statement("session.process")).fetchone()
    # A pooler answers with a process number of its own making.
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
    """Whether one client sees what another one has set in its session.

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
        return False  # what is wrong shows when the session is used
