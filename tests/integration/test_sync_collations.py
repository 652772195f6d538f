"""Columns that compare by collations of their own, under which values of different bytes may be equal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cdc_daemon.feeds.catalogue import describe
from tests.conftest import Connect
from tests.support.command import Feed, execute
from tests.support.delta import Connection, follow, outcome, remember
from tests.support.synced import Synced

CASELESS = "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
# The embedded server has no ICU, and so no collation under which other bytes are equal.
BYTEWISE = 'CREATE COLLATION ci FROM "C";'
SCHEMA = """
CREATE DOMAIN label AS text COLLATE ci;
CREATE TABLE t (id int PRIMARY KEY, name text COLLATE ci, size varchar(9) COLLATE ci);
CREATE TABLE u (id int PRIMARY KEY, name label, code char(4) COLLATE "C", tags text[] COLLATE ci);
CREATE TABLE p (id int PRIMARY KEY, name text);
CREATE TABLE q (id int PRIMARY KEY, name text COLLATE ci, v int);
CREATE TABLE r (id int PRIMARY KEY, name text, v int);
CREATE TABLE k (code text COLLATE ci PRIMARY KEY, parent text COLLATE ci, v int);
CREATE VIEW caseless AS SELECT p.id, p.name COLLATE ci AS name FROM p;
CREATE VIEW bytewise AS SELECT q.id, q.name COLLATE "default" AS name, q.v FROM q;
INSERT INTO t VALUES (1, 'x', 'y');
INSERT INTO p VALUES (1, 'Abc'), (2, 'x'), (3, 'ABC');
INSERT INTO r VALUES (1, 'aBC', 1), (2, 'X', 2), (3, 'abc', 3);
INSERT INTO k VALUES ('root', NULL, 1), ('Leaf', 'ROOT', 1), ('other', 'leaf', 1);
"""

FEEDS = {
    "constant": "SELECT id, name FROM t WHERE name = 'abc'",
    "listed": "SELECT id, name FROM t WHERE name IN ('abc', 'Y') OR size = 'abc'",
    "before": "SELECT id, name FROM t WHERE name < 'B' AND id < 100",
    "of_a_domain": "SELECT id, name FROM u WHERE name = 'abc' OR code = 'Abc'",
    "of_an_array": "SELECT id FROM u WHERE tags = ARRAY['abc'] OR 'xyz' = ANY (tags)",
    "joined": "SELECT p.id, sum(q.v) AS v FROM p LEFT JOIN q ON q.name = p.name GROUP BY p.id",
    "the_other_way": "SELECT q.id, count(p.id) AS n FROM q LEFT JOIN p ON p.name = q.name GROUP BY q.id",
    "through": "SELECT p.id, count(r.v) AS n FROM p JOIN q ON q.name = p.name"
    " JOIN r ON q.name = r.name GROUP BY p.id",
    "written_out": "SELECT p.id, count(r.v) AS n FROM p JOIN t ON t.name = p.name JOIN q ON q.name = t.name"
    ' JOIN r ON r.name = q.name COLLATE "C" GROUP BY p.id',
    "partition": "SELECT id, name, count(*) OVER (PARTITION BY name) AS n FROM q",
    "beyond_a_partition": 'SELECT r.id, w.n FROM r JOIN (SELECT DISTINCT q.name COLLATE "C" AS name,'
    " count(*) OVER (PARTITION BY q.name) AS n FROM q) w ON w.name = r.name",
    "not_among": "SELECT p.id FROM p WHERE p.name NOT IN (SELECT q.name FROM q WHERE q.name IS NOT NULL)",
    "exists": "SELECT p.id, EXISTS (SELECT FROM t WHERE t.name = p.name) AS there FROM p",
    "by_view": "SELECT v.id, v.name FROM caseless v WHERE v.name = 'abc'",
    "by_bytewise_view": "SELECT t.id, sum(v.v) AS v FROM t LEFT JOIN bytewise v ON v.name = t.name"
    " GROUP BY t.id",
    "in_expressions": "SELECT r.id, count(*) AS n FROM r JOIN p ON r.name COLLATE ci = p.name"
    " WHERE p.name COLLATE ci <> 'no' GROUP BY r.id",
    "cast_to_a_domain": "SELECT r.id, count(p.id) AS n FROM r JOIN p ON p.name::label = r.name GROUP BY r.id",
    "tree": "WITH RECURSIVE above AS (SELECT k.code, k.code AS top FROM k WHERE k.parent IS NULL UNION ALL"
    " SELECT k.code, above.top FROM above JOIN k ON k.parent = above.code)"
    " SELECT p.id, (SELECT count(*) FROM above WHERE above.top = p.name) AS n FROM p",
}
SMALL_BATCHES = '[sinks.file]\ntype = "file"\npath = "out/{feed}.ndjson"\nbatch_records = 7\n'
WHOLE_WAY = ("constant", "listed", "before", "of_a_domain", "of_an_array", "joined", "partition", "by_view")

CHANGES = (
    "INSERT INTO t VALUES (2, 'ABC', 'aBc'), (3, 'abc', NULL), (4, 'a', 'B')",
    "UPDATE t SET name = 'aBc' WHERE id < 3",
    "UPDATE t SET name = 'ABC'",
    "INSERT INTO u VALUES (1, 'ABC', 'abc', '{ABC}'), (2, 'x', 'Abc', '{XYZ,d}'), (3, 'aBC', 'z', '{abc}')",
    "UPDATE u SET name = 'Abc', tags = '{aBc}' WHERE id = 2",
    "INSERT INTO q VALUES (1, 'aBC', 1), (2, 'x', 2)",
    "UPDATE q SET v = 5 WHERE id = 1",
    "UPDATE q SET name = 'ABC' WHERE id = 1",
    "INSERT INTO q VALUES (3, 'ABc', 3), (4, 'abc', 4)",
    "UPDATE r SET name = 'ABC' WHERE id = 3",
    "UPDATE r SET name = 'X' WHERE id = 1",
    "UPDATE p SET name = 'X' WHERE id = 3",
    "UPDATE p SET name = 'aBC' WHERE id = 2; DELETE FROM q WHERE id = 3",
    "DELETE FROM q WHERE id = 4; DELETE FROM r WHERE id = 3",
    "UPDATE p SET name = 'LEAF' WHERE id = 1",
    "UPDATE p SET name = 'ROOT' WHERE id = 1; UPDATE k SET parent = 'LEAF' WHERE code = 'other'",
    "UPDATE k SET parent = NULL, v = 2 WHERE code = 'leaf'",
    "DELETE FROM t",
)


def test_no_entity_is_missed_that_is_equal_by_a_collation_alone(database: str, connect: Connect) -> None:
    connection = connect()
    connection.execute(schema(connection).encode())
    followed = {name: follow(connection, query, ["id"], "public") for name, query in FEEDS.items()}
    changed: Counter[str] = Counter()
    for change in CHANGES:
        remember(connection, list(followed.values()))
        connection.execute(change.encode())
        for number, (name, each) in enumerate(followed.items()):
            seen = outcome(connection, number, each)
            assert not seen.missed, f"{name} misses {seen.missed} after {change}\n{each.analysis}"
            changed[name] += seen.changed
    assert all(changed[name] for name in FEEDS if has_icu(connection)), "some query shows nothing"


def test_documents_follow_what_is_equal_by_a_collation_alone(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    """All the way: capture's conditions, what entries carry, routes, what is stored."""
    feeds = {name: Feed(FEEDS[name]) for name in WHOLE_WAY}
    synced = Synced(tmp_path, database, schema=schema(connect()), feeds=feeds)
    synced.sync()
    for change in (
        CHANGES[0],
        CHANGES[1],
        CHANGES[3],
        CHANGES[4],
        CHANGES[5],
        CHANGES[6] + "; " + CHANGES[7],
    ):
        synced.sync(change)
        wrong = {feed for feed in feeds if synced.documents(feed) != synced.query(feed)}
        assert not wrong, f"after {change}"


