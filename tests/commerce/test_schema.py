"""The pack's tables and the function that it brings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]


# Around the lengths at which padding fills up a block or needs another one.
LENGTHS = (55, 56, 63, 64, 65, 119, 120, 200)


@pytest.mark.parametrize("text", ["", "0", "abc", "é" * 40, *("x" * n for n in LENGTHS)])
def test_sha1_is_sha1(connect: Connect, text: str) -> None:
    wanted = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    assert connect().execute("SELECT sha1(%s)", (text,)).fetchone() == (wanted,)


def test_every_table_has_a_primary_key_and_every_reference_an_index(connect: Connect) -> None:
    """Without them capture can't compare rows, and a route or a cascade would read a whole table."""
    unkeyed = """
        SELECT c.relname FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
          AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)
    """
    unindexed = """
        SELECT f.conrelid::regclass::text, a.attname FROM pg_constraint AS f
        JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
        WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace
          AND NOT EXISTS (
              SELECT FROM pg_index AS i WHERE i.indrelid = f.conrelid AND i.indkey[0] = f.conkey[1]
          )
    """
    with connect() as connection:
        assert connection.execute(unkeyed).fetchall() == []
        assert connection.execute(unindexed).fetchall() == []
