"""Rows that no feed wants, by the constants in its query, are left out by capture: they log nothing."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc_daemon.capture.writers import Writers
from tests.integration.test_capture_safety import plant
from tests.support.command import Feed
from tests.support.daemon import Daemon
from tests.support.synced import Synced

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]

NAME, COLOR = 73, 80

SHOP = """
CREATE TABLE product (id int PRIMARY KEY, sku text);
CREATE TABLE value (
    product_id int, attribute_id smallint, store_id int, content text,
    PRIMARY KEY (product_id, attribute_id, store_id)
);
INSERT INTO product SELECT n, 'sku-' || n FROM generate_series(1, 4) AS n;
INSERT INTO value
SELECT n, a, s, n || '-' || a || '-' || s
FROM generate_series(1, 4) AS n, generate_series(70, 99) AS a, generate_series(0, 1) AS s;
"""


def names(attribute: int = NAME) -> str:
    return (
        "SELECT p.id, v.content FROM product AS p LEFT JOIN value AS v"
        f" ON v.product_id = p.id AND v.attribute_id = {attribute} AND v.store_id = 0"
    )


@pytest.fixture
def shop(connect: Connect) -> Session:
    connection = connect()
    connection.execute(SHOP)
    return connection


@pytest.fixture
def daemon(shop: Session, database: str, tmp_path: Path) -> Daemon:
    daemon = Daemon(tmp_path, database)
    daemon.feed("names", names(), key=["id"])
    daemon.install()
    daemon.assert_in_step()
    return daemon


def entries(session: Session) -> list[Any]:
    """Rows of each entry about values."""
    query = "SELECT rows FROM cdc.changelog_public_value ORDER BY version_id"
    return [row[0] for row in session.execute(query).fetchall()]


def filters(session: Session) -> object:
    """The conditions under which values are captured; None: all are."""
    row = session.execute("SELECT filters FROM cdc.source WHERE table_name = 'value'").fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO value VALUES (1, 999, 0, 'other')",
        "INSERT INTO value VALUES (1, 73, 7, 'another store')",
        "INSERT INTO value VALUES (1, 7, 0) ON CONFLICT ON CONSTRAINT value_pkey DO UPDATE SET content = 'x'",
        "UPDATE value SET content = 'x' WHERE attribute_id <> 73",
        "UPDATE value SET content = 'x' WHERE attribute_id = 73 AND store_id = 1",
        "UPDATE value SET attribute_id = attribute_id + 1000 WHERE attribute_id = 80",
        "DELETE FROM value WHERE attribute_id <> 73",
    ],
)
def test_a_write_of_rows_that_no_feed_wants_writes_no_entry_and_takes_no_xid_for_it(
    write: str, daemon: Daemon, shop: Session
) -> None:
    shop.execute(write.encode())
    assert entries(shop) == []
    assert shop.execute("SELECT xid FROM cdc.changelog_public_value").fetchall() == []
    daemon.assert_in_step()


def test_the_trigger_alone_takes_no_xid(daemon: Daemon, shop: Session) -> None:
    """A statement that changes no row fires it too, and so does one whose rows are another's business."""
    shop.execute("CREATE TABLE copy (LIKE value)")
    with shop.transaction():
        shop.execute("UPDATE value SET content = 'x' WHERE attribute_id = -1")
        assert shop.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,)
    with shop.transaction():
        before = shop.execute("SELECT pg_current_xact_id()::text").fetchone()
        for _ in range(50):
            shop.execute("UPDATE value SET content = content || '!' WHERE attribute_id = 71")
        after = shop.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    # Others on this server take xids, too; a subtransaction a statement would be fifty more.
    assert before is not None
    assert after is not None
    assert int(after[0]) - int(before[0]) < 50


