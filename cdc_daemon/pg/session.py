"""Opens sessions with pinned settings, so that the same row gives the same text on every machine."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Protocol

import psycopg
from psycopg import pq, sql
from psycopg.abc import Params, QueryNoTemplate
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row

from cdc_daemon import redaction
from cdc_daemon.errors import CdcError, DatabaseUnavailable
from cdc_daemon.pg.admission import remedy, require_own_session_on_primary
from cdc_daemon.pg.silence import Patience, WatchedConnection, is_refusal, lookout
from cdc_daemon.pg.statements import quoted_names_without_percent, statement

Connection = psycopg.Connection[tuple[Any, ...]]


class Session(Protocol):
    """What queries need: a connection, or a worker's access to the pool (see `cdc_daemon.pg.pool`)."""

    @property
    def broken(self) -> bool:
        """Whether the last statement found the session lost."""
        ...

    def execute(
        self, query: QueryNoTemplate, params: Params | None = None, *, binary: bool = False
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute one statement; outside of a transaction block it is its own transaction."""
        ...

    def transaction(self) -> AbstractContextManager[object]:
        """Run the block's statements in one transaction."""
        ...

    def pipeline(self) -> AbstractContextManager[object]:
        """Send the block's statements together; use it inside a transaction."""
        ...


# Each of these settings changes the text of some value, or the rows that a query sees. If hashes depended on
# defaults of the server or the role, a change of a default would make a million documents "change".
PINNED: Mapping[str, str] = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "quote_all_identifiers": "off",
    "xmlbinary": "base64",
    "xmloption": "content",
    "array_nulls": "on",
    "lc_monetary": "C",
    "lc_time": "C",
    "lc_numeric": "C",
    "default_text_search_config": "pg_catalog.simple",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    # A policy that would hide rows raises an error (42501): a hidden row would look like a deleted document.
    "row_security": "off",
    # A cursor must never be ahead of the delivered records, even after a crash.
    "synchronous_commit": "on",
    # JIT compilation costs more than it saves in any of our statements.
    "jit": "off",
    # Parallel workers don't help: statements that write can't use them, and statements that read are small
    # but have many arms. A poll of 57 empty changelogs took 34 ms with two workers, and 4 ms without.
    "max_parallel_workers_per_gather": "0",
    # Stores documents of 3 kB in half the time of pglz, in the same space.
    "default_toast_compression": "lz4",
    "statement_timeout": "0",
    # The watcher's session is idle between changes, and transactions of a resync are long.
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
}


SIGN_OF_LIFE_SECONDS = 1.0
"""Seconds between signs of life of a session that is idle in a transaction."""

_TYPE_NAME = re.compile(r'(?:"(?:[^"]|"")+"|[\w .,()\[\]$-])+')

_OPTIONAL = frozenset({"client_connection_check_interval", "default_toast_compression"})
"""Settings that some platforms or builds lack: watching a socket, and lz4."""

_SINCE: Mapping[str, int] = {"transaction_timeout": 170000}
"""Settings of newer servers, with the first version that has them."""


MOST_PREPARED = 500
"""Largest number of prepared statements of a session. Several feeds share it; each has about fifteen."""


class SessionRefused(DatabaseUnavailable):
    """The server refuses the session: it has too many sessions, or is about to shut down."""


def purpose_of(worker: str) -> str:
    """Return the purpose of a worker's session, for pg_stat_activity."""
    return f"cdc-daemon: {worker}"


OWN_PATH = "pg_catalog"
"""The search path of the daemon's sessions (see `cdc_daemon.pg.search_path`)."""