def test_an_index_by_a_finer_collation_makes_no_unique_key(database: str, connect: Connect) -> None:
    connection = connect()
    connection.execute((schema(connection) + 'CREATE UNIQUE INDEX ON t (name COLLATE "C")').encode())
    _, catalogue = describe(
        connection, feed="f", text="SELECT id FROM t", key=(), entity=(), search_path="public"
    )
    (table,) = catalogue.tables.values()
    assert table.unique_keys == ((("id",),) if has_icu(connection) else (("id",), ("name",)))


def schema(connection: Connection) -> str:
    return (CASELESS if has_icu(connection) else BYTEWISE) + SCHEMA


def has_icu(connection: Connection) -> bool:
    return bool(connection.execute("SELECT FROM pg_collation WHERE collname = 'und-x-icu'").fetchall())


def test_a_key_that_is_spelled_otherwise_is_deleted_where_it_was_delivered(
    database: str, connect: Connect, tmp_path: Path
) -> None:
    feeds = {"keyed": Feed("SELECT code, v FROM k", key=("code",))}
    rows = (
        "INSERT INTO k SELECT chr(65 + n % 6) || chr(97 + n / 6), NULL, n FROM generate_series(0, 29) AS n;"
    )
    synced = Synced(tmp_path, database, schema=schema(connect()) + rows, feeds=feeds, sinks=SMALL_BATCHES)
    synced.sync()  # the sink is new: it reads all documents in the order of their keys, page by page
    assert synced.documents("keyed") == synced.query("keyed")
    synced.sync("UPDATE k SET code = 'ROOT' WHERE code = 'root'; UPDATE k SET v = 2 WHERE code = 'other'")
    assert synced.documents("keyed") == synced.query("keyed")
    synced.sync("UPDATE k SET code = upper(code) WHERE v < 20", "DELETE FROM k WHERE code = 'LEAF'")
    assert synced.documents("keyed") == synced.query("keyed")