@pytest.mark.parametrize(
    ("write", "rows"),
    [
        ("INSERT INTO value VALUES (9, 73, 0, 'x'), (9, 74, 0, 'x'), (8, 73, 0, 'y')", [2]),
        ("UPDATE value SET content = 'x'", [4]),
        ("UPDATE value SET content = 'x' WHERE attribute_id = 73 AND product_id = 1", [1]),
        # Old or new: a row may begin to count, or cease to.
        ("UPDATE value SET attribute_id = 173 WHERE attribute_id = 73 AND store_id = 0", [4]),
        ("UPDATE value SET attribute_id = 73, product_id = 9 - product_id WHERE attribute_id = 72", [4]),
        ("UPDATE value SET product_id = 9 - product_id WHERE attribute_id = 73", [8]),
        ("UPDATE value SET attribute_id = NULL WHERE false", []),
        ("DELETE FROM value", [4]),
        ("TRUNCATE value", [None]),
    ],
)
def test_of_a_statement_those_rows_are_logged_that_a_feed_wants(
    write: str, rows: list[int], daemon: Daemon, shop: Session
) -> None:
    shop.execute(write.encode())
    assert entries(shop) == rows
    daemon.assert_in_step()


def test_without_a_primary_key_each_side_is_looked_at(shop: Session, database: str, tmp_path: Path) -> None:
    shop.execute("ALTER TABLE value DROP CONSTRAINT value_pkey")
    daemon = Daemon(tmp_path, database)
    daemon.feed("names", names(), key=["id"])
    daemon.install()
    daemon.assert_in_step()
    shop.execute("UPDATE value SET content = 'x' WHERE attribute_id = 80")
    assert entries(shop) == []
    shop.execute("DELETE FROM value WHERE attribute_id = 73 AND product_id > 2")
    shop.execute("UPDATE value SET attribute_id = 73 WHERE attribute_id = 72 AND product_id > 2")
    shop.execute("UPDATE value SET attribute_id = 1 WHERE attribute_id = 73 AND product_id = 4")
    assert entries(shop) == [2, 2, 1]
    daemon.assert_in_step()


def test_what_is_written_to_a_partition_by_its_own_name_is_filtered_too(
    connect: Connect, database: str, tmp_path: Path
) -> None:
    shop = connect()
    shop.execute(
        "CREATE TABLE product (id int PRIMARY KEY, sku text); INSERT INTO product VALUES (1, 'a');"
        "CREATE TABLE value (content text, store_id int, product_id int, attribute_id smallint,"
        " PRIMARY KEY (product_id, attribute_id, store_id)) PARTITION BY LIST (attribute_id);"
        "CREATE TABLE value_rest PARTITION OF value DEFAULT;"
        "CREATE TABLE value_73 (product_id int NOT NULL, junk int, attribute_id smallint NOT NULL,"
        " store_id int NOT NULL, content text); ALTER TABLE value_73 DROP COLUMN junk;"
        "ALTER TABLE value ATTACH PARTITION value_73 FOR VALUES IN (73)"
    )
    daemon = Daemon(tmp_path, database)
    daemon.feed("names", names(), key=["id"])
    daemon.install()
    daemon.assert_in_step()
    shop.execute("INSERT INTO value_rest (product_id, attribute_id, store_id) VALUES (1, 5, 0), (1, 6, 0)")
    shop.execute("UPDATE value_rest SET content = 'x'")
    assert entries(shop) == []
    shop.execute("INSERT INTO value_73 (product_id, attribute_id, store_id) VALUES (1, 73, 0), (1, 73, 1)")
    shop.execute("UPDATE value SET attribute_id = 5 WHERE store_id = 1 AND attribute_id = 73")
    assert entries(shop) == [1]
    daemon.assert_in_step()


