"""A statement that fails while others are sent with it is reported once, as what it is."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.session import connect as session_to
from tests.support.command import DEADLINE_SECONDS


@pytest.fixture
def session(database: str) -> Iterator[Connection]:
    with closing(session_to(database)) as found:
        yield found


def _in_the_block(session: Connection) -> None:
    """The error has arrived when the next statement is sent, which raises it."""
    with session.transaction(), session.pipeline():
        session.execute("SELECT 1 / 0")
        session.pgconn.send_flush_request()
        session.pgconn.flush()
        select.select([session.fileno()], [], [], DEADLINE_SECONDS)
        session.execute("SELECT 2")


def _at_the_end(session: Connection) -> None:
    with session.transaction(), session.pipeline():
        session.execute("SELECT 1 / 0")
        session.execute("SELECT 2")


@pytest.mark.parametrize("failing", [_in_the_block, _at_the_end])
def test_the_statement_s_own_error_is_raised_and_nothing_is_logged_about_those_behind_it(
    session: Connection, caplog: pytest.LogCaptureFixture, failing: Callable[[Connection], None]
) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        failing(session)
    assert caplog.messages == []
    assert session.execute("SELECT 3").fetchone() == (3,), "the session is of use"


def test_statements_that_were_skipped_are_told_if_the_block_hid_the_error(session: Connection) -> None:
    with pytest.raises(psycopg.errors.PipelineAborted):
        _hiding_the_error(session)


def _hiding_the_error(session: Connection) -> None:
    with session.transaction(), session.pipeline():
        with pytest.raises(psycopg.errors.DivisionByZero):
            session.execute("SELECT 1 / 0").fetchone()
        session.execute("SELECT 2")