def connect(
    dsn: str,
    *,
    search_path: str = OWN_PATH,
    purpose: str = "",
    lock_timeout_seconds: float = 0,
    patience: Patience = Patience(),  # noqa: B008 # frozen
) -> Connection:
    """Open a session in autocommit mode with every setting that changes text pinned.

    Args:
        dsn: libpq connection string or URL.
        search_path: schemas for names without a schema. Give another path only for a session that runs none
            of the daemon's statements.
        purpose: pg_stat_activity shows it as `cdc-daemon: <purpose>`.
        lock_timeout_seconds: longest time that a statement waits for a lock; 0 means for ever.
        patience: time limits of the network. Limits in the connection string override these.

    Raises:
        DatabaseUnavailable: the server can't be reached or refuses the session.
    """
    try:
        conninfo = make_conninfo(dsn, **_network(dsn, patience))
        connection = WatchedConnection.connect(
            conninfo,
            autocommit=True,
            application_name=purpose_of(purpose) if purpose else "cdc-daemon",
            row_factory=tuple_row,
            prepare_threshold=3,
        )
    except psycopg.OperationalError as error:
        if error.pgconn is not None:
            redaction.meet(_password(error.pgconn))
        unavailable = SessionRefused if is_refusal(error) else DatabaseUnavailable
        raise unavailable(
            first_line(error),
            where="database",
            hint=remedy(str(error)),
        ) from error
    redaction.meet(_password(connection.pgconn))
    connection.prepared_max = MOST_PREPARED
    try:
        require_own_session_on_primary(connection, dsn)
    except CdcError:
        connection.close()
        raise
    settings = {
        "search_path": with_temporary_last(search_path),
        **PINNED,
        "lock_timeout": f"{lock_timeout_seconds * 1000:.0f}",
        **_abandonment(patience),
    }
    if connection.info.server_version >= 140000:
        # Otherwise the backend of a killed daemon locks the feed's row until its statement ends (measured:
        # 7.8 s).
        settings["client_connection_check_interval"] = "500"
    _pin(
        connection,
        {
            name: value
            for name, value in settings.items()
            if connection.info.server_version >= _SINCE.get(name, 0)
        },
    )
    connection.watch(lookout(conninfo, patience))
    return connection


def _pin(connection: Connection, settings: Mapping[str, str]) -> None:
    """Set the settings by one statement, and each alone that the server may lack."""
    needed = {name: value for name, value in settings.items() if name not in _OPTIONAL}
    connection.execute(statement("session.pin_all"), {"names": list(needed), "values": list(needed.values())})
    for name in _OPTIONAL & settings.keys():
        with suppress(psycopg.errors.InvalidParameterValue):
            connection.execute(statement("session.pin"), {"name": name, "value": settings[name]})


def _password(used: pq.abc.PGconn) -> str | None:
    """Return the password that libpq used, from any source: a server may ask for it and repeat it."""
    try:
        return (used.password or b"").decode("utf-8", "replace")
    except psycopg.OperationalError:  # there is no connection
        return None


def _network(dsn: str, patience: Patience) -> dict[str, str]:
    """Return libpq parameters by which TCP notices lost packets. By default it takes a quarter of an hour."""
    silence = patience.silence_seconds
    wanted = {
        # libpq takes whole seconds, and treats 1 as 2.
        "connect_timeout": f"{max(2, round(patience.connect_seconds))}",
        "tcp_user_timeout": f"{silence * 1000:.0f}",
        "keepalives_idle": f"{max(1, round(silence / 2))}",
        "keepalives_interval": f"{max(1, round(silence / 8))}",
        "keepalives_count": "3",
    }
    given = conninfo_to_dict(dsn)
    return {name: value for name, value in wanted.items() if name not in given}