TYPES = """
CREATE TYPE mood AS ENUM ('calm', 'sad');
CREATE DOMAIN whole AS int;
CREATE DOMAIN word AS varchar(9) CHECK (value <> 'never');
CREATE DOMAIN word_of_words AS word;
CREATE DOMAIN feeling AS mood;
CREATE TABLE item (
    id int PRIMARY KEY, note text, i int, s smallint, b bigint, n numeric, t text, v varchar(9), c char(4),
    f boolean, u uuid, d date, ts timestamp, tz timestamptz, m mood, di whole, dv word, ds word_of_words,
    dm feeling, j json
);
"""
VALUES = {
    "i": ("NULL", "1", "2", "-1", "73"),
    "s": ("NULL", "1", "2", "-1", "73"),
    "b": ("NULL", "1", "5000000000", "-1", "2"),
    "n": ("NULL", "1", "1.00", "'NaN'", "-1.5"),
    "t": ("NULL", "'x'", "'X'", "''", r"'a\b'"),
    "v": ("NULL", "'x'", "'x '", "'it''s'", "'y'"),
    "c": ("NULL", "'x'", "'x '", "'abcd'", "'y'"),
    "f": ("NULL", "true", "false", "true", "false"),
    "u": ("NULL", *(f"'00000000-0000-0000-0000-00000000000{n}'" for n in range(4))),
    "d": ("NULL", "'2024-01-01'", "'2024-01-02'", "'infinity'", "'2023-12-31'"),
    "ts": ("NULL", "'2024-01-01'", "'2024-01-01 00:00:00.000001'", "'-infinity'", "'2023-01-01'"),
    "tz": ("NULL", "'2024-01-01 00:00+00'", "'2023-12-31 23:59+00'", "'infinity'", "'2024-01-01 01:00+02'"),
    "m": ("NULL", "'calm'", "'sad'", "'calm'", "'sad'"),
    "di": ("NULL", "1", "2", "-1", "73"),
    "dv": ("NULL", "'x'", "'x '", "'it''s'", "'y'"),
    "ds": ("NULL", "'x'", "'x '", "'it''s'", "'y'"),
    "dm": ("NULL", "'calm'", "'sad'", "'calm'", "'sad'"),
    "j": ("NULL", "'{}'", "'1'", "'null'", "'[]'"),
}
"""Per column its values in the rows, one after the other."""


MOVED = [
    "i = 73", "73 = i", "i <> 1", "i < 2", "2 > i", "i IN (1, 73)", "i NOT IN (1, 73)", "i = -1",
    "i BETWEEN 0 AND 2", "i NOT BETWEEN 0 AND 2", "NOT (i = 1)", "NOT (i IN (1, 2) OR s IS NULL)",
    "i IS NULL", "i IS NOT NULL", "s = 1", "s IN (1, 2)", "s > 40000", "b = 5000000000",
    "b IN (1, 5000000000)", "b = 1",
    "n = 1", "n = 1.000", "n IN (1, -1.5)", "n > 1.5", "n = 'NaN'", "n < 'NaN'", "t = 'x'", "t <> 'x'",
    "t = ''", r"t = 'a\b'", "t >= 'X'", "v = 'x'", "v = 'it''s'", "v IN ('x', 'y')", "v <> 'x'", "c = 'x'",
    "c IN ('x ', 'abcd')", "f", "NOT f", "f = true", "f IS NULL",
    "u = '00000000-0000-0000-0000-000000000001'",
    "d = '2024-01-01'", "d > '2024-01-01'", "d IN ('2024-01-01', 'infinity')", "ts > '2024-01-01'",
    "ts = '-infinity'", "tz >= '2024-01-01 00:00+00'", "m IS NULL", "j IS NOT NULL",
    "m = 'calm'", "'calm' <> m", "m IN ('calm', 'sad')", "m NOT IN ('sad')", "NOT (m = 'sad')",
    "di = 73", "di IN (1, 73)", "di > 1", "dv = 'x'", "dv <> 'it''s'", "ds IN ('x', 'y')",
    "(i = 1 AND t = 'x') OR (i = 2 AND f IS NOT NULL) OR d IS NULL",
]  # fmt: skip
NOT_MOVED = [
    "m > 'calm'", "m::text = 'calm'", "dm::mood = 'calm'",
    "tz >= DATE '2024-01-01'", "lower(t) = 'x'", "t LIKE 'x'", "i + 1 = 2",
    "i IS DISTINCT FROM 1",
    "t = 'x' COLLATE \"C\"", "i = 1 OR i = id", "j::text = '1'",
]  # fmt: skip