NUMBERED = """
CREATE TABLE n (id int PRIMARY KEY, size numeric, v int);
INSERT INTO n SELECT n, n + 0.5, n FROM generate_series(1, 9) AS n;
"""


def test_a_number_with_other_zeros_replaces_the_document_under_the_old_spelling(
    database: str, tmp_path: Path
) -> None:
    """Receivers that compare the text of keys, and one that compares numbers, end with the same documents."""
    sinks = f'{SMALL_BATCHES}[sinks.target]\ntype = "postgres"\ndsn = "{database}"\ntable = "copied"\n'
    feeds = {"sizes": Feed("SELECT size, v FROM n", key=("size",))}
    synced = Synced(tmp_path, database, schema=NUMBERED, feeds=feeds, sinks=sinks)
    synced.sync()
    for change in (
        "UPDATE n SET size = 3.50 WHERE id = 3",
        "UPDATE n SET size = size + 0.00 WHERE id < 8; UPDATE n SET v = -v WHERE id > 6",
        "UPDATE n SET size = 4.5000 WHERE id = 4; DELETE FROM n WHERE id = 5",
        "UPDATE n SET size = 4.5 WHERE id = 4",
    ):
        synced.sync(change)
        assert synced.documents("sizes") == synced.query("sizes"), change
        assert synced.value("SELECT count(*) FROM copied AS c JOIN n ON c.document->>'v' = n.v::text") == (
            synced.value("SELECT count(*) FROM n")
        ), change
    # The deletes come in a full snapshot, too, if nothing was delivered in between.
    execute(database, "UPDATE n SET size = 6.50000 WHERE id = 6")
    with synced.feed_sync("sizes") as feed:
        feed.run_pass()
    assert synced.call("replay", "file", "--all")
    synced.sync()
    assert synced.documents("sizes") == synced.query("sizes")
