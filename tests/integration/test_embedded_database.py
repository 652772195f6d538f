"""The fixtures themselves: what every other integration test stands on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.any_server

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]


@pytest.mark.parametrize("round_", [1, 2])
def test_every_test_has_an_empty_database_of_its_own(connect: Connect, round_: int) -> None:
    connection = connect()
    connection.execute("CREATE TABLE mine (id integer)")
    found = connection.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    assert found.fetchall() == [("mine",)]


def test_a_prepared_transaction_left_behind_does_not_keep_the_database(connect: Connect) -> None:
    connection = connect()
    connection.execute("CREATE TABLE t (id integer)")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("PREPARE TRANSACTION 'left behind'")