def fill(session: Session) -> None:
    session.execute(TYPES)
    for number, row in enumerate(zip(*VALUES.values(), strict=True)):
        session.execute(f"INSERT INTO item VALUES ({number}, 'old', {', '.join(row)})".encode())


@pytest.mark.parametrize("condition", [*MOVED, *NOT_MOVED])
def test_capture_takes_the_rows_that_the_query_s_own_condition_takes(
    condition: str, connect: Connect, database: str, tmp_path: Path
) -> None:
    shop = connect()
    fill(shop)
    daemon = Daemon(tmp_path, database)
    daemon.feed("items", f"SELECT id, note FROM item WHERE {condition}", key=["id"])
    daemon.install()
    # What a session of the application may have set.
    shop.execute(
        "SET standard_conforming_strings = off; SET backslash_quote = on; SET DateStyle = 'German, DMY';"
        "SET TimeZone = 'Pacific/Kiritimati'; SET IntervalStyle = iso_8601; SET escape_string_warning = off"
    )
    shop.execute("UPDATE item SET note = 'new'")
    captured = shop.execute("SELECT unnest(id) FROM cdc.changelog_public_item ORDER BY 1").fetchall()
    shop.execute("RESET ALL")
    wanted = "true" if condition in NOT_MOVED else condition
    assert captured == shop.execute(f"SELECT id FROM item WHERE {wanted} ORDER BY 1".encode()).fetchall()
    unknown = shop.execute("SELECT count(*) FROM cdc.changelog_public_item WHERE rows IS NULL").fetchone()
    assert unknown == (0,)


def test_what_a_writer_plants_in_its_search_path_is_never_called(
    connect: Connect, database: str, tmp_path: Path
) -> None:
    shop = connect()
    fill(shop)
    daemon = Daemon(tmp_path, database)
    for number, condition in enumerate(MOVED):
        daemon.feed(f"f{number}", f"SELECT id, note FROM item WHERE {condition}", key=["id"])
    daemon.install()
    plant(shop)
    shop.execute("SET search_path = evil, pg_catalog, public")
    shop.execute("SELECT 1 = 1, 1 IN (1, 2)")
    assert shop.execute("SELECT count(*) OPERATOR(pg_catalog.>) 0 FROM evil.called").fetchone() is not None
    shop.execute("TRUNCATE evil.called")
    shop.execute("UPDATE item SET note = 'new'; INSERT INTO item VALUES (77, 'n', 73); DELETE FROM item")
    shop.execute("RESET search_path")
    assert shop.execute("SELECT what FROM evil.called").fetchall() == []
    unknown = shop.execute("SELECT count(*) FROM cdc.changelog_public_item WHERE rows IS NULL").fetchone()
    assert unknown == (0,)
    assert daemon.uninstall() == []


def test_a_filter_s_column_that_is_renamed_or_gets_another_type_fails_no_write(
    daemon: Daemon, shop: Session
) -> None:
    shop.execute("ALTER TABLE value ALTER COLUMN attribute_id TYPE text")
    shop.execute("UPDATE value SET content = 'x' WHERE attribute_id = '80'")
    assert entries(shop) == [None]
    shop.execute("ALTER TABLE value ALTER COLUMN attribute_id TYPE bigint USING attribute_id::bigint")
    shop.execute("UPDATE value SET content = 'y' WHERE attribute_id = 73")
    daemon.assert_in_step()
    shop.execute("ALTER TABLE value RENAME attribute_id TO attribute")
    shop.execute("UPDATE value SET content = 'z' WHERE attribute = 73")
    shop.execute("ALTER TABLE value RENAME attribute TO attribute_id")
    daemon.assert_in_step()
    shop.execute("TRUNCATE cdc.changelog_public_value")
    shop.execute("UPDATE value SET content = 'y' WHERE attribute_id = 80")
    assert entries(shop) == []


