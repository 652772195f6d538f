"""Sessions whose settings are pinned, so that the same row gives the same text on every machine."""

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
    """What queries need: a connection, or a worker's seat at the pool (see `cdc_daemon.pg.pool`)."""

    @property
    def broken(self) -> bool:
        """Whether the last statement found that the session is lost."""
        ...

    def execute(
        self, query: QueryNoTemplate, params: Params | None = None, *, binary: bool = False
    ) -> psycopg.Cursor[tuple[Any, ...]]:
        """One statement; outside of a transaction it is one of its own."""
        ...

    def transaction(self) -> AbstractContextManager[object]:
        """Every statement inside the block is of one transaction."""
        ...

    def pipeline(self) -> AbstractContextManager[object]:
        """Statements inside the block are sent together; inside a transaction."""
        ...


# Every one of these changes the text of some value (or what a query may see). A hash that depended on the
# server's or the role's defaults would make a million documents "change" on the day when a default does.
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
    # A policy that would hide rows raises instead (42501): a hidden row would look like a deleted document.
    "row_security": "off",
    # A cursor must never be ahead of what it says was delivered.
    "synchronous_commit": "on",
    # Compiling costs more than any of our statements runs.
    "jit": "off",
    # Nor do parallel workers pay: what writes has none, and what reads is small but has many arms. Over 57
    # changelogs the planner took two of them for a look that found nothing: 34 ms, and 4 ms without.
    "max_parallel_workers_per_gather": "0",
    # Stores documents of 3 kB in half the time that pglz takes, in the same space.
    "default_toast_compression": "lz4",
    "statement_timeout": "0",
    # The watcher's session rests between two changes, and a resync's transactions are long.
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
}


SIGN_OF_LIFE_SECONDS = 1.0
"""How often a session in a transaction speaks to the server while it has nothing to ask."""

_TYPE_NAME = re.compile(r'(?:"(?:[^"]|"")+"|[\w .,()\[\]$-])+')

_OPTIONAL = frozenset({"client_connection_check_interval", "default_toast_compression"})
"""Not every platform can watch a socket, and not every build has lz4."""

_SINCE: Mapping[str, int] = {"transaction_timeout": 170000}
"""Settings that an older server doesn't know, and its first version that does."""


MOST_PREPARED = 500
"""Statements whose plans a session keeps: several feeds share it, and each has about fifteen."""


class SessionRefused(DatabaseUnavailable):
    """The server answers and does not let this session in: it has too many, or is about to shut down."""


def purpose_of(worker: str) -> str:
    """A session's name in pg_stat_activity."""
    return f"cdc-daemon: {worker}"


OWN_PATH = "pg_catalog"
"""The search path of the daemon's sessions: see `cdc_daemon.pg.search_path`."""


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
        search_path: schemas in which names without a schema are found; others than our own only for a session
            that runs none of the daemon's statements.
        purpose: shown in pg_stat_activity as `cdc-daemon: <purpose>`.
        lock_timeout_seconds: how long a statement waits for a lock; 0 is for ever.
        patience: how long the network may be silent; what the connection string says itself goes before.

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
        # A killed daemon's backend would keep the feed's row locked until its statement ends (7.8 s seen).
        settings["client_connection_check_interval"] = "500"
    for name, value in settings.items():
        if connection.info.server_version < _SINCE.get(name, 0):
            continue
        try:
            connection.execute(statement("session.pin"), {"name": name, "value": value})
        except psycopg.errors.InvalidParameterValue:
            if name not in _OPTIONAL:
                raise
    connection.watch(lookout(conninfo, patience))
    return connection


def _password(used: pq.abc.PGconn) -> str | None:
    """The one that libpq used, wherever it found it: a server may ask for it in clear text, and repeat it."""
    try:
        return (used.password or b"").decode("utf-8", "replace")
    except psycopg.OperationalError:  # the connection was not made
        return None