def _abandonment(patience: Patience) -> dict[str, str]:
    """Return settings by which the server ends a session whose client is frozen or cut off.

    Otherwise its transaction would lock a feed's row, and no other daemon could take the feed over. The
    server's defaults are two hours (keepalives) and never (idle transactions).
    """
    silence = patience.silence_seconds
    return {
        "tcp_keepalives_idle": f"{max(1, round(silence / 2))}",
        "tcp_keepalives_interval": f"{max(1, round(silence / 8))}",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": f"{silence * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{patience.abandoned_seconds * 1000:.0f}",
    }


def as_opened(connection: Connection) -> None:
    """Reset a session to the state in which `connect` opens it."""
    connection.isolation_level = None
    connection.execute(statement("session.pin"), {"name": "plan_cache_mode", "value": "auto"})


def with_temporary_last(schemas: str) -> str:
    """Return a search path with pg_temp last.

    If a path does not name pg_temp, temporary tables come first.
    """
    return f"{schemas}, pg_temp"


def plan_once(connection: Connection) -> None:
    """Make PostgreSQL plan each prepared statement of this session once, not for every set of parameters.

    For few rows, PostgreSQL rates a plan for these parameters cheaper to run, and plans at each execution.
    That takes five times as long in all: planning took 13 of the 16 ms for one product by 960 lines of SQL.
    A generic plan assumes ten elements for an array, and a tenth of the rows for a `LIMIT` by a parameter.
    So write a limit as a literal.
    """
    connection.execute(statement("session.pin"), {"name": "plan_cache_mode", "value": "force_generic_plan"})


@contextmanager
def kept_alive(connection: Connection) -> Generator[None]:
    """Send signs of life to the server during the block, while a session is idle in a transaction.

    Otherwise the server would end the session as abandoned. A frozen process sends none.
    """
    done = threading.Event()

    def give() -> None:
        with suppress(psycopg.Error):  # the end of the transaction will report it
            while not done.wait(SIGN_OF_LIFE_SECONDS):
                connection.execute(statement("session.sign_of_life"))

    thread = threading.Thread(target=give, name="sign of life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def is_loss(error: BaseException) -> bool:
    """Whether an error means that a session is lost or refused, and not that a statement failed."""
    if isinstance(error, DatabaseUnavailable | psycopg.InterfaceError):
        return True
    if isinstance(error, psycopg.errors.IdleInTransactionSessionTimeout):
        return True  # this process was frozen or cut off; psycopg classes it as a programming error
    state = error.sqlstate if isinstance(error, psycopg.OperationalError) else ""
    return state is None or state.startswith(("08", "53300", "57P"))


def first_line(error: BaseException) -> str:
    """Return the first line of a server's message, without psycopg's position marks."""
    return str(error).strip().split("\n", 1)[0]


def object_name(prefix: str, *parts: str) -> str:
    """Return the name in schema `cdc` of an object of a table or feed. The same parts give the same name.

    PostgreSQL cuts names at 63 bytes, and `a_b.c` and `a.b_c` would give one name. So such names end with
    eight digits of a hash.
    """
    plain = "_".join((prefix, *parts))
    ambiguous = any("_" in part for part in parts[:-1])
    # 48 bytes leave room for suffixes of its objects, such as `_0` and `_version_id_seq`.
    if not ambiguous and len(plain.encode()) <= 48:
        return plain
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{plain.encode()[:39].decode(errors='ignore')}_{digest}"


def identifiers(names: tuple[str, ...], *, of: str | None = None) -> sql.Composed:
    """Return quoted column names, separated by commas, each qualified by the alias `of` if given."""
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)


def collated(value: sql.Composable, collation: str) -> sql.Composed:
    """Return a value with a collation (see `Column.collation`); the value alone if the collation is empty."""
    if not collation:
        return sql.Composed([value])
    return sql.SQL("({} COLLATE {})").format(value, type_name(collation))


def type_name(type_: str) -> sql.SQL:
    """Return a type name from `format_type` as SQL; format_type has quoted it where necessary.

    Raises:
        ValueError: the text can't be from format_type.
    """
    if not _TYPE_NAME.fullmatch(type_):
        raise ValueError(f"not a type name: {type_!r}")
    return sql.SQL(quoted_names_without_percent(type_))  # pyright: ignore[reportArgumentType] # checked above