def test_a_virtual_generated_column_is_no_filter_and_no_link(
    connect: Connect, database: str, tmp_path: Path
) -> None:
    """It is NULL in what a trigger sees."""
    shop = connect()
    kind = "VIRTUAL" if shop.info.server_version >= 180000 else "STORED"  # VIRTUAL came with 18
    shop.execute(
        "CREATE TABLE item (id int PRIMARY KEY, kind int, note text, other int,"
        f" cheap boolean GENERATED ALWAYS AS (kind < 5) {kind},"
        f" fixed int GENERATED ALWAYS AS (7) {kind},"
        f" parent int GENERATED ALWAYS AS (other / 10) {kind})".encode()
    )
    daemon = Daemon(tmp_path, database)
    daemon.feed("cheap", "SELECT id, note FROM item WHERE cheap AND fixed = 7 AND other > 0", key=["id"])
    daemon.feed(
        "parents", "SELECT parent, count(*) AS n FROM item WHERE other > 0 GROUP BY parent", key=["parent"]
    )
    daemon.install()
    daemon.assert_in_step()
    shop.execute("INSERT INTO item VALUES (1, 1, 'a', 11), (2, 9, 'b', 22), (3, 3, 'c', NULL)")
    daemon.assert_in_step()
    shop.execute("UPDATE item SET note = 'c', kind = 10 - kind, other = 33 - other")
    daemon.assert_in_step()
    row = shop.execute("SELECT filters::text LIKE '%%cheap%%' FROM cdc.source").fetchone()
    assert row == (kind == "STORED",)


def test_a_second_feed_widens_the_filter_and_one_that_goes_narrows_it(daemon: Daemon, shop: Session) -> None:
    daemon.feed("colors", names(COLOR), key=["id"])
    steps = [step.what for step in daemon.install()]
    assert "function cdc.capture_public_value" in steps
    daemon.assert_in_step()
    shop.execute("UPDATE value SET content = 'both' WHERE attribute_id IN (73, 80)")
    assert entries(shop) == [8]
    daemon.assert_in_step()
    assert daemon.install() == []
    # A use without a filter takes all.
    daemon.feed(
        "all",
        "SELECT product_id, attribute_id, store_id, content FROM value",
        key=["product_id", "attribute_id", "store_id"],
    )
    daemon.install()
    assert filters(shop) is None
    daemon.assert_in_step()
    shop.execute("UPDATE value SET content = 'every' WHERE attribute_id = 99")
    daemon.assert_in_step()
    del daemon.feeds["all"], daemon.feeds["names"]
    daemon.install()
    shop.execute("TRUNCATE cdc.changelog_public_value")
    shop.execute("UPDATE value SET content = 'color' WHERE attribute_id IN (73, 80, 99)")
    assert entries(shop) == [4]
    daemon.assert_in_step()