def _network(dsn: str, patience: Patience) -> dict[str, str]:
    """What libpq is told, so that TCP notices lost packets: by itself it waits for a quarter of an hour."""
    silence = patience.silence_seconds
    wanted = {
        # libpq takes whole seconds, and 1 for 2.
        "connect_timeout": f"{max(2, round(patience.connect_seconds))}",
        "tcp_user_timeout": f"{silence * 1000:.0f}",
        "keepalives_idle": f"{max(1, round(silence / 2))}",
        "keepalives_interval": f"{max(1, round(silence / 8))}",
        "keepalives_count": "3",
    }
    given = conninfo_to_dict(dsn)
    return {name: value for name, value in wanted.items() if name not in given}


def _abandonment(patience: Patience) -> dict[str, str]:
    """Settings by which the server lets go of a session whose client is frozen or cut off.

    Its transaction would hold a feed's row for good, and no other daemon could take the feed over. The
    server's own defaults are two hours, and never.
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
    """Make a session again as `connect` opens it, whatever it was used for."""
    connection.isolation_level = None
    connection.execute(statement("session.pin"), {"name": "plan_cache_mode", "value": "auto"})


def with_temporary_last(schemas: str) -> str:
    """A search path in which no temporary table hides another: where pg_temp is not named, it comes first."""
    return f"{schemas}, pg_temp"


def plan_once(connection: Connection) -> None:
    """Have each prepared statement of this session planned once, not for every set of parameters.

    Where few rows are asked for, PostgreSQL finds that a plan for just these is cheaper to run, and makes
    one each time, which takes five times as long: 13 of the 16 ms for one product by 960 lines of SQL.
    Planned once, an array counts as ten elements, and `LIMIT` of a parameter as a tenth of the rows: a limit
    must stand in the text.
    """
    connection.execute(statement("session.pin"), {"name": "plan_cache_mode", "value": "force_generic_plan"})


@contextmanager
def kept_alive(connection: Connection) -> Generator[None]:
    """Give the server signs of life while nobody uses a session that has a transaction open.

    It would take the session for abandoned. A process that is frozen gives none.
    """
    done = threading.Event()

    def give() -> None:
        with suppress(psycopg.Error):  # the end of the transaction will tell
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
    """Whether an error says that a session is lost or could not be had, and not that a statement failed."""
    if isinstance(error, DatabaseUnavailable | psycopg.InterfaceError):
        return True
    if isinstance(error, psycopg.errors.IdleInTransactionSessionTimeout):
        return True  # we were frozen, or cut off; psycopg counts it among the errors of a program
    state = error.sqlstate if isinstance(error, psycopg.OperationalError) else ""
    return state is None or state.startswith(("08", "53300", "57P"))


def first_line(error: BaseException) -> str:
    """The first line of a server's message, without psycopg's position marks."""
    return str(error).strip().split("\n", 1)[0]


def object_name(prefix: str, *parts: str) -> str:
    """The name in schema `cdc` of what belongs to a table or feed; the same parts give the same name.

    Names end at 63 bytes, and `a_b.c` would meet `a.b_c`: such names carry eight digits of a hash.
    """
    plain = "_".join((prefix, *parts))
    ambiguous = any("_" in part for part in parts[:-1])
    # 48 leaves room for the suffixes `_0`, `_version_id_seq` that objects of it carry.
    if not ambiguous and len(plain.encode()) <= 48:
        return plain
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
    return f"{plain.encode()[:39].decode(errors='ignore')}_{digest}"


def identifiers(names: tuple[str, ...], *, of: str | None = None) -> sql.Composed:
    """Quoted column names, comma-separated, each qualified by the alias `of` if given."""
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)


def collated(value: sql.Composable, collation: str) -> sql.Composed:
    """A value that is compared by a collation (see `Column.collation`); none of its own if that is empty."""
    if not collation:
        return sql.Composed([value])
    return sql.SQL("({} COLLATE {})").format(value, type_name(collation))


def type_name(type_: str) -> sql.SQL:
    """A type as `format_type` wrote it (already quoted where it must be).

    Raises:
        ValueError: the text could not have come from format_type.
    """
    if not _TYPE_NAME.fullmatch(type_):
        raise ValueError(f"not a type name: {type_!r}")
    return sql.SQL(quoted_names_without_percent(type_))  # pyright: ignore[reportArgumentType] # checked above
