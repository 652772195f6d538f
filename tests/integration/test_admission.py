"""What the daemon says of a server or a session that it can't use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cdc_daemon.errors import ConfigurationError, DatabaseUnavailable
from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.pg.embedded import EmbeddedServer
from cdc_daemon.pg.session import connect as open_session
from tests.receivers import processes
from tests.receivers.pgbouncer import PgBouncer
from tests.support import servers

Pool = Callable[[str], str]


@pytest.fixture
def pool(database: str) -> Iterator[Pool]:
    """A pooler in one of its modes; gives the connection string through it."""
    started: list[processes.Server] = []

    def start(mode: str) -> str:
        server = processes.own(PgBouncer(database, mode), uuid4().hex[:8])
        started.append(server)
        return make_conninfo(database, host="127.0.0.1", port=server.port)

    yield start
    for server in started:
        server.stop()


def test_a_pooler_in_transaction_mode_is_named_with_the_remedy(pool: Pool) -> None:
    with pytest.raises(ConfigurationError, match="pooler in transaction mode") as refused:
        open_session(pool("transaction"))
    assert "session mode" in (refused.value.hint or refused.value.faults[0][2] or "")


def test_a_pooler_in_session_mode_is_as_good_as_the_server(pool: Pool) -> None:
    with open_session(pool("session")) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.fixture
def standby() -> Iterator[str]:
    """A hot standby: it follows nobody, and takes no writes."""
    directory = servers.make_place("cdc-standby-")
    server = EmbeddedServer(directory / "server", fast=True)
    server.binaries = find_binaries("embedded", only=True)
    try:
        server.start()
        server.stop()
        data = next(path.parent for path in directory.rglob("PG_VERSION") if (path.parent / "base").is_dir())
        (data / "standby.signal").touch()
        yield server.start()
    finally:
        server.remove()
        directory.rmdir()


def test_a_hot_standby_is_named_with_the_remedy(standby: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="is a hot standby, which takes no writes") as refused:
        open_session(standby)
    assert "primary" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("changed", "says", "hint"),
    [
        ({"dbname": "nowhere"}, "does not exist", "create the database"),
        ({"user": "nobody_here"}, "does not exist", "create the role"),
        ({"host": "127.0.0.1", "port": "1"}, "refused", "see that the server runs"),
    ],
)
def test_a_refused_connection_says_what_to_do(
    database: str, changed: dict[str, str], says: str, hint: str
) -> None:
    with pytest.raises(DatabaseUnavailable, match=says) as refused:
        open_session(make_conninfo(database, **changed))
    assert (refused.value.hint or "").startswith(hint)


def test_a_wrong_password_says_where_the_password_is_set(database: str) -> None:
    """The servers of the tests ask for none: the words are those of the server's source (auth.c)."""
    from cdc_daemon.pg.admission import remedy

    refusal = 'connection failed: FATAL:  password authentication failed for user "cdc"'
    assert remedy(refusal) == "correct user and password in database.dsn or in its dsn_file"


def test_timeouts_that_would_end_the_daemons_sessions_are_off(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as administrator:
        administrator.execute(
            "DO $$ BEGIN EXECUTE pg_catalog.format("
            "'ALTER DATABASE %I SET idle_session_timeout = 1000', current_database()); END $$"
        )
    with open_session(database) as session:
        query = (
            "SELECT setting FROM pg_settings WHERE name IN ('idle_session_timeout', 'transaction_timeout')"
        )
        assert {setting for (setting,) in session.execute(query)} == {"0"}
