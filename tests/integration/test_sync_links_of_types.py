"""Links of every type: a changed row of a child finds its document by the column that joins them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from cdc_daemon.analysis.model.plan import RouteKind
from tests.support.bed import Bed
from tests.support.command import execute

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


class Joined(NamedTuple):
    """How two tables are joined.

    Attributes:
        type: of the column on both sides.
        values: three of them, as SQL literals.
        before: what must be there first.
    """

    type: str
    values: tuple[str, str, str]
    before: str = ""


TYPES = {
    "composite": Joined(
        "place",
        ("ROW(1, 'a b')::place", "ROW(1, 'c,\"d')::place", "ROW(2, NULL)::place"),
        "CREATE TYPE place AS (number int, street text)",
    ),
    "domain": Joined("code", ("'a'", "'b'", "'c'"), "CREATE DOMAIN code AS text CHECK (value <> '')"),
    "domain over an array": Joined(
        "pair", ("'{1,2}'", "'{2,1}'", "'{3,NULL}'"), "CREATE DOMAIN pair AS int[]"
    ),
    "enum": Joined(
        '"Shirt size"', ("'s'", "'m'", "'x l'"), "CREATE TYPE \"Shirt size\" AS ENUM ('s', 'm', 'x l')"
    ),
    "uuid": Joined(
        "uuid", ("'00000001-0000-0000-0000-000000000000'", "'00000002-0000-0000-0000-000000000000'", "NULL")
    ),
    "numeric": Joined("numeric", ("1.10", "2", "-0.5")),
    "timestamptz": Joined("timestamptz", ("'2024-01-01 00:00+02'", "'2024-01-01 00:00+00'", "'infinity'")),
    "interval": Joined("interval", ("'1 day'", "'24 hours 1 second'", "'1 mon'")),
    "text array": Joined("text[]", ("'{a,\"b,c\"}'", "'{NULL,x}'", "'{}'")),
    "array of arrays": Joined("int[]", ("'{{1,2},{3,4}}'", "'{1}'", "'{}'")),
    "bytea": Joined("bytea", (r"'\x00ff'", r"'\x'", r"'\x5c'")),
    "range": Joined("int4range", ("'[1,3)'", "'empty'", "'(,5)'")),
    "char": Joined("char(3)", ("'a'", "'ab'", "'abc'")),
    "boolean": Joined("boolean", ("true", "false", "NULL")),
    "jsonb": Joined("jsonb", ("'{\"a\": 1}'", "'[1, 1.0]'", "'null'")),
    "inet": Joined("inet", ("'10.0.0.1'", "'10.0.0.0/8'", "'::1'")),
}


@pytest.mark.parametrize("joined", TYPES.values(), ids=TYPES.keys())
def test_a_child_finds_its_document_by_a_link_of_this_type(
    database: str, tmp_path: Path, joined: Joined
) -> None:
    daemon = Bed(tmp_path, database)
    inserts = [
        f"INSERT INTO {table} VALUES ({n}, {value}, {more})"
        for n, value in enumerate(joined.values)
        for table, more in (("parent", "'{}'"), ("child", f"'w{n}'"))
    ]
    execute(
        database,
        *([joined.before] if joined.before else []),
        f"CREATE TABLE parent (id int PRIMARY KEY, at {joined.type}, extra json)",
        f'CREATE TABLE child (id int PRIMARY KEY, "At Parent" {joined.type}, word text)',
        *inserts,
    )
    daemon.add_feed(
        "parents",
        """
        SELECT p.id, p.extra,
               (SELECT string_agg(c.word, ',' ORDER BY c.id) FROM child c WHERE c."At Parent" = p.at) AS words
        FROM parent p
        """,
        key=["id"],
    )
    daemon.install()
    daemon.assert_in_step()
    first, second, third = joined.values
    for statements in (
        ["UPDATE child SET word = 'new' WHERE id = 0"],
        [f'UPDATE child SET "At Parent" = {second} WHERE id = 0'],
        ["DELETE FROM child WHERE id = 1", f"INSERT INTO child VALUES (7, {third}, 'seven')"],
        [f"UPDATE parent SET at = {first}, extra = '[1]'"],
    ):
        execute(database, *statements)
        daemon.assert_in_step()
    (route,) = daemon.routes("parents", "child")
    assert route.kind is RouteKind.JOIN  # it was the link that led there, not a look at every document
