"""Whatever the table looks like, its changes are captured and nobody's write fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from cdc_daemon.analysis.model.plan import RouteKind
from cdc_daemon.workers.planning import plan_feed
from tests.support.bed import Bed

pytestmark = pytest.mark.migrated

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]
Follow = Callable[..., Bed]


@pytest.fixture
def shop(connect: Connect) -> Session:
    return connect()


@pytest.fixture
def follow(shop: Session, database: str, tmp_path: Path) -> Follow:
    """Makes tables, installs capture for a query of them and delivers it once."""

    def _follow(schema: str, query: str, *, key: tuple[str, ...] = ("id",)) -> Bed:
        shop.execute(schema.encode())
        daemon = Bed(tmp_path, database)
        daemon.add_feed("items", query, key=key)
        daemon.install()
        daemon.assert_in_step()
        return daemon

    return _follow


PARTITIONED = """
CREATE TABLE item (id int, region text, code text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE item_north PARTITION OF item FOR VALUES IN ('n') PARTITION BY RANGE (id);
CREATE TABLE item_north_low PARTITION OF item_north FOR VALUES FROM (0) TO (100);
CREATE TABLE item_south (code text, region text NOT NULL, id int NOT NULL);
ALTER TABLE item ATTACH PARTITION item_south FOR VALUES IN ('s');
INSERT INTO item SELECT n, CASE n % 2 WHEN 0 THEN 'n' ELSE 's' END, 'c' || n FROM generate_series(1, 9) AS n;
"""


def _assert_each_arrives(writes: Sequence[str], shop: Session, daemon: Bed) -> None:
    for write in writes:
        before = daemon.delivered_texts("items")
        shop.execute(write.encode())
        daemon.assert_in_step()
        assert daemon.delivered_texts("items") != before, f"nothing changes: {write}"


def test_a_partitioned_table_is_followed_whichever_way_it_is_written(shop: Session, follow: Follow) -> None:
    writes = (
        "UPDATE item SET region = 'n' WHERE id IN (1, 3)",
        "INSERT INTO item VALUES (50, 'n', 'x'), (51, 's', 'y')",
        "UPDATE item_north_low SET code = 'leaf' WHERE id = 2",
        "UPDATE item_north SET code = 'middle' WHERE id = 2",
        "DELETE FROM item_south WHERE id = 5",
        "INSERT INTO item_south (id, region, code) VALUES (77, 's', 'leaf')",
        "TRUNCATE item_north_low",
        "TRUNCATE item",
    )
    _assert_each_arrives(writes, shop, follow(PARTITIONED, "SELECT id, region, code FROM item"))


def test_an_inheritance_child_is_followed(shop: Session, follow: Follow) -> None:
    writes = (
        "UPDATE item SET code = 'through the parent'",
        "UPDATE ONLY item SET code = 'parent alone'",
        "UPDATE child SET code = 'child'",
        "INSERT INTO child VALUES (9, 'new', 'extra')",
        "DELETE FROM child WHERE id = 9",
        "TRUNCATE child",
    )
    daemon = follow(
        "CREATE TABLE item (id int PRIMARY KEY, code text); CREATE TABLE child (extra text) INHERITS (item);"
        " INSERT INTO item VALUES (1, 'a'); INSERT INTO child VALUES (2, 'b', 'x')",
        "SELECT id, code FROM item",
    )
    _assert_each_arrives(writes, shop, daemon)


def test_a_table_without_a_primary_key_is_followed(shop: Session, follow: Follow) -> None:
    daemon = follow(
        "CREATE TABLE item (id int, code json); INSERT INTO item VALUES (1, '{}'), (2, '{}'), (3, '{}')",
        "SELECT id, code FROM item",
    )
    shop.execute("UPDATE item SET id = id + 10 WHERE id < 3; UPDATE item SET code = '[1]' WHERE id = 11")
    daemon.assert_in_step()
    shop.execute("DELETE FROM item WHERE id = 12; INSERT INTO item VALUES (4, NULL)")
    daemon.assert_in_step()


def test_keywords_capitals_and_the_changelogs_own_column_names_are_names_like_others(
    shop: Session, follow: Follow
) -> None:
    daemon = follow(
        """
        CREATE SCHEMA "Select"; CREATE TABLE "Select"."Order" (
            "rows" int, "xid" int, "version_id" text, "changed_at" date, "From" text, "a""b" text, "o" text,
            "cdc_rows" int, "r" int,
            PRIMARY KEY ("rows", "xid", "version_id", "changed_at", "From", "a""b", "cdc_rows")
        );
        INSERT INTO "Select"."Order" VALUES (1, 2, 'v', '2024-01-01', 'f', 'q', 'o', 3, 4);
        """,
        'SELECT * FROM "Select"."Order"',
        key=("rows", "xid", "version_id", "changed_at", "From", 'a"b', "cdc_rows"),
    )
    for column, value in (
        ("rows", "7"),
        ("changed_at", "'2025-02-02'"),
        ('a""b', "'z'"),
        ("o", "'y'"),
        ("r", "8"),
    ):
        shop.execute(f'UPDATE "Select"."Order" SET "{column}" = {value}'.encode())
        daemon.assert_in_step()
    assert len(daemon.delivered_texts("items")) == 1


def test_long_names_in_schemas_that_look_alike_are_kept_apart(
    shop: Session, database: str, tmp_path: Path
) -> None:
    long = "t" * 63
    daemon = Bed(tmp_path, database)
    tables = ('a_b"."c', 'a"."b_c', f'a_b"."{long}', f'a"."{long[:-1]}u', f'a"."{long}')
    shop.execute("CREATE SCHEMA a_b; CREATE SCHEMA a")
    for number, table in enumerate(tables):
        # Each table has ids of its own: an entry in another one's changelog finds no document there.
        shop.execute(f'CREATE TABLE "{table}" (id int PRIMARY KEY, code text)'.encode())
        shop.execute(f"INSERT INTO \"{table}\" VALUES (1{number}, 'old')".encode())
        daemon.add_feed(f"feed{number}", f'SELECT id, code FROM "{table}"', key=["id"])
    daemon.install()
    changelogs = shop.execute("SELECT count(DISTINCT changelog) FROM cdc.source").fetchone()
    assert changelogs == (len(tables),)
    daemon.assert_in_step()
    for number, table in enumerate(tables):
        shop.execute(f"UPDATE \"{table}\" SET code = 'new'".encode())
        shop.execute(f"INSERT INTO \"{table}\" VALUES (2{number}, 'second')".encode())
    daemon.assert_in_step()
    assert daemon.wanted() == []


TYPES = {
    "a domain": ("CREATE DOMAIN code AS text CHECK (value <> '')", "code", "a", "B"),
    "an enum": ("CREATE TYPE size AS ENUM ('s', 'm')", "size", "s", "m"),
    "a composite": ("CREATE TYPE place AS (shelf int, box text)", "place", '(1,"a b")', '(2,"c\\"d")'),
    "a range": ("", "int4range", "[1,2)", "[3,9)"),
    "an array": ("", "text[]", '{a,"b c"}', "{}"),
    "arrays of several dimensions": ("", "int[]", "{{1,2},{3,4}}", "{5}"),
    "uuid": ("", "uuid", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"),
    "numeric": ("", "numeric", "1.0", "2.50"),
    "timestamptz": ("", "timestamptz", "2024-01-01 00:00+00", "infinity"),
    "bytea": ("", "bytea", "\\x00ff", "\\x5c27"),
    "varchar": ("", "varchar(12)", "a", "back\\slash"),
    "char": ("", "char(4)", "a", "b c"),
    "float": ("", "float8", "0.1", "-1e300"),
    "inet": ("", "inet", "10.0.0.1", "::1"),
    "interval": ("", "interval", "1 day", "25 hours"),
    "jsonb": ("", "jsonb", '{"a": 1}', "[]"),
    "name": ("", "name", "a", "b"),
}


def test_a_link_of_any_type_finds_its_documents(shop: Session, follow: Follow) -> None:
    """Every type has a table of parts and two items of its own, so only its own link finds these."""
    schema, columns, labels = list[str](), list[str](), list[str]()
    items, writes = list[str](), list[list[str]]([] for _ in range(5))
    for n, (type_schema, type_, *values) in enumerate(TYPES.values()):
        one, other = (sql.Literal(value).as_string(shop) + f"::{type_}" for value in values)
        # The link of a part is of the type, and so is the primary key by which its rows are paired.
        schema += [
            type_schema,
            f"CREATE TABLE part{n} (place {type_} PRIMARY KEY, label text)",
            f"INSERT INTO part{n} VALUES ({one}, 'a')",
        ]
        columns.append(f"place_{n} {type_} UNIQUE")
        items.append(
            f"INSERT INTO item (id, place_{n}) VALUES ({2 * n}, {one}); "
            f"INSERT INTO item (id, place_{n}) VALUES ({2 * n + 1}, {other})"
        )
        labels.append(
            f"i.place_{n}::text AS place_{n}, "
            f"(SELECT max(p.label) FROM part{n} AS p WHERE p.place = i.place_{n}) AS label_{n}"
        )
        for each, own in zip(
            writes,
            (
                f"UPDATE part{n} SET label = 'b' WHERE place = {one}",
                f"UPDATE part{n} SET place = {other}",
                f"INSERT INTO part{n} VALUES ({one}, 'c')",
                f"DELETE FROM part{n} WHERE place = {other}",
                f"UPDATE item SET place_{n} = NULL WHERE id = {2 * n + 1}",
            ),
            strict=True,
        ):
            each.append(own)
    schema += [f"CREATE TABLE item (id int PRIMARY KEY, {', '.join(columns)})", *items]
    daemon = follow("; ".join(filter(None, schema)), f"SELECT i.id, {', '.join(labels)} FROM item AS i")
    with daemon.session() as session:
        plan = plan_feed(session, daemon.settings, "items")
    kinds = {route.kind for occurrence in plan.analysis.occurrences for route in occurrence.routes}
    assert kinds == {RouteKind.DIRECT, RouteKind.JOIN}, "a route to all items would find each"
    for write in writes:
        before = daemon.delivered_texts("items")
        shop.execute("; ".join(write).encode())
        daemon.assert_in_step()
        after = daemon.delivered_texts("items")
        still = [
            name
            for n, name in enumerate(TYPES)
            if all(before[key] == after[key] for key in (f"[{2 * n}]", f"[{2 * n + 1}]"))
        ]
        assert not still
    for n, name in enumerate(TYPES):
        unknown = f"SELECT count(*) FROM cdc.changelog_public_part{n} WHERE rows IS NULL"
        assert shop.execute(unknown.encode()).fetchone() == (0,), name


def test_generated_columns_are_followed_through_what_they_are_made_of(shop: Session, follow: Follow) -> None:
    kinds = ["STORED"] if shop.info.server_version < 180000 else ["STORED", "VIRTUAL"]
    made = ", ".join(f"twice_{kind} int GENERATED ALWAYS AS (base * 2) {kind}" for kind in kinds)
    columns = ", ".join(f"twice_{kind}".lower() for kind in kinds)
    daemon = follow(
        f"CREATE TABLE item (id int PRIMARY KEY, base int, {made}); INSERT INTO item VALUES (1, 1), (2, 2)",
        f"SELECT id, {columns} FROM item",
    )
    shop.execute("UPDATE item SET base = 10 WHERE id = 1; INSERT INTO item VALUES (3, 5)")
    daemon.assert_in_step()
    assert b'"twice_stored":20' in daemon.delivered_texts("items")["[1]"]
