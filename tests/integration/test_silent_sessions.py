"""A session whose server fell silent is given up within seconds; one whose statement takes long is not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.pg.search_path import names_found_in
from cdc_daemon.pg.session import Connection, kept_alive
from cdc_daemon.pg.session import connect as session_to
from cdc_daemon.pg.silence import Patience
from tests.conftest import Connect
from tests.receivers.proxy import Proxy, proxied
from tests.support.command import eventually

pytestmark = pytest.mark.any_server

PATIENCE = Patience(connect_seconds=2, silence_seconds=1)

LONGEST_SECONDS = 8.0
"""Silence, the look from outside (a connection that times out), and a slow machine."""


@pytest.fixture
def proxy(database: str) -> Iterator[Proxy]:
    where = conninfo_to_dict(database)
    with proxied(f"{where['host']}/.s.PGSQL.{where['port']}") as found:
        yield found


@pytest.fixture
def through(database: str, proxy: Proxy) -> str:
    """The database, by way of the proxy."""
    return make_conninfo(database, host="127.0.0.1", port=str(proxy.port), sslmode="disable")


@pytest.fixture
def session(through: str) -> Iterator[Connection]:
    found = session_to(through, patience=PATIENCE)
    try:
        yield found
    finally:
        found.close()


def test_a_session_is_given_up_when_packets_are_acknowledged_and_nothing_is_passed_on(
    proxy: Proxy, session: Connection
) -> None:
    proxy.be_silent()
    started = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="no answer within 1 s: a second session can't be had"):
        session.execute("SELECT 1")
    assert time.monotonic() - started < LONGEST_SECONDS
    assert session.broken


def test_a_session_is_given_up_when_the_middlebox_forgot_it_and_new_ones_go_through(
    proxy: Proxy, session: Connection
) -> None:
    proxy.forget()
    started = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="the server is not at work on it"):
        session.execute("SELECT 1")
    assert time.monotonic() - started < LONGEST_SECONDS


def test_a_session_is_given_up_when_the_server_ended_it_and_the_news_was_lost(
    proxy: Proxy, session: Connection, connect: Connect
) -> None:
    proxy.forget()
    connect().execute("SELECT pg_terminate_backend(%s)", [session.info.backend_pid])
    with pytest.raises(psycopg.OperationalError, match="the server has no such session any more"):
        session.execute("SELECT 1")


def test_a_statement_that_takes_long_is_waited_for(session: Connection) -> None:
    assert session.execute("SELECT 'done' FROM pg_sleep(3.5)").fetchone() == ("done",)


def test_a_statement_that_waits_for_a_lock_is_waited_for(session: Connection, connect: Connect) -> None:
    holder = connect()
    holder.execute("SELECT pg_advisory_lock(11)")
    timer = threading.Timer(3.5, holder.execute, ["SELECT pg_advisory_unlock(11)"])
    timer.start()
    session.execute("SELECT pg_advisory_lock(11)")
    timer.join()


def test_a_silent_host_is_not_waited_for_when_a_session_is_opened(through: str, proxy: Proxy) -> None:
    proxy.be_silent()
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="timeout expired"):
        session_to(through, patience=PATIENCE)
    assert time.monotonic() - started < LONGEST_SECONDS


def test_tcp_is_told_to_notice_lost_packets_on_both_sides(session: Connection) -> None:
    client = socket.socket(fileno=socket.dup(session.fileno()))
    with client:
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 1
    rows = session.execute(
        "SELECT name, setting, source FROM pg_settings WHERE name LIKE 'tcp\\_%' OR name LIKE 'idle_in_tr%'"
    ).fetchall()
    assert {name for name, _, source in rows if source == "session"} == {
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_keepalives_count",
        "tcp_user_timeout",
        "idle_in_transaction_session_timeout",
    }


def test_the_connection_string_goes_before_the_settings(through: str) -> None:
    with session_to(make_conninfo(through, tcp_user_timeout=4321), patience=PATIENCE) as session:
        client = socket.socket(fileno=socket.dup(session.fileno()))
        with client:
            assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 4321


def test_the_server_ends_a_session_that_is_silent_in_a_transaction(session: Connection) -> None:
    session.execute("BEGIN")
    time.sleep(PATIENCE.abandoned_seconds + 1)  # the silence is what is tested
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        session.execute("SELECT 1")


def test_a_transaction_that_is_kept_alive_outlives_that(session: Connection) -> None:
    with session.transaction():
        session.execute("SELECT 1")
        with kept_alive(session):
            time.sleep(PATIENCE.abandoned_seconds + 1)  # the silence is what is tested
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_the_server_abandons_a_transaction_whose_last_statements_were_sent_together(database: str) -> None:
    session = session_to(database, patience=Patience(silence_seconds=0.5))
    with closing(session), psycopg.connect(database, autocommit=True) as other:
        session.execute("BEGIN")
        with names_found_in(session, "public"):
            found = session.execute("SELECT 1")
        assert found.fetchall() == [(1,)]
        eventually(
            "the server lets go of it",
            lambda: (
                other.execute(
                    "SELECT FROM pg_stat_activity WHERE pid = %s", (session.info.backend_pid,)
                ).fetchone()
                is None
            ),
        )


def test_a_pipelined_statement_with_large_parameters_is_sent_to_its_end(database: str) -> None:
    """What does not fit into the socket at once is sent as well, while the server waits for it."""
    with closing(session_to(database, patience=PATIENCE)) as session, session.transaction():
        with session.pipeline():
            session.execute("SELECT 1")
            found = session.execute("SELECT pg_catalog.length(%s)", ("x" * 20_000_000,))
        assert found.fetchone() == (20_000_000,)