def test_daemons_with_different_feeds_leave_each_other_what_they_need(
    daemon: Daemon, shop: Session, database: str, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Daemon(tmp_path / "other", database)
    other.feed("colors", names(COLOR), key=["id"])
    other.assert_in_step()  # installs what its feed lacks, and takes nothing away
    for round_ in range(3):
        shop.execute(f"UPDATE value SET content = '{round_}' WHERE attribute_id IN (73, 80)".encode())
        daemon.assert_in_step()
        other.assert_in_step()
    shop.execute("TRUNCATE cdc.changelog_public_value")
    shop.execute("UPDATE value SET content = 'x' WHERE attribute_id = 90")
    assert entries(shop) == []


def test_a_changed_query_brings_documents_that_capture_had_left_out(daemon: Daemon, shop: Session) -> None:
    shop.execute("UPDATE value SET content = 'unseen' WHERE attribute_id = 80")
    daemon.feed("names", names(COLOR), key=["id"])
    daemon.install()
    daemon.assert_in_step()
    assert b"unseen" in daemon.documents("names")["[1]"]


def test_a_feed_that_needs_more_rows_than_were_captured_for_it_is_resynced_and_no_other(
    daemon: Daemon, shop: Session
) -> None:
    def cursor() -> bool:
        row = shop.execute("SELECT cursor IS NOT NULL FROM cdc.feed_state").fetchone()
        assert row is not None
        return bool(row[0])

    remembered = shop.execute("SELECT filters FROM cdc.feed_state").fetchone()
    assert remembered is not None
    [mine] = remembered[0]["public.value"]

    def remember(*conditions: str) -> None:
        shop.execute("UPDATE cdc.feed_state SET filters = %s", (json.dumps({"public.value": conditions}),))

    another = '["is null","content"]'
    remember(mine, another)
    assert [step.what for step in daemon.install()] == ["definition of feed names"]
    assert cursor()  # narrower: nothing is lacking
    remember(another)
    daemon.install()
    assert not cursor()
    daemon.assert_in_step()
    assert cursor()
    shop.execute("UPDATE cdc.feed_state SET filters = '{}'")
    daemon.install()
    assert cursor()  # every row was captured before


def test_a_writer_that_still_runs_the_narrower_filter_is_awaited(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    shop = Synced(tmp_path, database, schema=SHOP, feeds={"names": Feed(names())})
    shop.sync()
    writer = connect(autocommit=False)
    writer.execute("UPDATE value SET content = 'late' WHERE attribute_id = 80 AND product_id = 1")
    shop.feeds["colors"] = Feed(names(COLOR))
    shop.configure()
    shop.install()
    waited: list[Writers] = []
    gave_up = threading.Event()
    with shop.feed_sync("colors") as sync:
        assert sync.begin(pause=lambda _: bool(waited), waiting=waited.append) is None
        writer.commit()
        assert sync.begin(pause=gave_up.wait, waiting=waited.append) == 4
    assert len(waited) == 1
    shop.sync()
    shop.assert_equal_to_the_query()


def test_an_install_brings_filters_to_an_installation_without_them_and_loses_nothing(
    daemon: Daemon, shop: Session
) -> None:
    unfiltered = "SELECT product_id, attribute_id, store_id, content FROM value"
    daemon.feed("all", unfiltered, key=["product_id", "attribute_id", "store_id"])
    daemon.install()
    daemon.assert_in_step()
    del daemon.feeds["all"]
    shop.execute(
        "DROP TABLE cdc.feed_all, cdc.feed_all_log, cdc.backlog_all CASCADE;"
        " DELETE FROM cdc.feed_state WHERE feed = 'all';"
        # As the migration that brought filters leaves what was installed before it.
        " UPDATE cdc.source SET filters = NULL; UPDATE cdc.feed_state SET filters = '{}'"
    )
    shop.execute("UPDATE value SET content = 'between' WHERE attribute_id IN (73, 80)")
    assert entries(shop)[-1] == 16
    before = shop.execute("SELECT count(*) FROM cdc.resync").fetchone()
    assert daemon.status().drift
    steps = [step.what for step in daemon.install()]
    assert "function cdc.capture_public_value" in steps
    assert daemon.install() == []
    assert daemon.status().drift == []
    shop.execute("UPDATE value SET content = 'another' WHERE attribute_id = 80")
    assert entries(shop)[-1] == 16
    daemon.assert_in_step()
    assert shop.execute("SELECT count(*) FROM cdc.resync").fetchone() == before
    shop.execute("UPDATE value SET content = 'after' WHERE attribute_id = 73")
    daemon.assert_in_step()


QUERIES = {
    "left joins": "SELECT p.id, n.content AS name, c.content AS color FROM product AS p"
    " LEFT JOIN value AS n ON n.product_id = p.id AND n.attribute_id = 1 AND n.store_id = 0"
    " LEFT JOIN value AS c ON c.product_id = p.id AND c.attribute_id = 2 AND c.store_id = 1",
    "one or a list": "SELECT p.id, (SELECT json_agg(v.content ORDER BY v.attribute_id, v.store_id) FROM value"
    " AS v WHERE v.product_id = p.id AND (v.attribute_id IN (1, 2) AND v.store_id = 0 OR v.content IS NULL))"
    " AS contents FROM product AS p",
    "without": "SELECT p.id, p.sku FROM product AS p WHERE NOT EXISTS"
    " (SELECT FROM value AS v WHERE v.product_id = p.id AND v.attribute_id = 1 AND v.store_id <> 0)",
    "newest": "SELECT p.id, t.attribute_id, t.content FROM product AS p LEFT JOIN LATERAL"
    " (SELECT v.attribute_id, v.content FROM value AS v WHERE v.product_id = p.id AND v.attribute_id > 1"
    " AND v.content <> 'b' ORDER BY v.attribute_id DESC, v.store_id LIMIT 1) AS t ON true",
    "grouped": "SELECT v.product_id AS id, count(*) AS n, max(v.content) AS content FROM value AS v"
    " WHERE v.attribute_id BETWEEN 1 AND 2 GROUP BY v.product_id HAVING count(*) > 1",
    "unmatched": "SELECT p.id, v.attribute_id, v.store_id FROM product AS p LEFT JOIN value AS v"
    " ON v.product_id = p.id AND v.attribute_id = 3 AND v.store_id = 1 WHERE v.content IS NULL",
}


def random_write(chance: random.Random) -> str:
    product, attribute, store = chance.randint(1, 5), chance.randint(1, 3), chance.randint(0, 1)
    content = chance.choice(["'a'", "'b'", "'c'", "NULL"])
    conditions = [f"product_id = {product}", f"attribute_id = {attribute}", f"store_id = {store}"]
    where = " AND ".join(chance.sample(conditions, chance.choice([1, 2, 2, 3])))
    insert = f"INSERT INTO value VALUES ({product}, {attribute}, {store}, {content}) ON CONFLICT"
    key = f"product_id = {product}, attribute_id = {attribute}, store_id = {store}"
    free = f"NOT EXISTS (SELECT FROM value WHERE {key.replace(',', ' AND')})"
    one = f"ctid = (SELECT ctid FROM value WHERE {where} ORDER BY content LIMIT 1)"
    return chance.choice(
        [
            f"{insert} DO NOTHING",
            f"{insert} ON CONSTRAINT value_pkey DO UPDATE SET content = {content}",
            f"UPDATE value SET content = {content} WHERE {where}",
            f"UPDATE value SET {key} WHERE {one} AND {free}",
            f"UPDATE value SET {key}, content = {content} WHERE {one} AND {free}",
            f"DELETE FROM value WHERE {where}",
            f"INSERT INTO product VALUES ({product}, {content}) ON CONFLICT DO NOTHING",
            f"DELETE FROM product WHERE id = {product}",
        ]
    )


@pytest.mark.parametrize("name", QUERIES)
def test_after_random_writes_the_documents_are_those_of_the_query(
    name: str, database: str, connect: Connect, tmp_path: Path
) -> None:
    chance = random.Random(name)  # noqa: S311 # the same writes each time
    schema = SHOP + "DELETE FROM value; DELETE FROM product WHERE id > 3"
    shop = Synced(tmp_path, database, schema=schema, feeds={"f": Feed(QUERIES[name])})
    shop.sync()
    writer = connect(autocommit=False)
    stored = "SELECT document::text FROM cdc.feed_f WHERE NOT deleted ORDER BY 1"
    wanted = f"SELECT row_to_json(q)::text FROM ({QUERIES[name]}) AS q ORDER BY 1"
    written, logged = 0, 0
    with shop.feed_sync("f") as sync:
        for _ in range(60):
            for _ in range(chance.choice([1, 1, 2, 5])):
                statement = random_write(chance)
                if chance.random() < 0.2:
                    writer.execute("SAVEPOINT s")
                    writer.execute(statement.encode())
                    writer.execute("ROLLBACK TO s")
                else:
                    written += writer.execute(statement.encode()).rowcount > 0 and " value " in statement
            writer.commit()
            done = sync.run_pass()
            assert done is not None
            logged += done.delta.entries
            assert writer.execute(stored).fetchall() == writer.execute(wanted.encode()).fetchall()
            writer.commit()
    assert 0 < logged < written
